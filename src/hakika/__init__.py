"""Hakika: a self-hosted M-Pesa payments server. Every payment reaches the right final state, once."""

__version__ = "0.1.0"
