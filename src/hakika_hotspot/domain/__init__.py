"""What is sold and what it adds up to: no clock, no random, no I/O."""
