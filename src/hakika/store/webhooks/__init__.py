"""Endpoints, what they are owed, and what became of it."""
