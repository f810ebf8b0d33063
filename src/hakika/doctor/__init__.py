"""The doctor: named checks, each with what it saw, what that means, and the cure. One module a check."""
