"""The store: SQLite or PostgreSQL behind one set of statements.

`tables` is the schema, `migrations` its history. A `Transaction` runs statements; `databases` holds only the
differences; `open_store` chooses. The other modules are verbs on one family of tables each: those of the spine here,
those of what stands around it in rooms that are named as the engine's are.
All database work is synchronous functions over a Transaction: they cannot await, so no network call can
sit inside a transaction.
"""

from hakika.store.opening import Store, open_store
from hakika.store.transaction import Transaction

__all__ = ["Store", "Transaction", "open_store"]
