"""Alerts and their rules as rows, and the figures by which they are judged."""
