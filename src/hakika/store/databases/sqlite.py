"""SQLite: what differs from PostgreSQL, and its one writer.

One writer per process for everything, first come first served: a second writer on SQLite's busy handler
starved for seconds. Statements run at once in the event loop (they take microseconds); only the COMMIT,
which waits for the disk, runs in a thread. While it waits, more jobs gather: that is the group commit.
"""

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, QueuePool

from hakika.domain.errors import HakikaError, StoreUnavailable
from hakika.store.databases.checkpoints import PAGES_AT_MOST, Checkpoints
from hakika.store.databases.sqlite_dialect import SqliteDialect
from hakika.store.opening import keep_private
from hakika.store.transaction import Cursor, Transaction

T = TypeVar("T")
Job = Callable[[Transaction], T]

BUSY_TIMEOUT_MS = 2_500  # another process (a migration, a backup) may hold the file for a moment
GIVES_UP_AFTER_S = 5.0  # what has not begun by then is not done
READERS = 4
JOBS_A_COMMIT = 64  # they run in the event loop: more would hold it for too long


def _engine(url: str, *, pooled: bool, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Engine:
    pool: dict[str, Any] = {"poolclass": QueuePool, "pool_size": READERS} if pooled else {"poolclass": NullPool}
    engine = create_engine(
        url, connect_args={"check_same_thread": False, "isolation_level": None}, hide_parameters=True, **pool
    )

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: sqlite3.Connection, _: object) -> None:
        # WAL: readers never wait for the writer. FULL: a commit that returned is on the disk.
        for pragma in (
            f"busy_timeout={busy_timeout_ms}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "temp_store=MEMORY",
            f"wal_autocheckpoint={PAGES_AT_MOST}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine


class SqliteStore:
    """The store on SQLite."""

    writers = 1

    def __init__(self, url: str) -> None:
        path = make_url(url).database or ""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.url, self.path, self.dialect = url, Path(path), SqliteDialect()
        keep_private(self.path)
        self._place = find_place(self.path)
        self._write_engine, self._read_engine = _engine(url, pooled=False), _engine(url, pooled=True)
        self._glance_engine = _engine(url, pooled=False, busy_timeout_ms=0)
        self._glancing: Connection | None = None
        self._writer: Connection | None = None
        self._jobs: deque[_Queued] = deque()
        self._wake = asyncio.Event()
        self._committer: asyncio.Task[None] | None = None
        self._commits = ThreadPoolExecutor(1, "commit")
        self._reads = ThreadPoolExecutor(READERS, "read")
        self._checkpoints = Checkpoints(partial(sqlite3.connect, self.path))
        self._closed = False

    # ── reading ──────────────────────────────

    def read_now(self, job: Job[T]) -> T:
        """Run `job` on a connection of its own and wait for it."""
        with _mapped_errors(), self._read_engine.connect() as connection:
            try:
                return job(_transaction(connection, self.dialect))
            finally:
                connection.rollback()

    async def read(self, job: Job[T]) -> T:
        """Run `job` in a thread, on a connection of its own."""
        if self._closed:
            raise StoreUnavailable("The store is closed.")
        return await asyncio.get_running_loop().run_in_executor(self._reads, self.read_now, job)

    async def glance(self, job: Job[T]) -> T:
        """Run `job` at once, in the event loop: the way to a thread and back costs three times such a read.

        Where the file is locked, which readers hardly ever meet, it waits in a thread.
        """
        if self._closed:
            raise StoreUnavailable("The store is closed.")
        try:
            return self._glance_at(job)
        except StoreUnavailable:
            self._drop_glancing()
            return await self.read(job)

    def _glance_at(self, job: Job[T]) -> T:
        # One connection, held: to take it from a pool and give it back costs more than such a read.
        with _mapped_errors():
            if self._glancing is None:
                self._glancing = self._glance_engine.connect()
            try:
                return job(_transaction(self._glancing, self.dialect))
            finally:
                self._glancing.rollback()

    def _drop_glancing(self) -> None:
        if self._glancing is not None:
            _let_go(self._glancing)
            self._glancing = None

    async def listen(self, _: Callable[[str], None]) -> None:
        """Nobody to hear: there is one process. What a command writes is found in the log."""

    # ── writing ──────────────────────────────

    def write_now(self, job: Job[T]) -> T:
        """Run `job` in a transaction and wait until it is durable. For programs without an event loop."""
        with _mapped_errors(), self._write_engine.connect() as connection:
            transaction = _transaction(connection, self.dialect)
            transaction.cursor.execute("BEGIN IMMEDIATE")
            try:
                result = job(transaction)
            except BaseException:
                transaction.cursor.execute("ROLLBACK")
                raise
            transaction.cursor.execute("COMMIT")
            return result

    async def write(self, job: Job[T]) -> T:
        """Queue `job` for the writer; answered when it is durable. Jobs run in the order in which they came.

        One that has not begun within seconds is not done. One that has is waited for: nobody knows what became of it.
        """
        if self._closed:
            raise StoreUnavailable("The store is closed.")
        if self._committer is None or self._committer.done():
            self._committer = asyncio.create_task(self._commit_forever())
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._jobs.append(_Queued(job, answer, loop.call_later(GIVES_UP_AFTER_S, _give_up, answer)))
        self._wake.set()
        return await answer

    async def _commit_forever(self) -> None:
        taken: list[_Queued] = []
        try:
            while True:
                await self._wake.wait()
                taken = [self._jobs.popleft() for _ in range(min(len(self._jobs), JOBS_A_COMMIT))]
                if not self._jobs:
                    self._wake.clear()
                await self._commit(taken)
        finally:
            # Whatever ends this task, nobody who waits is left hanging.
            for queued in (*taken, *self._jobs):
                queued.fail(StoreUnavailable("The writer stopped."))
            self._jobs.clear()

    async def _commit(self, taken: list["_Queued"]) -> None:
        done: list[tuple[asyncio.Future[Any], Any]] = []
        try:
            with _mapped_errors():
                transaction = await self._begin()
                for queued in taken:
                    _run_apart(transaction, queued, done)
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._commits, transaction.cursor.execute, "COMMIT")
                self._checkpoints.consider(_bare(transaction.connection).total_changes)
        except asyncio.CancelledError:
            self._drop_writer()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, it belongs to those who wait
            self._drop_writer()
            for queued in taken:
                queued.fail(error)
            return
        for answer, result in done:
            if not answer.done():
                answer.set_result(result)

    async def _begin(self) -> Transaction:
        if self._writer is None:
            loop = asyncio.get_running_loop()
            self._writer = await loop.run_in_executor(self._commits, self._write_engine.connect)
            _bare(self._writer).execute("PRAGMA busy_timeout=0")
        transaction = _transaction(self._writer, self.dialect)
        try:
            transaction.cursor.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            # Another process holds the file: wait for it in the thread, not in the event loop.
            await asyncio.get_running_loop().run_in_executor(self._commits, _begin_patiently, transaction.cursor)
        return transaction

    def _drop_writer(self) -> None:
        if self._writer is not None:
            self._commits.submit(_let_go, self._writer)  # after whatever it is in the middle of
            self._writer = None

    def find_misplaced(self) -> str:
        """See Store.find_misplaced."""
        if self._place is None or find_place(self.path) == self._place:
            return ""
        return (
            f"The database file {self.path} was moved or removed while the server has it open: what is written now is"
            " lost with the server. Move it back, or stop the server and restore it."
        )

    async def close(self) -> None:
        """Finish what is queued, then let go of the file."""
        if self._committer is not None:
            with contextlib.suppress(StoreUnavailable):
                await self.write(_do_nothing)  # first come first served: all that came before is answered then
            self._committer.cancel()
            await asyncio.gather(self._committer, return_exceptions=True)
        self._closed = True
        self._drop_writer()
        self._commits.shutdown()
        self._checkpoints.close()
        self._reads.shutdown()
        self._drop_glancing()
        self._read_engine.dispose()


class _Queued(NamedTuple):
    """A job that waits for the writer."""

    job: Job[Any]
    answer: asyncio.Future[Any]
    giving_up: asyncio.TimerHandle

    def fail(self, error: Exception) -> None:
        """Tell who waits."""
        self.giving_up.cancel()
        if not self.answer.done():
            self.answer.set_exception(error)


def _give_up(answer: asyncio.Future[Any]) -> None:
    if not answer.done():
        answer.set_exception(StoreUnavailable(f"SQLite: the writer did not come to it within {GIVES_UP_AFTER_S:g} s."))


def find_place(file: Path) -> tuple[int, int] | None:
    """Which file it is that bears this name, or None: a file that takes its place is another."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _begin_patiently(cursor: Cursor) -> None:
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    try:
        cursor.execute("BEGIN IMMEDIATE")
    finally:
        cursor.execute("PRAGMA busy_timeout=0")


def _let_go(writer: Connection) -> None:
    with contextlib.suppress(Exception):
        writer.exec_driver_sql("ROLLBACK")
    with contextlib.suppress(Exception):
        writer.invalidate()
        writer.close()


def _do_nothing(_: Transaction) -> None:
    """The job that only waits for its turn."""


def _run_apart(transaction: Transaction, queued: _Queued, done: list[Any]) -> None:
    """Run one job so that its failure undoes only itself."""
    job, answer, giving_up = queued
    giving_up.cancel()
    if answer.done():
        return  # nobody waits for it any more
    cursor = transaction.cursor
    cursor.execute("SAVEPOINT job")
    try:
        result = job(transaction)
    except Exception as error:
        cursor.execute("ROLLBACK TO job")
        cursor.execute("RELEASE job")
        if not isinstance(error, HakikaError) and _is_database_error(error):
            raise
        answer.set_exception(error)
        return
    cursor.execute("RELEASE job")
    done.append((answer, result))


def _transaction(connection: Connection, dialect: SqliteDialect) -> Transaction:
    cursor: Any = _bare(connection).cursor()
    return Transaction(connection, dialect, cursor)


def _bare(connection: Connection) -> sqlite3.Connection:
    bare = connection.connection.dbapi_connection
    assert isinstance(bare, sqlite3.Connection)
    return bare


def _is_database_error(error: Exception) -> bool:
    """Whether the database itself failed: locked, full, broken; not what we asked of it."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(cause, sqlite3.OperationalError) or type(cause) is sqlite3.DatabaseError


@contextlib.contextmanager
def _mapped_errors() -> Any:
    try:
        yield
    except (sqlite3.Error, DBAPIError) as error:
        if _is_database_error(error):
            raise StoreUnavailable(f"SQLite: {error.orig if isinstance(error, DBAPIError) else error}") from error
        raise
