"""Lanes: transactions on PostgreSQL that wait in the event loop's own thread."""

import asyncio
import threading
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, insert, select, text

from hakika.domain.errors import StoreUnavailable
from hakika.store import Store, Transaction, open_store
from hakika.store.databases import lanes
from hakika.store.tables import budgets

pytestmark = pytest.mark.anyio

_INSERT = insert(budgets)


def write_budget(tx: Transaction, account: str) -> int:
    """Write a row that is about nothing else, and say in which thread."""
    tx.tell_later(_INSERT, account=account, state="{}")
    return threading.get_ident()


def count_budgets(tx: Transaction) -> int:
    """Count those rows."""
    return int(tx.execute(select(func.count()).select_from(budgets)).scalar_one())


def hold(tx: Transaction) -> None:
    """Wait for a name that somebody else holds."""
    tx.lock_name("held")
    tx.send()


async def test_the_loop_goes_on_while_a_transaction_waits(store: Store, holder: "psycopg.AsyncConnection[Any]") -> None:
    """A write that waits for a lock keeps nobody else waiting, and all of it runs in the loop's own thread."""
    waiting = asyncio.ensure_future(store.write(hold))
    assert await store.write(lambda tx: write_budget(tx, "acc_1")) == threading.get_ident()
    assert await store.glance(count_budgets) == 1
    assert not waiting.done()
    await holder.rollback()
    await waiting


async def test_a_transaction_ends_though_nobody_waits_for_it(
    store: Store, holder: "psycopg.AsyncConnection[Any]"
) -> None:
    """Whoever stops waiting for a write does not stop it: it is not known to be undone, so it is done."""

    def job(tx: Transaction) -> None:
        hold(tx)
        write_budget(tx, "acc_1")

    waiting = asyncio.ensure_future(store.write(job))
    await store.glance(count_budgets)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await holder.rollback()
    await store.close()
    again = open_store(store.url)
    assert await again.read(count_budgets) == 1
    await again.close()


async def test_a_broken_connection_is_replaced(store: Store) -> None:
    """What runs on a connection that the server ends is unavailable, once; the next one is another connection."""
    end = text("SELECT pg_terminate_backend(pg_backend_pid())")
    for way in (store.write, store.glance):
        with pytest.raises(StoreUnavailable):
            await way(lambda tx: tx.execute(end).all())
        assert await way(count_budgets) == 0


async def test_a_connection_that_broke_while_it_idled_is_noticed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that was not used for a while is asked first, so nobody meets one that the server has ended."""
    monkeypatch.setattr(lanes, "PING_AFTER_S", 0)
    await store.write(lambda tx: write_budget(tx, "acc_1"))
    await store.glance(count_budgets)
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    await store.read(lambda tx: tx.execute(text(f"{others} AND pid <> pg_backend_pid()")).all())
    await store.write(lambda tx: write_budget(tx, "acc_2"))
    assert await store.glance(count_budgets) == 2


async def test_whoever_finds_no_lane_free_is_told_so(
    store: Store, holder: "psycopg.AsyncConnection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """While all lanes wait, a write gives up after seconds, and is not done later."""
    waiting = [asyncio.ensure_future(store.write(hold)) for _ in range(8)]
    await store.glance(count_budgets)
    monkeypatch.setattr(lanes, "GIVES_UP_AFTER_S", 0.01)
    with pytest.raises(StoreUnavailable, match="no connection was free"):
        await store.write(lambda tx: write_budget(tx, "acc_1"))
    await holder.rollback()
    await asyncio.gather(*waiting)
    assert await store.glance(count_budgets) == 0


async def test_a_transaction_that_asks_nothing_is_one_trip(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """BEGIN, what is written and COMMIT go out together, and are waited for once."""
    await store.write(lambda tx: write_budget(tx, "acc_1"))
    waits: list[int] = []
    loop = asyncio.get_running_loop()
    add_reader = loop.add_reader

    def count(file: int, *more: Any) -> None:
        waits.append(file)
        add_reader(file, *more)

    monkeypatch.setattr(loop, "add_reader", count)
    await store.write(lambda tx: write_budget(tx, "acc_2"))
    assert len(waits) <= 1


async def test_what_was_presumed_new_and_is_not_is_done_again_with_care(store: Store) -> None:
    """A job may presume rows new and go on; if one is not, all that it wrote is undone, and it runs once more."""
    await store.write(lambda tx: write_budget(tx, "acc_1"))
    presumed: list[bool] = []

    def job(tx: Transaction) -> str:
        presumed.append(tx.may_presume)
        write_budget(tx, "acc_2" if tx.may_presume else "acc_3")
        if tx.may_presume:
            write_budget(tx, "acc_1")
        return "done"

    assert await store.write(job) == "done"
    assert presumed == [True, False]
    kept = select(budgets.c.account).order_by(budgets.c.account)
    assert await store.read(lambda tx: list(tx.execute(kept).scalars())) == ["acc_1", "acc_3"]
