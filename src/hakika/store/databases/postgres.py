"""PostgreSQL: what differs from SQLite. Transactions run in the event loop, each on a connection of its own (`lanes`).

Each answer is a trip to the server, and between two of them the loop does other things, with rows locked. So what
nobody asks about is sent together with what comes next (`write_later`), at last with COMMIT.

psycopg forgets the statements that it has prepared whenever it rolls back, and to plan one anew costs more than to run
it. So reading begins no transaction that would have to end, and a connection that was used lately is used again.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import psycopg
from sqlalchemy import Connection, CursorResult, Engine, Executable, create_engine, event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.sql import ClauseElement

from hakika.domain.errors import StoreUnavailable
from hakika.store.databases.lanes import GIVES_UP_AFTER_S, PING_AFTER_S, Lanes, bare_of, is_torn
from hakika.store.databases.listening import Channel
from hakika.store.databases.postgres_dialect import LOCK_NAME, PostgresDialect
from hakika.store.transaction import Answer, Cursor, Fixed, Lookup, Rows, Transaction, Values

T = TypeVar("T")
Job = Callable[[Transaction], T]

READERS = 3
GLANCERS = 4
WRITERS = 8
TRIES = 4
WAITS_AT_MOST_S = 4  # for a connection to the server, for a free one of ours, for a lock: each
_UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction)
_TRY_AGAIN = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)


class PostgresStore:
    """The store on PostgreSQL."""

    writers = 3  # while two wait for the database, the third folds

    def __init__(self, url: str) -> None:
        self._channel = Channel(url)
        self.url, self.dialect = url, PostgresDialect(self._channel.node)
        self._read_engine = _make_engine(url, READERS)
        self._write_engine = _make_engine(url, WRITERS)
        self._threads = ThreadPoolExecutor(READERS, "store")
        self._glancing = Lanes(_make_engine(url, GLANCERS), GLANCERS)
        self._writing = Lanes(_make_engine(url, WRITERS), WRITERS)
        self._closed = False

    def read_now(self, job: Job[T]) -> T:
        """Run `job` and wait for it. Each statement sees what is committed when it begins."""
        with _mapped_errors(), self._read_engine.connect() as connection:
            return self._read_on(connection, job)

    def _read_on(self, connection: Connection, job: Job[T]) -> T:
        transaction = PostgresTransaction(connection, self.dialect, begins=False)
        try:
            return job(transaction)
        except BaseException as error:
            # No ROLLBACK follows, by which psycopg forgets the statements that the server no longer knows.
            if isinstance(error, psycopg.Error | DBAPIError) or is_torn(connection):
                connection.invalidate()
            raise
        finally:
            if not connection.invalidated:
                transaction.let_go_of_snapshot()

    def write_now(self, job: Job[T]) -> T:
        """Run `job` in a transaction and wait until it is durable; again where the database says so."""
        with _mapped_errors(), self._write_engine.connect() as connection:
            return self._write_on(connection, job)

    def _write_on(self, connection: Connection, job: Job[T]) -> T:
        for number in range(TRIES - 1):
            with contextlib.suppress(_TryAgain):
                return self._try(connection, job, may_presume=number == 0)
        return self._try(connection, job, may_presume=False)

    def _try(self, connection: Connection, job: Job[T], *, may_presume: bool) -> T:
        with _mapped_errors(may_presume=may_presume), connection.begin():
            transaction = PostgresTransaction(connection, self.dialect, begins=True)
            transaction.may_presume = may_presume
            try:
                done = job(transaction)
                transaction.finish()
            except BaseException:
                if is_torn(connection):  # a ROLLBACK would fail, and be all that is told
                    connection.invalidate()
                raise
            return done

    async def read(self, job: Job[T]) -> T:
        """Run `job` in a thread: it may read a lot, and compute."""
        self._refuse_closed()
        asked_at_s = time.monotonic()

        def run_in_time() -> T:
            if time.monotonic() - asked_at_s > GIVES_UP_AFTER_S:
                raise StoreUnavailable(f"PostgreSQL: no thread was free for {GIVES_UP_AFTER_S:g} s.")
            return self.read_now(job)

        return await asyncio.get_running_loop().run_in_executor(self._threads, run_in_time)

    async def glance(self, job: Job[T]) -> T:
        """Run `job` while the event loop waits for the server, and does other things."""
        self._refuse_closed()
        with _mapped_errors():
            return await self._glancing.run(lambda connection: self._glance_on(connection, job))

    def _glance_on(self, connection: Connection, job: Job[T]) -> T:
        try:
            return self._read_on(connection, job)
        finally:
            connection.rollback()

    async def write(self, job: Job[T]) -> T:
        """Run `job` in a transaction, while the event loop does other things; answered when it is durable."""
        self._refuse_closed()
        with _mapped_errors():
            return await self._writing.run(lambda connection: self._write_on(connection, job))

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("The store is closed.")

    async def listen(self, heard: Callable[[str], None]) -> None:
        """See Store.listen."""
        await self._channel.listen(heard)

    def find_misplaced(self) -> str:
        """See Store.find_misplaced: its files are the server's own care."""
        return ""

    async def close(self) -> None:
        """Finish what is under way, then let go of all connections."""
        self._closed = True
        await self._writing.close()
        await self._glancing.close()
        await asyncio.to_thread(self._threads.shutdown)
        self._read_engine.dispose()
        self._write_engine.dispose()


def _make_engine(url: str, connections: int) -> Engine:
    patience = {"connect_timeout": WAITS_AT_MOST_S, "tcp_user_timeout": WAITS_AT_MOST_S * 1000}
    patience |= {"keepalives_idle": 10, "keepalives_interval": WAITS_AT_MOST_S}  # a machine that is gone says nothing
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=WAITS_AT_MOST_S,
        pool_use_lifo=True,
        connect_args={**patience, "autocommit": True},
        hide_parameters=True,
    )
    _bound_locks(engine)
    _ping_after_idling(engine)
    return engine


def _bound_locks(engine: Engine) -> None:
    """Wait for nobody's lock for long."""

    @event.listens_for(engine, "connect")
    def bound(connection: Any, _: object) -> None:
        connection.execute(f"SET lock_timeout = {WAITS_AT_MOST_S * 1000}")


def _ping_after_idling(engine: Engine) -> None:
    """Ask a connection whether it still lives, but not one that was used a moment ago: that is the hot path."""

    @event.listens_for(engine, "checkin")
    def note(_: object, record: Any) -> None:
        record.info["idle_since_s"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ping(connection: Any, record: Any, _: object) -> None:
        if time.monotonic() - record.info.get("idle_since_s", time.monotonic()) < PING_AFTER_S:
            return
        try:
            connection.execute("SELECT 1")
        except psycopg.Error as error:
            raise DisconnectionError from error


class _TryAgain(StoreUnavailable):
    """The database undid the transaction to let another through."""


class _Later(NamedTuple):
    """A statement that is sent with others, and where its answer goes."""

    send: Callable[[Cursor], object]
    answer: Answer | None = None


_BEGIN = _Later(lambda cursor: cursor.execute("BEGIN"))


class PostgresTransaction(Transaction):
    """A transaction that sends together what need not be waited for one by one."""

    __slots__ = ("_bare", "_later", "may_presume")

    def __init__(self, connection: Connection, dialect: PostgresDialect, *, begins: bool) -> None:
        self._bare = bare_of(connection)
        super().__init__(connection, dialect, self._bare.cursor())
        self.may_presume = False
        self._later = [_BEGIN] if begins else []  # with the first statement; by itself it would be a trip of its own

    def write_later(self, rows: Rows, values: Sequence[Values]) -> None:
        """See Transaction.write_later."""
        if values:
            self._later.append(_Later(lambda cursor: rows.run(cursor, rows.sql, values)))

    def tell_later(self, statement: ClauseElement, **values: object) -> None:
        """See Transaction.tell_later."""
        self.ask_later(statement, **values)

    def ask_later(self, statement: ClauseElement, **values: object) -> Answer:
        """See Transaction.ask_later."""
        fixed, answer = self.dialect.fix(statement), Answer()
        self._later.append(_Later(lambda cursor: cursor.execute(fixed.sql, fixed.fill(values)), answer))
        return answer

    def lock_name(self, name: str) -> None:
        """See Transaction.lock_name: held before anything else is asked, which is when it is needed."""
        self._later.append(_Later(lambda cursor: cursor.execute(LOCK_NAME, (name,))))

    def tell_others(self, message: str) -> None:
        """See Transaction.tell_others."""
        self._later.append(_Later(lambda cursor: self.dialect.tell_others(cursor, message)))

    @contextlib.contextmanager
    def _together(self) -> Iterator[None]:
        """Send what waits, and what is run in the block, and wait once. Raises what the first of them raised."""
        if not self._later:
            yield
            return
        later, self._later = self._later, []
        sent = [(one, self._bare.cursor()) for one in later]
        with self._bare.pipeline():
            for one, cursor in sent:
                one.send(cursor)
            yield
        for one, cursor in sent:
            if one.answer and cursor.description:
                one.answer.take(cursor.fetchall())

    def let_go_of_snapshot(self) -> None:
        """End the transaction that a snapshot began, if there is one."""
        self._bare.commit()

    def send(self) -> None:
        """See Transaction.send."""
        if self._later:
            with self._together():
                pass

    def finish(self) -> None:
        """Send what still waits, and COMMIT with it: a lock that it takes is held only as long as the server needs."""
        if self._later == [_BEGIN]:
            self._later.clear()  # nothing was asked
            return
        committed = self._bare.cursor()
        with self._together():
            committed.execute("COMMIT")
        if committed.statusmessage != "COMMIT":  # a statement failed, and the job went on as if it had not
            raise RuntimeError(f"PostgreSQL answered COMMIT with {committed.statusmessage}: nothing was written.")

    def touch(self) -> None:
        """See Transaction.touch."""
        self.send()
        super().touch()

    def try_lock_name(self, name: str) -> bool:
        """See Transaction.try_lock_name."""
        self.send()
        return super().try_lock_name(name)

    def execute(self, statement: Executable, values: Any = None) -> CursorResult[Any]:
        """See Transaction.execute."""
        self.send()
        return super().execute(statement, values)

    def write_rows(self, rows: Rows, values: Sequence[Values]) -> int:
        """See Transaction.write_rows."""
        if not values:
            return 0
        with self._together():
            rows.run(self.cursor, rows.sql, values)
        return self.cursor.rowcount

    def look_up(self, lookup: Lookup, keys: Sequence[str] | Sequence[int]) -> list[Values]:
        """See Transaction.look_up."""
        if not keys:
            return []
        with self._together():
            lookup.run(self.cursor, lookup.sql, keys)
        return self.cursor.fetchall()

    def run(self, fixed: Fixed, **values: object) -> Cursor:
        """See Transaction.run."""
        with self._together():
            return super().run(fixed, **values)


@contextlib.contextmanager
def _mapped_errors(*, may_presume: bool = False) -> Iterator[None]:
    try:
        yield
    except (psycopg.Error, DBAPIError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, _TRY_AGAIN) or (may_presume and isinstance(cause, psycopg.errors.UniqueViolation)):
            raise _TryAgain(f"PostgreSQL: {cause}") from error
        if isinstance(cause, _UNAVAILABLE):
            raise StoreUnavailable(f"PostgreSQL: {str(cause).strip()}") from error
        raise
    except (TimeoutError, PoolTimeoutError) as error:
        raise StoreUnavailable("PostgreSQL: no free connection.") from error
