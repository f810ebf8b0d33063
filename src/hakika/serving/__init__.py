"""Running the server: one process on a SQLite file, its whereabouts written down, stopped gracefully.

connections   how long a request may take to arrive, and how many may be connected
presence      who holds the database, and where the running server of this data directory is
server        the server itself
"""
