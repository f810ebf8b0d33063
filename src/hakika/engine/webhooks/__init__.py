"""Webhooks: endpoints, what is owed to each, and delivering it until it is delivered."""
