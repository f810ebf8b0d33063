"""Running the server: one process on a SQLite file, its whereabouts written down, stopped gracefully.

presence   who holds the database, and where the running server of this data directory is
server     the server itself
"""
