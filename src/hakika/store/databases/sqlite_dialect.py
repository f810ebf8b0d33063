"""SQLite: how statements are spelled, one text that is run for each row of values."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Insert, Table, bindparam, func, literal_column, select, update
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.sql import ClauseElement, ColumnElement, FromClause, Select
from sqlalchemy.sql.schema import Column

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


class SqliteDialect:
    """Statements as SQLite takes them: one text, run for each row of values."""

    name = "sqlite"

    def __init__(self) -> None:
        self._fixed: dict[ClauseElement, Fixed] = {}

    def insert_rows(self, table: Table, columns: Sequence[Column[Any]], *, on_conflict: str = "") -> Rows:
        """See Dialect.insert_rows."""
        statement = upsert(table).values({column.name: bindparam(column.name) for column in columns})
        if on_conflict == "nothing":
            statement = statement.on_conflict_do_nothing()
        elif on_conflict:
            least = func.min(table.c.reading, statement.excluded.reading)
            statement = statement.on_conflict_do_update(
                index_elements=identity_of(table),
                set_={on_conflict: table.c[on_conflict] + literal_column("1"), "reading": least},
            )
        return _many(statement, [column.name for column in columns])

    def update_rows(self, table: Table, key: Sequence[Column[Any]], columns: Sequence[Column[Any]]) -> Rows:
        """See Dialect.update_rows."""
        values: dict[str, Any] = {column.name: bindparam(f"new_{column.name}") for column in columns}
        same = [column == bindparam(f"old_{column.name}") for column in key]
        statement = update(table).where(*same).values(values)
        return _many(statement, [*(f"new_{one.name}" for one in columns), *(f"old_{one.name}" for one in key)])

    def lookup(self, statement: Select[Any], column: ColumnElement[Any]) -> Lookup:
        """See Dialect.lookup."""
        given = func.json_each(bindparam("keys")).table_valued("value")
        compiled = statement.where(column.in_(select(given.c.value))).compile(dialect=sqlite_dialect())
        return Lookup(str(compiled), _run_lookup)

    def append_rows(self, log: Table, counter: Column[Any], following: Callable[[FromClause], Insert]) -> Append:
        """See Dialect.append_rows. Three statements: here they cost no round trips, and nobody is to be told."""
        number = next(iter(log.columns))
        counted = update(counter.table).values({counter.name: counter + bindparam("count")})
        added = select(log).where(number.between(bindparam("first"), bindparam("last")))
        bump, follow = self.fix(counted.returning(counter)), self.fix(following(added.subquery("added")))
        insert = self.insert_rows(log, list(log.columns))

        def run(tx: Transaction, values: Sequence[Values], given: dict[str, object]) -> Answer:
            last: int = tx.run(bump, count=len(values)).fetchall()[0][0]
            first = last - len(values) + 1
            tx.write_rows(insert, [(place, *row) for place, row in enumerate(values, first)])
            tx.run(follow, first=first, last=last, **given)
            return Answer([(last,)])

        return Append(run)

    def fix(self, statement: ClauseElement) -> Fixed:
        """See Dialect.fix."""
        fixed = self._fixed.get(statement)
        if fixed is None:
            fixed = self._fixed[statement] = fix_compiled(statement.compile(dialect=sqlite_dialect()))
        return fixed

    def for_update(
        self,
        statement: Select[Any],
        *,
        in_order_of: Column[Any] | None = None,  # noqa: ARG002
        skip_locked: bool = False,  # noqa: ARG002
    ) -> Select[Any]:
        """Nothing to lock, so nothing to order: there is one writer."""
        return statement

    def lock_name(self, connection: Connection, name: str) -> None:
        """Nothing to lock: there is one writer."""

    def try_lock_name(self, connection: Connection, name: str) -> bool:  # noqa: ARG002
        """Nothing to lock: there is one writer."""
        return True

    def tell_others(self, cursor: Cursor, message: str) -> None:
        """Nobody to tell: there is one process."""

    def hold_snapshot(self, connection: Connection) -> None:
        """See Dialect.hold_snapshot."""
        connection.exec_driver_sql("BEGIN")

    def touch(self, cursor: Cursor) -> None:
        """See Dialect.touch. It writes the first page, with what stands there."""
        cursor.execute("PRAGMA user_version=0")


def _many(statement: Any, order: list[str]) -> Rows:
    compiled = statement.compile(dialect=sqlite_dialect())
    assert compiled.positiontup == order, f"{compiled.positiontup} is not the order of the values"
    return Rows(str(compiled), tuple(order), _run_many)


def _run_many(cursor: Cursor, sql: str, values: Sequence[Values]) -> int:
    cursor.executemany(sql, values)
    return cursor.rowcount


def _run_lookup(cursor: Cursor, sql: str, keys: Sequence[str] | Sequence[int]) -> None:
    cursor.execute(sql, (json.dumps(keys),))
