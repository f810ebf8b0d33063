"""Checkouts: one purchase, however many attempts it takes, with at most one alive."""
