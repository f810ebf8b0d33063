"""PostgreSQL: how statements are spelled, one for all rows of values.

Many rows go in one statement, as JSON that the server unpacks (`json_to_recordset`): one round trip a batch.
Rows are locked in id order with FOR NO KEY UPDATE, so that two nodes never wait for each other in a circle.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Connection, Insert, Integer, String, Text, cast, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlalchemy.dialects.postgresql import dialect as postgres_dialect
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.schema import Column, Table
from sqlalchemy.sql import ClauseElement, ColumnElement, FromClause, Select, bindparam, column, literal_column
from sqlalchemy.types import LargeBinary

from hakika.store.databases.listening import CHANNEL
from hakika.store.transaction import (
    Answer,
    Append,
    Cursor,
    Fixed,
    Lookup,
    Rows,
    Transaction,
    Values,
    fix_compiled,
    identity_of,
)

_DIALECT: Any = postgres_dialect(paramstyle="format")  # type: ignore[no-untyped-call]
LOCK_NAME = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_PLACE: Column[Any] = Column("place", Integer)


class PostgresDialect:
    """Statements as PostgreSQL takes them: one for all rows of values."""

    name = "postgresql"

    def __init__(self, node: str = "") -> None:
        self._node = node
        self._fixed: dict[ClauseElement, Fixed] = {}

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
        keys = cast(bindparam("keys"), ARRAY(BigInteger if isinstance(column.type, Integer) else Text))
        compiled = statement.where(column == func.any(keys)).compile(dialect=_DIALECT)
        return Lookup(str(compiled), _run_lookup)

    def append_rows(self, log: Table, counter: Column[Any], following: Callable[[FromClause], Insert]) -> Append:
        """See Dialect.append_rows. The counter's lock keeps all other writers waiting until COMMIT.

        Everything else is one statement, sent together with the lock but begun after it: what others committed while
        it was waited for is seen.
        """
        number, *told = log.columns
        count = cast(bindparam("count"), BigInteger)
        counted = update(counter.table).values({counter.name: counter + count})
        bumped = counted.returning(counter.label("last")).cte("bumped")
        given = _recordset([_PLACE, *told])
        numbered = select(bumped.c.last - count + given.c.place, *(_read(given, wanted) for wanted in told))
        added = insert(log).from_select([number.name, *(wanted.name for wanted in told)], numbered)
        followed = following(added.returning(*log.columns).cte("added")).cte("followed")
        message = literal_column(f"'{self._node} event '").op("||")(cast(bumped.c.last, Text))
        heard = func.pg_notify(literal_column(f"'{CHANNEL}'"), message)
        everything = select(bumped.c.last, heard).add_cte(followed)
        names = [_PLACE.name, *(wanted.name for wanted in told)]
        locked = self.for_update(select(counter))

        def run(tx: Transaction, values: Sequence[Values], also: dict[str, object]) -> Answer:
            rows = [dict(zip(names, (place, *row), strict=True)) for place, row in enumerate(values, 1)]
            given = {"count": len(rows), "rows": msgspec.json.encode(rows).decode(), **also}
            tx.tell_later(locked)
            return tx.ask_later(everything, **given)

        return Append(run)

    def fix(self, statement: ClauseElement) -> Fixed:
        """See Dialect.fix."""
        fixed = self._fixed.get(statement)
        if fixed is None:
            fixed = self._fixed[statement] = fix_compiled(statement.compile(dialect=_DIALECT))
        return fixed

    def for_update(
        self, statement: Select[Any], *, in_order_of: Column[Any] | None = None, skip_locked: bool = False
    ) -> Select[Any]:
        """Lock what is read; NO KEY, because nothing refers to our keys."""
        if in_order_of is not None:
            statement = statement.order_by(in_order_of)
        return statement.with_for_update(key_share=True, skip_locked=skip_locked)

    def lock_name(self, connection: Connection, name: str) -> None:
        """Take an advisory lock on the name's hash, until the transaction ends."""
        connection.exec_driver_sql(LOCK_NAME, (name,))

    def try_lock_name(self, connection: Connection, name: str) -> bool:
        """Like `lock_name`, but answer False at once where another holds it."""
        locked = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
        return bool(connection.execute(locked, {"name": name}).scalar())

    def hold_snapshot(self, connection: Connection) -> None:
        """See Dialect.hold_snapshot. Reading begins no transaction of itself."""
        connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")

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


def _run_lookup(cursor: Cursor, sql: str, keys: Sequence[str] | Sequence[int]) -> None:
    cursor.execute(sql, (list(keys),))
