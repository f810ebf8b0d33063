"""What goes wrong on a connection is told as what it was, and spoils nothing for whoever comes next."""

from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy import func, insert, select, text

from hakika.store import Store, Transaction, open_store
from hakika.store.tables import budgets

pytestmark = pytest.mark.anyio

PREPARED_AFTER = 6

_INSERT = insert(budgets)
_STATES = select(budgets.c.state)
_COUNT = select(func.count()).select_from(budgets)


@pytest.fixture
async def store(postgres_url: str, anyio_backend: str) -> AsyncIterator[Store]:
    """A store on PostgreSQL."""
    opened = open_store(postgres_url)
    yield opened
    await opened.close()


async def test_reading_goes_on_after_the_schema_changed(store: Store) -> None:
    """What was prepared before a column was changed fails once, and is prepared anew; on every way to read."""
    for way, kind in ((store.read, "varchar"), (store.glance, "text"), (store.write, "varchar")):
        for _ in range(PREPARED_AFTER):
            await way(lambda tx: tx.ask(_STATES))
        change = text(f"ALTER TABLE budgets ALTER COLUMN state TYPE {kind}")
        store.write_now(lambda tx, change=change: tx.execute(change))  # type: ignore[misc]
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            await way(lambda tx: tx.ask(_STATES))
        assert await way(lambda tx: tx.ask(_STATES)) == []


async def test_a_statement_that_failed_is_never_answered_as_done(store: Store) -> None:
    """A job that goes on after one of its statements failed is told that nothing was written, on both ways."""

    def job(tx: Transaction) -> str:
        tx.tell(_INSERT, account="acc_1", state="{}")
        try:
            tx.tell(_INSERT, account="acc_1", state="{}")
        except psycopg.errors.UniqueViolation:
            return "done"
        return "impossible"

    with pytest.raises(RuntimeError, match="nothing was written"):
        await store.write(job)
    with pytest.raises(RuntimeError, match="nothing was written"):
        store.write_now(job)
    assert await store.read(lambda tx: tx.ask(_COUNT)) == [(0,)]
