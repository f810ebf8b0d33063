"""Daraja as seen from a shop: the code table, the wire protocol (sans-IO) and the one client that talks."""
