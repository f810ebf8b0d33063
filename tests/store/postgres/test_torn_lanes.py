"""What goes wrong on a connection is told as what it was, and spoils nothing for whoever comes next."""

import asyncio
import inspect
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, insert, select, text

from hakika.domain.errors import StoreUnavailable
from hakika.store import Store, Transaction
from hakika.store.databases import lanes
from hakika.store.databases.postgres import PostgresStore
from hakika.store.tables import budgets

pytestmark = pytest.mark.anyio

PREPARED_AFTER = 6

_INSERT = insert(budgets)
_STATES = select(budgets.c.state)
_ENDED = r"server closed the connection|terminating connection"
_COUNT = select(func.count()).select_from(budgets)


def write_behind(tx: Transaction) -> None:
    """Write a row, once a name is free."""
    tx.lock_name("held")
    tx.tell_later(_INSERT, account="acc_1", state="{}")


def ask_and_write_behind(tx: Transaction) -> None:
    """The same, where the transaction has begun by then."""
    tx.ask(_COUNT)
    write_behind(tx)


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


async def test_a_server_that_hangs_keeps_nobody_for_ever(
    store: Store, holder: "psycopg.AsyncConnection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is not answered in time is told that, and not what came of letting go; the lane is free again."""
    assert await store.glance(lambda tx: tx.ask(_COUNT)) == [(0,)]
    await store.write(lambda tx: tx.ask(_COUNT))
    for job in (write_behind, ask_and_write_behind):
        monkeypatch.setattr(lanes, "SILENT_AFTER_S", 0.05)
        with pytest.raises(StoreUnavailable, match="wait timeout expired"):
            await store.write(job)
        monkeypatch.undo()
    await holder.rollback()
    await asyncio.gather(*(store.write(lambda tx: tx.ask(_COUNT)) for _ in range(8)))


async def test_what_ended_a_connection_is_told(store: Store) -> None:
    """And not what came of asking for a ROLLBACK on it, or of leaving its batch: that says nothing to anybody."""
    end = select(func.pg_terminate_backend(func.pg_backend_pid()))
    for way in (store.write, store.glance):
        with pytest.raises(StoreUnavailable, match=_ENDED):
            await way(lambda tx: tx.ask(end))
    with pytest.raises(StoreUnavailable, match=_ENDED):
        await store.write(lambda tx: tx.tell_later(end))


async def test_a_transaction_that_is_cancelled_is_cancelled(
    postgres_url: str, holder: "psycopg.AsyncConnection[Any]"
) -> None:
    """When the loop ends, what is under way ends as cancelled, not as answered; its connection is not used again."""
    opened = PostgresStore(postgres_url)
    await opened.write(lambda tx: tx.ask(_COUNT))
    waiting = asyncio.ensure_future(opened.write(write_behind))
    await opened.glance(lambda tx: tx.ask(_COUNT))
    (task,) = opened._writing._running
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not opened._writing._free
    await holder.rollback()
    await opened.write(lambda tx: tx.ask(_COUNT))
    await opened.close()


def test_psycopg_has_what_a_batch_overrides() -> None:
    """The names are psycopg's own business. Without them a batch goes out piece by piece, and no other test says so."""
    assert inspect.isgeneratorfunction(psycopg.Pipeline._communicate_gen)
    assert [*inspect.signature(psycopg.Pipeline._exit).parameters] == ["self", "exc"]
    for caller in (psycopg.Pipeline._exit_gen, psycopg.Cursor._execute_gen):
        assert "_communicate_gen" in caller.__code__.co_names
    assert {"command_queue", "result_queue"} <= {*psycopg.Pipeline._enqueue_sync.__code__.co_names}
    assert "_pipeline" in psycopg.Cursor._execute_gen.__code__.co_names
