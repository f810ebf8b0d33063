"""The store: SQLite (default) or PostgreSQL, one set of statements.

All database work is synchronous functions over a Transaction (SQLAlchemy's Connection, which somebody else commits):
they cannot await, so no call to a router or to Hakika can sit inside one.
"""

from hakika_hotspot.store.opening import Store, Transaction, open_store

__all__ = ["Store", "Transaction", "open_store"]
