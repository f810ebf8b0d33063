"""A transaction: the one thing through which anything is read or written.

Ordinary statements are SQLAlchemy's and go through its connection. Statements on the hot path (recording
evidence) are `Hot`: compiled once for each database and run on the bare cursor, whole batches at a time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, cast

from sqlalchemy import Connection, CursorResult, Executable, Insert, Row
from sqlalchemy.sql import ClauseElement, ColumnElement, FromClause, Select
from sqlalchemy.sql.schema import Column, Table

Values: TypeAlias = tuple[Any, ...]


class Cursor(Protocol):
    """The part of a DBAPI cursor that we use."""

    @property
    def rowcount(self) -> int: ...  # noqa: D102

    def execute(self, sql: str, parameters: Any = ...) -> Any: ...  # noqa: D102
    def executemany(self, sql: str, parameters: Iterable[Any]) -> Any: ...  # noqa: D102
    def fetchall(self) -> list[Values]: ...  # noqa: D102
    def fetchone(self) -> Values | None: ...  # noqa: D102


class Rows(NamedTuple):
    """A statement that writes many rows of one shape; made by a Dialect."""

    sql: str
    columns: tuple[str, ...]
    run: Callable[[Cursor, str, Sequence[Values]], int]


class Lookup(NamedTuple):
    """A statement that reads the rows in which one column is among many values."""

    sql: str
    run: Callable[[Cursor, str, Sequence[str] | Sequence[int]], None]


class Fixed(NamedTuple):
    """A statement compiled once, with the names of its values in their order, and those that stand in it."""

    sql: str
    names: tuple[str, ...]
    given: Mapping[str, Any]

    def fill(self, values: Mapping[str, object]) -> Values:
        """The values in the order of their names."""
        known = {**self.given, **values} if self.given else values
        return tuple([known[name] for name in self.names])


class Answer:
    """What a statement answers that goes out later: there as soon as anything is asked after it, or all is sent."""

    __slots__ = ("_rows",)

    def __init__(self, rows: list[Values] | None = None) -> None:
        self._rows = rows

    def take(self, rows: list[Values]) -> None:
        """It came."""
        self._rows = rows

    @property
    def rows(self) -> list[Values]:
        """The rows."""
        assert self._rows is not None, "it was not sent yet"
        return self._rows


class Append(NamedTuple):
    """A way to add rows to a log; made by a Dialect."""

    run: Callable[["Transaction", Sequence[Values], dict[str, object]], Answer]


class Dialect(Protocol):
    """The differences between the databases, nothing else."""

    name: str

    def insert_rows(self, table: Table, columns: Sequence[Column[Any]], *, on_conflict: str = "") -> Rows:
        """Insert many rows. `on_conflict`: "", "nothing", or "copies".

        Copies are counted in the row that exists, which keeps the least reading: readings of one identity
        differ only in their `at_ms`, which stands first, and the facts keep the earliest time as well.
        """

    def update_rows(self, table: Table, key: Sequence[Column[Any]], columns: Sequence[Column[Any]]) -> Rows:
        """Update many rows by key; the key's columns come last in each row of values."""

    def lookup(self, statement: Select[Any], column: ColumnElement[Any]) -> Lookup:
        """Complete `statement` with "column is among the values given"."""

    def append_rows(self, log: Table, counter: Column[Any], following: Callable[[FromClause], Insert]) -> Append:
        """Number rows by a counter, add them to a log whose first column is the number, and tell other nodes the last.

        `following` makes an INSERT from what was added.
        """

    def fix(self, statement: ClauseElement) -> Fixed:
        """Compile a statement once and for all: it is kept, so let it be one that a module or an object holds."""

    def for_update(
        self, statement: Select[Any], *, in_order_of: Column[Any] | None = None, skip_locked: bool = False
    ) -> Select[Any]:
        """Lock what is read, where rows can be locked, and then in that order."""

    def lock_name(self, connection: Connection, name: str) -> None:
        """Keep others who lock the same name waiting until this transaction ends."""

    def try_lock_name(self, connection: Connection, name: str) -> bool:
        """Like `lock_name`, but answer False at once where another holds it."""

    def hold_snapshot(self, connection: Connection) -> None:
        """Read everything in this transaction as of one moment. The first statement of a reading one."""

    def tell_others(self, cursor: Cursor, message: str) -> None:
        """Tell the other nodes when this transaction commits, where the database can: see `Store.listen`."""

    def touch(self, cursor: Cursor) -> None:
        """Make this transaction one that writes, and change nothing: it tells whether writing works."""


class Transaction:
    """Statements in one transaction, which somebody else commits."""

    __slots__ = ("connection", "cursor", "dialect")

    may_presume = False
    """Whether a job may presume that rows are new and write them later: if not all are, it is undone and run again,
    and may not. Worth it where each answer is a trip."""

    def __init__(self, connection: Connection, dialect: Dialect, cursor: Cursor) -> None:
        self.connection, self.dialect, self.cursor = connection, dialect, cursor

    def touch(self) -> None:
        """Make this transaction one that writes, and change nothing: it tells whether writing works."""
        self.dialect.touch(self.cursor)

    def execute(self, statement: Executable, values: Any = None) -> CursorResult[Any]:
        """Run an ordinary statement."""
        return cast("CursorResult[Any]", self.connection.execute(statement, values))

    def one(self, statement: Executable) -> Row[*tuple[Any, ...]] | None:
        """Read the first row, or None."""
        return self.execute(statement).first()

    def all(self, statement: Executable) -> Sequence[Row[*tuple[Any, ...]]]:
        """Read all rows."""
        return self.execute(statement).all()

    def write_rows(self, rows: Rows, values: Sequence[Values]) -> int:
        """Run a hot writing statement for all `values` (tuples in the order of its columns). → rows written."""
        return rows.run(self.cursor, rows.sql, values) if values else 0

    def write_later(self, rows: Rows, values: Sequence[Values]) -> None:
        """As `write_rows`, where nobody asks how many: before whatever is asked next, at the latest before COMMIT."""
        self.write_rows(rows, values)

    def tell_later(self, statement: ClauseElement, **values: object) -> None:
        """As `tell`, where nobody asks how many: before whatever is asked next, at the latest before COMMIT."""
        self.tell(statement, **values)

    def ask_later(self, statement: ClauseElement, **values: object) -> Answer:
        """As `ask`: before whatever is asked next, at the latest with COMMIT."""
        return Answer(self.ask(statement, **values))

    def append_later(self, append: Append, values: Sequence[Values], **following: object) -> Answer:
        """Add rows to a log, numbered in their order, as late as `ask_later`. → one row: the last one's number."""
        return append.run(self, values, following)

    def send(self) -> None:
        """Do now what was to be done later."""

    def tell_others(self, message: str) -> None:
        """Tell the other nodes when this transaction commits, where the database can: see `Store.listen`."""
        self.dialect.tell_others(self.cursor, message)

    def look_up(self, lookup: Lookup, keys: Sequence[str] | Sequence[int]) -> list[Values]:
        """Run a hot reading statement for all `keys`."""
        if not keys:
            return []
        lookup.run(self.cursor, lookup.sql, keys)
        return self.cursor.fetchall()

    def run(self, fixed: Fixed, **values: object) -> Cursor:
        """Run a hot statement."""
        self.cursor.execute(fixed.sql, fixed.fill(values))
        return self.cursor

    def ask(self, statement: ClauseElement, **values: object) -> list[Values]:
        """Read with a statement that was built once: SQLAlchemy's own way to run it costs ten times as much."""
        return self.run(self.dialect.fix(statement), **values).fetchall()

    def tell(self, statement: ClauseElement, **values: object) -> int:
        """Write with a statement that was built once. → rows written."""
        return self.run(self.dialect.fix(statement), **values).rowcount

    def lock_name(self, name: str) -> None:
        """Keep others who lock the same name waiting until this transaction ends."""
        self.dialect.lock_name(self.connection, name)

    def try_lock_name(self, name: str) -> bool:
        """Like `lock_name`, but answer False at once where another holds it."""
        return self.dialect.try_lock_name(self.connection, name)

    def hold_snapshot(self) -> None:
        """Read everything in this transaction as of one moment. The first statement of a reading one."""
        self.dialect.hold_snapshot(self.connection)


def fix_compiled(compiled: Any) -> Fixed:
    """A compiled statement as we run it."""
    names = tuple(compiled.positiontup)
    given = {name: compiled.binds[name].value for name in names if not compiled.binds[name].required}
    return Fixed(str(compiled), names, given)


def identity_of(table: Table) -> list[str]:
    """The columns by which a row of `table` is known to have come before."""
    return [name for name in ("payment", "identity") if name in table.c]
