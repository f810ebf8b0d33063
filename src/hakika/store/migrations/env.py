"""Alembic's entry: runs the migrations of this folder on the database in `config.attributes`.

Either its `url`, or a `connection` whose transaction somebody else commits.
"""

import contextlib

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

import hakika.store.alerts.tables
import hakika.store.messages.tables  # noqa: F401 - they put their tables into the metadata
from hakika.store.tables import metadata

given = context.config.attributes
begun = contextlib.nullcontext(given["connection"]) if "connection" in given else None
with begun or create_engine(given["url"], poolclass=NullPool).begin() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
