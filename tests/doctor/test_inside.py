"""Each check of payments, database and deliveries finds its own trouble, alone, and says the cure."""

import asyncio
import dataclasses
import sqlite3
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, insert, text, update
from sqlalchemy.engine import make_url

from hakika.doctor import looking
from hakika.doctor.checks import inside_locks
from hakika.doctor.ground import Ground
from hakika.domain.evidence import GaveUp
from hakika.store import open_store
from hakika.store.databases import sqlite
from hakika.store.databases.sqlite import SqliteStore
from hakika.store.tables import deliveries, delivery_attempts, endpoints, events
from tests.doctor.surgery import find_trouble, look_at
from tests.engine.till import Till

pytestmark = pytest.mark.anyio

MB = 1024 * 1024


# ── payments ──────────────────────────────


async def test_nobody_acts_on_what_is_due(till: Till, ground: Ground) -> None:
    """A payment that was due minutes ago is stuck: named, since when, and that a server must run."""
    row = await till.ask()
    till.clock.pass_s(10 * 60)
    assert await find_trouble(ground) == {"inside.stuck": "failed"}
    found = await look_at(ground, "inside.stuck")
    assert row.id in found.evidence
    assert "hakika serve" in found.cure
    await till.spoil(row, due_at_ms=None)
    assert "inside.stuck" in await find_trouble(ground)


async def test_long_pending_is_a_warning(till: Till, ground: Ground) -> None:
    """Somebody acts on it, and nobody knows yet: `hakika explain` says what is waited for."""
    row = await till.prompt()
    till.clock.pass_s(6 * 60)
    await till.worker.run_once()
    assert await find_trouble(ground) == {"inside.stuck": "warning"}
    found = await look_at(ground, "inside.stuck")
    assert found.evidence.startswith(f"{row.id}: pending for up to 6 min")
    assert "hakika explain" in found.cure


async def test_unresolved_payments(till: Till, ground: Ground) -> None:
    """Each waits for a person: how many, since when, and how to resolve them."""
    for _ in range(5):
        await till.hear(await till.prompt(), GaveUp(till.clock(), "nobody knows"))
    assert await find_trouble(ground) == {"inside.unresolved": "failed"}
    found = await look_at(ground, "inside.unresolved")
    assert found.evidence.startswith("5 payments")
    assert "and 2 more" in found.evidence
    assert "hakika resolve" in found.cure


async def test_mispaid_payments(till: Till, ground: Ground) -> None:
    """Another amount arrived than was asked for: a warning, with what to do."""
    row = await till.prompt()
    await till.call_back(row, amount=7)
    assert await find_trouble(ground) == {"inside.mispaid": "warning"}
    found = await look_at(ground, "inside.mispaid")
    assert row.id in found.evidence
    assert "amount_received" in found.cure


async def test_frozen_payments(till: Till, ground: Ground) -> None:
    """A payment that broke a rule is named, and `hakika verify` is the first thing to do."""
    row = await till.prompt()
    await till.spoil(row, frozen="a rule was broken")
    assert await find_trouble(ground) == {"inside.frozen": "failed"}
    found = await look_at(ground, "inside.frozen")
    assert (row.id in found.evidence, "hakika verify" in found.cure) == (True, True)


# ── the database ──────────────────────────────


async def test_a_database_that_cannot_be_opened(ground: Ground) -> None:
    """Is one finding with the reason; every check that would read it is skipped, and says where to look."""
    ground = dataclasses.replace(ground, store=None, accounts=None, store_trouble="hakika.db is no file.")
    assert await find_trouble(ground) == {"inside.database": "failed"}
    found = await look_at(ground, "inside.database")
    assert (found.evidence, "DATABASE_URL" in found.cure) == ("hakika.db is no file.", True)
    assert (await look_at(ground, "inside.unresolved")).outcome == "skipped"


async def test_a_database_that_is_read_only(till: Till, ground: Ground) -> None:
    """It can be read and not written: alone inside.database fails, and all that reads still reports."""
    await till.hear(await till.prompt(), GaveUp(till.clock(), "nobody knows"))
    store = till.store
    if isinstance(store, SqliteStore):
        store._drop_writer()
        event.listen(store._write_engine, "connect", lambda made, _: made.execute("PRAGMA query_only=ON"))
    else:
        await store.write(
            lambda tx: tx.execute(text(f"ALTER DATABASE {name_of(till)} SET default_transaction_read_only=on"))
        )
        store = open_store(till.url)
        ground = dataclasses.replace(ground, store=store)
    assert await find_trouble(ground) == {"inside.database": "failed", "inside.unresolved": "failed"}
    found = await look_at(ground, "inside.database")
    assert "read" in found.evidence.partition("written. ")[2]
    assert "whether it is a standby" in found.cure
    if store is not till.store:
        await store.close()


def name_of(till: Till) -> str:
    """The name of a PostgreSQL database."""
    return str(make_url(till.url).database)


async def test_a_database_file_that_is_gone(till: Till, ground: Ground) -> None:
    """What is written now would be lost with the server: the file was moved while it is open."""
    if isinstance(till.store, SqliteStore):
        till.store.path.rename(till.store.path.with_suffix(".moved"))
        assert await find_trouble(ground) == {"inside.database": "failed"}
        assert "Move it back" in (await look_at(ground, "inside.database")).cure


async def test_somebody_holds_the_database(till: Till, ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program has it locked (SQLite), or sits in a transaction that it forgot (PostgreSQL)."""
    if isinstance(till.store, SqliteStore):
        monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 20)
        other = sqlite3.connect(till.store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert await find_trouble(ground) == {"inside.locks": "failed"}
        found = await look_at(ground, "inside.locks")
        other.close()
    else:
        monkeypatch.setattr(inside_locks, "IDLE_S", 0)
        with psycopg.connect(till.url.replace("+psycopg", "")) as forgotten:
            forgotten.execute("SELECT 1")
            assert await find_trouble(ground) == {"inside.locks": "warning"}
            found = await look_at(ground, "inside.locks")
        assert "is idle in transaction" in found.evidence
    assert "program" in found.cure


async def test_who_writes_long_is_waited_for_once(till: Till, ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """One write is tried for all checks, and given up in time: who comes second is not said to have failed itself."""
    tried: list[object] = []

    async def hang(job: object) -> None:
        tried.append(job)
        await asyncio.Event().wait()

    monkeypatch.setattr(till.store, "write", hang)
    monkeypatch.setattr(looking, "TRIED_FOR_S", 0.02)
    assert await find_trouble(ground) == {"inside.locks": "failed"}
    assert "did not come to it" in (await look_at(ground, "inside.locks")).evidence
    assert len(tried) == 1


@pytest.mark.parametrize(
    ("version", "cure"), [("0001", "hakika migrate"), ("9999", "newer one"), ("", "hakika migrate")]
)
async def test_another_schema(till: Till, ground: Ground, version: str, cure: str) -> None:
    """An older one is migrated, a newer one needs the newer program; one of somebody else is said to be that."""
    change_to = (
        text("UPDATE alembic_version SET version_num = :version") if version else text("DROP TABLE alembic_version")
    )
    values = {"version": version} if version else None
    await till.store.write(lambda tx: tx.execute(change_to, values))
    assert await find_trouble(ground) == {"inside.schema": "failed"}
    assert cure in (await look_at(ground, "inside.schema")).cure


async def test_tables_that_are_missing_are_the_schemas_matter(till: Till, ground: Ground) -> None:
    """What reads them is skipped, and says where to look, instead of failing in the driver's words."""
    await till.store.write(lambda tx: tx.execute(text("DROP TABLE quarantine")))
    await till.store.write(lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = '0001'")))
    assert await find_trouble(ground) == {"inside.schema": "failed"}
    assert "inside.schema" in (await look_at(ground, "callers.unknown")).evidence


async def test_a_database_that_is_told_to_forget(till: Till, ground: Ground) -> None:
    """The PostgreSQL of these tests runs with fsync off; SQLite is told by a pragma: it is found, and how to end it."""
    if isinstance(till.store, SqliteStore):
        event.listen(till.store._read_engine, "connect", lambda made, _: made.execute("PRAGMA synchronous=OFF"))
        till.store._read_engine.dispose()
        assert await find_trouble(ground) == {"inside.durability": "failed"}
    found = await look_at(ground, "inside.durability")
    assert (found.outcome, "may be lost with the power" in found.evidence) == ("failed", True)
    assert found.cure.startswith("Set ")


# ── what is owed ──────────────────────────────


async def add_endpoint(till: Till, **given: Any) -> None:
    """An endpoint, as it is in the database."""
    row = {"id": "ep_1", "url": "https://shop.example/hooks?secret=abc123", "active": True, "created_at_ms": 1}
    await till.store.write(lambda tx: tx.execute(insert(endpoints).values(**(row | given))))


async def owe(till: Till, status: str, due_at_ms: int | None) -> None:
    """An event that is owed to it."""
    await till.prompt()
    values = {"status": status, "due_at_ms": due_at_ms}
    await till.store.write(lambda tx: tx.execute(update(deliveries).values(**values)))


async def test_deliveries_that_nobody_makes(till: Till, ground: Ground) -> None:
    """Events were due for minutes to an endpoint that answers: no deliverer runs."""
    await add_endpoint(till)
    await owe(till, "waiting", till.clock() - 10 * 60_000)
    assert await find_trouble(ground) == {"inside.deliveries": "failed"}
    found = await look_at(ground, "inside.deliveries")
    assert found.evidence == "1 event to endpoints that answer, due for 10 min."
    assert "hakika serve" in found.cure


async def test_deliveries_that_were_given_up(till: Till, ground: Ground) -> None:
    """Are a warning for a week, with the command that sends them again."""
    await add_endpoint(till)
    await owe(till, "exhausted", None)
    assert await find_trouble(ground) == {"inside.deliveries": "warning"}
    assert "resend --status exhausted" in (await look_at(ground, "inside.deliveries")).cure
    await till.store.write(lambda tx: tx.execute(update(events).values(at_ms=till.clock() - 8 * 86_400_000)))
    assert await find_trouble(ground) == {}


async def test_an_endpoint_that_fails(till: Till, ground: Ground) -> None:
    """How often, since when, what it answers, what waits; its URL's path and query stay secret."""
    await add_endpoint(till, failures=12, failing_since_ms=till.clock() - 7_200_000)
    await owe(till, "waiting", till.clock() - 10 * 60_000)
    attempt = {"event": 1, "endpoint": "ep_1", "at_ms": 1, "took_ms": 5, "status_code": 500, "error": ""}
    await till.store.write(lambda tx: tx.execute(insert(delivery_attempts).values(**attempt)))
    assert await find_trouble(ground) == {"inside.endpoints": "failed"}
    found = await look_at(ground, "inside.endpoints")
    assert found.evidence == "12 attempts in a row failed for 2 h: HTTP 500. 1 event waits."
    assert found.subject == "ep_1 (https://shop.example)"
    assert "hakika endpoints ping" in found.cure


async def test_an_endpoint_that_is_off(till: Till, ground: Ground) -> None:
    """Off by itself is a failure; off by hand is none, until something waits for it."""
    await add_endpoint(till, active=False)
    assert await find_trouble(ground) == {}
    await owe(till, "waiting", till.clock())
    assert await find_trouble(ground) == {"inside.endpoints": "warning"}
    await till.store.write(lambda tx: tx.execute(update(endpoints).values(off_reason="it answered 410 Gone")))
    assert await find_trouble(ground) == {"inside.endpoints": "failed"}
    assert "hakika endpoints on ep_1" in (await look_at(ground, "inside.endpoints")).cure
