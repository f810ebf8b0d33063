"""Alembic's entry: runs the migrations of this folder on the database in `config.attributes`."""

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from hakika.store.tables import metadata

engine = create_engine(context.config.attributes["url"], poolclass=NullPool)
with engine.begin() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
