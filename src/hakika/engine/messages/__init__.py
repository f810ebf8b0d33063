"""Messages to payers: who is told what, in which words, by whom, at most once."""
