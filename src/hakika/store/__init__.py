"""The store: SQLite or PostgreSQL behind one set of statements.

`tables` is the schema, `migrations` its history. A `Transaction` runs statements; `sqlite` and `postgres` hold
only the differences; `open_store` chooses. The other modules are verbs on one family of tables each.
All database work is synchronous functions over a Transaction: they cannot await, so no network call can
sit inside a transaction.
"""

from hakika.store.opening import Store, open_store
from hakika.store.transaction import Transaction

__all__ = ["Store", "Transaction", "open_store"]
