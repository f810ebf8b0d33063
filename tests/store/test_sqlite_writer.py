"""SQLite's one writer: first come first served, durable, and never leaving anybody hanging."""

import asyncio
import sqlite3
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hakika.domain.errors import StoreUnavailable
from hakika.store.databases.sqlite import SqliteStore
from hakika.store.transaction import Transaction
from tests.store.test_transactions import count_budgets, write_budget

pytestmark = pytest.mark.anyio


async def test_commits_are_durable(sqlite: SqliteStore) -> None:
    """Writer and readers run with synchronous=FULL in WAL mode."""

    def look(tx: Transaction) -> tuple[Any, Any]:
        return tx.execute(text("PRAGMA journal_mode")).scalar(), tx.execute(text("PRAGMA synchronous")).scalar()

    full = 2
    assert await sqlite.write(look) == ("wal", full)
    assert await sqlite.read(look) == ("wal", full)
    assert sqlite.write_now(look) == ("wal", full)


async def test_writes_are_served_in_the_order_in_which_they_came(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many writers at once run one after another, first come first served, across several commits."""
    monkeypatch.setattr(
        "hakika.store.databases.sqlite.GIVES_UP_AFTER_S", 60
    )  # on a busy machine 24 commits may take over five
    served: list[int] = []
    await asyncio.gather(*(sqlite.write(lambda _, n=n: served.append(n)) for n in range(1_500)))  # type: ignore[misc]
    assert served == list(range(1_500))


async def test_waiting_writes_share_a_commit(sqlite: SqliteStore) -> None:
    """What gathers while a commit runs goes into the next one together."""
    commits = count_commits(sqlite)
    await asyncio.gather(*(sqlite.write(lambda tx, n=n: write_budget(tx, str(n))) for n in range(100)))  # type: ignore[misc]
    assert len(commits) <= 3
    assert await sqlite.read(count_budgets) == 100


def count_commits(sqlite: SqliteStore) -> list[str]:
    """Watch the statements that run in the thread of commits."""
    submit, seen = sqlite._commits.submit, list[str]()

    def watch(*given: Any, **named: Any) -> Any:
        seen.append(given[-1])
        return submit(*given, **named)

    sqlite._commits.submit = watch  # type: ignore[method-assign]
    return seen


def break_next_commit(sqlite: SqliteStore, error: Exception) -> None:
    """Let the next COMMIT raise."""
    submit = sqlite._commits.submit

    def fail(_: Any, statement: str) -> Any:
        sqlite._commits.submit = submit  # type: ignore[method-assign]
        return submit(raise_it, error, statement)

    sqlite._commits.submit = fail  # type: ignore[method-assign,assignment]


def raise_it(error: Exception, statement: str) -> None:
    """Raise instead of running a statement."""
    assert statement == "COMMIT"
    raise error


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), sqlite3.DatabaseError("malformed")])
async def test_a_failed_commit_fails_its_whole_batch_and_nothing_else(sqlite: SqliteStore, error: Exception) -> None:
    """When COMMIT fails all of the batch are told StoreUnavailable, nothing is kept, and the next batch works."""
    await sqlite.write(lambda tx: write_budget(tx, "before"))
    break_next_commit(sqlite, error)
    answers = await asyncio.gather(
        *(sqlite.write(lambda tx, n=n: write_budget(tx, n)) for n in "abc"),  # type: ignore[misc]
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
    assert await sqlite.write(lambda tx: write_budget(tx, "after")) == "after"
    assert await sqlite.read(count_budgets) == 2


async def test_a_dead_committer_fails_its_waiters(sqlite: SqliteStore) -> None:
    """Who waits for a writer that is stopped is told so, and the next write starts it again."""
    await sqlite.write(lambda tx: write_budget(tx, "before"))
    waiting = [asyncio.ensure_future(sqlite.write(lambda tx, n=n: write_budget(tx, n))) for n in "ab"]  # type: ignore[misc]
    await asyncio.sleep(0)
    assert sqlite._committer is not None
    sqlite._committer.cancel()
    answers = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 2
    assert await sqlite.write(lambda tx: write_budget(tx, "after")) == "after"


async def test_a_writer_that_is_stopped_while_it_commits_goes_on(sqlite: SqliteStore) -> None:
    """Stopped in the middle of a COMMIT, the waiters are told, and the next write finds a working writer."""
    waiting = asyncio.ensure_future(sqlite.write(lambda tx: write_budget(tx, "a")))
    for _ in range(3):
        await asyncio.sleep(0)
    assert sqlite._committer is not None
    sqlite._committer.cancel()
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(waiting, 5)
    for name in "bcd":
        assert await sqlite.write(lambda tx, n=name: write_budget(tx, n)) == name  # type: ignore[misc]


async def test_closing_finishes_what_is_queued(sqlite: SqliteStore) -> None:
    """Whatever was asked before `close` is durable and answered, also what is just being committed."""
    waiting = [asyncio.ensure_future(sqlite.write(lambda tx, n=n: write_budget(tx, str(n)))) for n in range(600)]  # type: ignore[misc]
    await asyncio.sleep(0)
    await sqlite.close()
    assert await asyncio.gather(*waiting) == [str(n) for n in range(600)]


async def test_a_caller_who_goes_away_disturbs_nobody(sqlite: SqliteStore) -> None:
    """A write whose caller was cancelled does not keep the others of its batch from being answered."""
    gone = asyncio.ensure_future(sqlite.write(lambda tx: write_budget(tx, "gone")))
    stays = asyncio.ensure_future(sqlite.write(lambda tx: write_budget(tx, "stays")))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == "stays"


HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("ROLLBACK")
"""


async def test_another_process_delays_but_does_not_starve(sqlite: SqliteStore) -> None:
    """While another process holds the file, writes wait without stopping the event loop; then all are served."""
    await sqlite.write(count_budgets)  # opened before the other process came, as in a running server
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, str(sqlite.path), "0.4", stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    started_at, turns = time.monotonic(), 0
    waiting = asyncio.gather(*(sqlite.write(lambda tx, n=n: write_budget(tx, n)) for n in "abc"))  # type: ignore[misc]
    while not waiting.done():
        turns += 1
        await asyncio.sleep(0)
    assert await waiting == ["a", "b", "c"]
    assert 0.1 < time.monotonic() - started_at < 3
    assert turns > 10
    assert await sqlite.read(count_budgets) == 3
    await holder.wait()


async def test_who_waits_too_long_for_another_process_is_told(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When another process does not let go, callers get StoreUnavailable; afterwards all goes on."""
    monkeypatch.setattr("hakika.store.databases.sqlite.BUSY_TIMEOUT_MS", 50)
    await sqlite.write(lambda tx: write_budget(tx, "before"))
    other = sqlite3.connect(sqlite.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await sqlite.write(lambda tx: write_budget(tx, "a"))
    other.execute("ROLLBACK")
    other.close()
    assert await sqlite.write(lambda tx: write_budget(tx, "a")) == "a"


async def test_what_cannot_begin_in_time_is_not_done(sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write behind one that hangs gives up, and surely was not done; the one that hangs is waited for."""
    hang, hanging = threading.Event(), threading.Event()
    await sqlite.write(lambda tx: write_budget(tx, "before"))
    submit = sqlite._commits.submit

    def commit_slowly(run: Any, statement: str) -> Any:
        sqlite._commits.submit = submit  # type: ignore[method-assign]

        def commit() -> None:
            hanging.set()
            hang.wait()
            run(statement)

        return submit(commit)

    sqlite._commits.submit = commit_slowly  # type: ignore[method-assign,assignment]
    first = asyncio.ensure_future(sqlite.write(lambda tx: write_budget(tx, "first")))
    await asyncio.to_thread(hanging.wait)
    monkeypatch.setattr("hakika.store.databases.sqlite.GIVES_UP_AFTER_S", 0.01)
    with pytest.raises(StoreUnavailable, match="did not come to it"):
        await sqlite.write(lambda tx: write_budget(tx, "second"))
    assert not first.done()
    hang.set()
    assert await first == "first"
    assert await sqlite.read(count_budgets) == 2


def test_a_database_is_its_users_alone(tmp_path: Path) -> None:
    """It holds secrets: made readable by its user only, its log as well; others' rights on an older one are taken."""
    file = tmp_path / "new.db"
    store = SqliteStore(f"sqlite:///{file}")
    store.write_now(lambda tx: tx.execute(text("CREATE TABLE t (a)")))
    made = sqlite3.connect(file)
    made.execute("SELECT * FROM t").fetchall()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes) >= {"new.db"}
    assert set(modes.values()) == {0o600}
    made.close()
    file.chmod(0o644)
    SqliteStore(f"sqlite:///{file}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
