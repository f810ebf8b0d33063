"""The two databases: how each is opened, spelled to, written to and listened to."""
