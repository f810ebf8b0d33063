"""Ready: what is written would be kept. Reading alone does not tell."""

import asyncio
import errno
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from hakika.engine.spool import Spool
from hakika.engine.watching.probe import Probe
from hakika.store.databases.sqlite import SqliteStore
from tests.api.house import Open
from tests.store.test_sqlite_writer import break_next_commit

pytestmark = pytest.mark.anyio


async def look(hakika: Open) -> tuple[int, dict[str, Any]]:
    """What /ready answers."""
    answer = await hakika.visit().get("/ready")
    return answer.status_code, answer.json()["checks"]


async def test_ready(hakika: Open) -> None:
    """All is well, on each database; asking again a moment later writes nothing more."""
    status, checks = await look(hakika)
    assert (status, checks["database"], checks["spool"]) == (200, "ok", "ok")


async def test_a_database_that_takes_no_write_is_not_ready(lite: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process holds it: everything can be read, and within a second it is said that nothing can be written."""
    monkeypatch.setattr("hakika.engine.watching.probe.WITHIN_S", 0.05)
    store = lite.house.store
    assert isinstance(store, SqliteStore)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    status, checks = await look(lite)
    assert (status, "takes no write" in checks["database"]) == (503, True)
    other.execute("ROLLBACK")
    other.close()


async def test_a_full_disk_is_not_ready(lite: Open) -> None:
    """Nothing more can be committed, and that is what it says."""
    store = lite.house.store
    assert isinstance(store, SqliteStore)
    break_next_commit(store, sqlite3.OperationalError("database or disk is full"))
    status, checks = await look(lite)
    assert (status, checks["database"]) == (503, "SQLite: database or disk is full")


async def test_what_the_probe_cannot_explain_is_not_ready(lite: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of ours is named by its kind, and no bare 500."""

    async def fail(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(lite.house.store, "write", fail)
    assert (await look(lite))[1]["database"] == "It takes no write: ZeroDivisionError."


async def test_who_asks_often_loads_nothing(lite: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand questions within a second are one write."""
    writes, write = [], lite.house.store.write

    async def count(job: Any) -> Any:
        writes.append(job)
        return await write(job)

    monkeypatch.setattr(lite.house.store, "write", count)
    monkeypatch.setattr("hakika.engine.watching.probe.KEPT_S", 3600)
    probe = Probe(lite.house.store)
    assert set(await asyncio.gather(*(probe.look() for _ in range(1_000)))) == {"ok"}
    assert await probe.look() == "ok"
    assert len(writes) == 1


async def test_a_database_file_that_is_gone_is_not_ready(lite: Open) -> None:
    """Moved or replaced under the server, what is written would be lost with it: /ready and the worker say so."""
    store = lite.house.store
    assert isinstance(store, SqliteStore)
    assert store.find_misplaced() == ""
    elsewhere = store.path.rename(store.path.with_suffix(".moved"))
    status, checks = await look(lite)
    assert (status, "Move it back" in checks["database"]) == (503, True)
    lite.worker._look_at_store()
    assert lite.worker._misplaced
    store.path.touch()
    assert store.find_misplaced(), "another file of that name"
    elsewhere.rename(store.path)
    assert store.find_misplaced() == ""


async def test_without_a_file_to_open_it_is_not_ready(lite: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has no file descriptor left answers 503 with the reason, and no bare 500."""

    def fail(_: Spool) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Spool, "count", fail)
    status, checks = await look(lite)
    assert (status, checks["spool"]) == (503, "It cannot be read: Too many open files.")


async def test_a_full_spool_is_not_ready(lite: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next callback of an outage would be lost."""
    monkeypatch.setattr("hakika.engine.spool.LIMIT_BYTES", 1_000)
    status, checks = await look(lite)
    assert (status, checks["spool"]) == (503, "full")


def test_the_spool_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes so much and no more, what is being drained included, and all of what it took is kept."""
    monkeypatch.setattr("hakika.engine.spool.LIMIT_BYTES", 1_000)
    spool = Spool(tmp_path / "callbacks.spool")
    spool.append(b"a" * 600)
    with spool.draining() as taken:
        with pytest.raises(OSError, match="the spool has"):
            spool.append(b"b" * 600)
        assert list(taken) == [b"a" * 600]
    spool.append(b"b" * 600)
    assert spool.count() == 1
