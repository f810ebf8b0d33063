"""PostgreSQL: what differs from SQLite. Transactions run in threads, each on a pooled connection.

Many rows go in one statement, as JSON that the server unpacks (`json_to_recordset`): one round trip a batch.
Rows are locked in id order with FOR NO KEY UPDATE, so that two nodes never wait for each other in a circle.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
import psycopg
from sqlalchemy import Connection, Engine, String, Text, cast, create_engine, event, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlalchemy.dialects.postgresql import dialect as postgres_dialect
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.schema import Column, Table
from sqlalchemy.sql import ClauseElement, ColumnElement, Select, bindparam, column, literal_column
from sqlalchemy.types import LargeBinary

from hakika.domain.errors import StoreUnavailable
from hakika.store.listening import CHANNEL, Channel
from hakika.store.transaction import Cursor, Fixed, Lookup, Rows, Transaction, Values, identity_of

T = TypeVar("T")
Job = Callable[[Transaction], T]

CONNECTIONS = 8
TRIES = 4
PING_AFTER_S = 1.0
WAITS_AT_MOST_S = 4  # for a connection to the server, for a free one of ours, for a lock: each
GIVES_UP_AFTER_S = 5.0  # what has not begun by then is not done
_UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction)
_TRY_AGAIN = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
_DIALECT: Any = postgres_dialect(paramstyle="format")  # type: ignore[no-untyped-call]


class PostgresDialect:
    """Statements as PostgreSQL takes them: one for all rows of values."""

    name = "postgresql"

    def __init__(self, node: str = "") -> None:
        self._node = node

    def insert_rows(self, table: Table, columns: Sequence[Column[Any]], *, on_conflict: str = "") -> Rows:
        """See Dialect.insert_rows."""
        names = [wanted.name for wanted in columns]
        written = [*columns, table.c[on_conflict]] if on_conflict == "copies" else columns
        given = _recordset(written)
        source = select(*(_read(given, wanted) for wanted in written))
        statement: Any = upsert(table)
        if on_conflict == "nothing":
            statement = statement.on_conflict_do_nothing()
        elif on_conflict:
            copies = table.c[on_conflict] + statement.excluded[on_conflict]
            least = func.least(table.c.reading.collate("C"), statement.excluded.reading.collate("C"))
            statement = statement.on_conflict_do_update(
                index_elements=identity_of(table), set_={on_conflict: copies, "reading": least}
            )
        statement = statement.from_select([wanted.name for wanted in written], source)
        return _one(statement, names, identity_of(table) if on_conflict == "copies" else [])

    def update_rows(self, table: Table, key: Sequence[Column[Any]], columns: Sequence[Column[Any]]) -> Rows:
        """See Dialect.update_rows."""
        given = _recordset([*columns, *key])
        values = {wanted.name: _read(given, wanted) for wanted in columns}
        statement = update(table).where(*(one == given.c[one.name] for one in key)).values(values)
        return _one(statement, [wanted.name for wanted in (*columns, *key)])

    def lookup(self, statement: Select[Any], column: ColumnElement[Any]) -> Lookup:
        """See Dialect.lookup."""
        keys = cast(bindparam("keys"), ARRAY(Text))
        compiled = statement.where(column == func.any(keys)).compile(dialect=_DIALECT)
        return Lookup(str(compiled), _run_lookup)

    def fix(self, statement: ClauseElement) -> Fixed:
        """See Dialect.fix."""
        compiled: Any = statement.compile(dialect=_DIALECT)
        return Fixed(str(compiled), tuple(compiled.positiontup))

    def for_update(
        self, statement: Select[Any], *, in_order_of: Column[Any] | None = None, skip_locked: bool = False
    ) -> Select[Any]:
        """Lock what is read; NO KEY, because nothing refers to our keys."""
        if in_order_of is not None:
            statement = statement.order_by(in_order_of)
        return statement.with_for_update(key_share=True, skip_locked=skip_locked)

    def lock_name(self, connection: Connection, name: str) -> None:
        """Take an advisory lock on the name's hash, until the transaction ends."""
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})

    def try_lock_name(self, connection: Connection, name: str) -> bool:
        """Like `lock_name`, but answer False at once where another holds it."""
        locked = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
        return bool(connection.execute(locked, {"name": name}).scalar())

    def hold_snapshot(self, connection: Connection) -> None:
        """See Dialect.hold_snapshot."""
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    def tell_others(self, cursor: Cursor, message: str) -> None:
        """See Dialect.tell_others."""
        cursor.execute("SELECT pg_notify(%s, %s)", (CHANNEL, f"{self._node} {message}"))

    def touch(self, cursor: Cursor) -> None:
        """See Dialect.touch. It gives the transaction a number, which a standby cannot, if it is one that may write."""
        cursor.execute(_TOUCH)


_TOUCH = """
DO $$ BEGIN
    IF current_setting('transaction_read_only')::bool THEN
        RAISE read_only_sql_transaction USING MESSAGE = 'the database is set to read-only transactions';
    END IF;
    PERFORM txid_current();
END $$
"""


def _recordset(columns: Sequence[Column[Any]]) -> Any:
    """`json_to_recordset(rows) AS given(id text, …)`; binary columns travel as base64."""
    typed: list[Any] = [
        column(wanted.name, String() if isinstance(wanted.type, LargeBinary) else wanted.type) for wanted in columns
    ]
    rows = func.json_to_recordset(cast(bindparam("rows"), JSON))
    return rows.table_valued(*typed, name="given").render_derived(with_types=True)


def _read(given: Any, wanted: Column[Any]) -> ColumnElement[Any]:
    value: ColumnElement[Any] = given.c[wanted.name]
    return func.decode(value, literal_column("'base64'")) if isinstance(wanted.type, LargeBinary) else value


def _one(statement: Any, names: list[str], identity: Sequence[str] = ()) -> Rows:
    compiled = statement.compile(dialect=_DIALECT)

    def run(cursor: Cursor, sql: str, values: Sequence[Values]) -> int:
        rows: Sequence[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in values]
        rows = _count_copies(rows, identity) if identity else rows
        cursor.execute(sql, (msgspec.json.encode(rows).decode(),))
        return cursor.rowcount

    return Rows(str(compiled), tuple(names), run)


def _count_copies(rows: Sequence[dict[str, Any]], identity: Sequence[str]) -> list[dict[str, Any]]:
    """One row for each identity: one statement may not touch a row twice."""
    counted: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        first = counted.setdefault(tuple(row[name] for name in identity), row)
        first["copies"] = first.get("copies", 0) + 1
        first["reading"] = min(first["reading"], row["reading"])
    return list(counted.values())


def _run_lookup(cursor: Cursor, sql: str, keys: Sequence[str]) -> list[Values]:
    cursor.execute(sql, (list(keys),))
    return cursor.fetchall()


class PostgresStore:
    """The store on PostgreSQL."""

    writers = 2  # while one waits for the database, the other folds

    def __init__(self, url: str) -> None:
        self._channel = Channel(url)
        self.url, self.dialect = url, PostgresDialect(self._channel.node)
        self._engine = create_engine(
            url,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=WAITS_AT_MOST_S,
            connect_args={"connect_timeout": WAITS_AT_MOST_S, "tcp_user_timeout": WAITS_AT_MOST_S * 1000},
            hide_parameters=True,
        )
        _bound_locks(self._engine)
        _ping_after_idling(self._engine)
        self._threads = ThreadPoolExecutor(CONNECTIONS, "store")
        self._closed = False

    def read_now(self, job: Callable[[Transaction], T]) -> T:
        """Run `job` in a transaction of its own and wait for it."""
        with _mapped_errors(), self._engine.connect() as connection:
            return job(_transaction(connection, self.dialect))

    def write_now(self, job: Callable[[Transaction], T]) -> T:
        """Run `job` in a transaction and wait until it is durable; again where the database says so."""
        for _ in range(TRIES - 1):
            with contextlib.suppress(_TryAgain):
                return self._try(job)
        return self._try(job)

    def _try(self, job: Callable[[Transaction], T]) -> T:
        with _mapped_errors(), self._engine.begin() as connection:
            return job(_transaction(connection, self.dialect))

    async def read(self, job: Callable[[Transaction], T]) -> T:
        """Run `job` in a thread."""
        return await self._run(self.read_now, job)

    async def glance(self, job: Callable[[Transaction], T]) -> T:
        """As `read`: every statement waits for the network."""
        return await self.read(job)

    async def write(self, job: Callable[[Transaction], T]) -> T:
        """Run `job` in a thread, in a transaction; answered when it is durable."""
        return await self._run(self.write_now, job)

    async def _run(self, way: Callable[[Callable[[Transaction], T]], T], job: Callable[[Transaction], T]) -> T:
        if self._closed:
            raise StoreUnavailable("The store is closed.")
        asked_at_s = time.monotonic()

        def run_in_time() -> T:
            if time.monotonic() - asked_at_s > GIVES_UP_AFTER_S:
                raise StoreUnavailable(f"PostgreSQL: no thread was free for {GIVES_UP_AFTER_S:g} s.")
            return way(job)

        return await asyncio.get_running_loop().run_in_executor(self._threads, run_in_time)

    async def listen(self, heard: Callable[[str], None]) -> None:
        """See Store.listen."""
        await self._channel.listen(heard)

    def find_misplaced(self) -> str:
        """See Store.find_misplaced: its files are the server's own care."""
        return ""

    async def close(self) -> None:
        """Finish what is under way, then let go of all connections."""
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()


def _bound_locks(engine: Engine) -> None:
    """Wait for nobody's lock for long."""

    @event.listens_for(engine, "connect")
    def bound(connection: Any, _: object) -> None:
        connection.execute(f"SET lock_timeout = {WAITS_AT_MOST_S * 1000}")
        connection.commit()


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


def _transaction(connection: Connection, dialect: PostgresDialect) -> Transaction:
    bare = connection.connection.dbapi_connection
    assert isinstance(bare, psycopg.Connection)
    return Transaction(connection, dialect, bare.cursor())


@contextlib.contextmanager
def _mapped_errors() -> Iterator[None]:
    try:
        yield
    except (psycopg.Error, DBAPIError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, _TRY_AGAIN):
            raise _TryAgain(f"PostgreSQL: {cause}") from error
        if isinstance(cause, _UNAVAILABLE):
            raise StoreUnavailable(f"PostgreSQL: {str(cause).strip()}") from error
        raise
    except (TimeoutError, PoolTimeoutError) as error:
        raise StoreUnavailable("PostgreSQL: no free connection.") from error
