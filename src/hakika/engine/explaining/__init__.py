"""What happened to a payment, in words: what it means for the money, and the cure."""
