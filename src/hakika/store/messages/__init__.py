"""What payers are told: channels, messages, and who wants none."""
