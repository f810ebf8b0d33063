"""Events: numbered in one order, in which no reader with a cursor ever misses one; and what is owed for them.

The number comes from one counter row, bumped last, with COMMIT: its lock makes writers commit in the order
of their numbers, so a reader that has seen number n will never be shown a smaller one later.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Insert,
    and_,
    bindparam,
    cast,
    insert,
    literal_column,
    or_,
    select,
)

from hakika.store.tables import deliveries, endpoints, event_counter, events
from hakika.store.transaction import Answer, Append, Dialect, Transaction

PROBES = "test.%"
"""Types of events that only whoever names them is shown."""


class EventRow(NamedTuple):
    """One event. `snapshot` is the payment as it then was (JSON)."""

    number: int
    id: str
    payment: str
    type: str
    sequence: int
    at_ms: int
    snapshot: str
    mode: str = "test"
    checkout: str = ""


class EventStatements:
    """The hot statements on events, compiled for one database."""

    def __init__(self, dialect: Dialect) -> None:
        self.append: Append = dialect.append_rows(events, event_counter.c.number, _owe_deliveries)


class Publication:
    """Events that have their numbers when their transaction is durable, or when it was told to send them."""

    __slots__ = ("_answer", "_unnumbered")

    def __init__(self, unnumbered: Sequence[EventRow], answer: Answer) -> None:
        self._unnumbered, self._answer = unnumbered, answer

    @property
    def events(self) -> list[EventRow]:
        """The events, numbered."""
        if not self._unnumbered:
            return []
        first = int(self._answer.rows[0][0]) - len(self._unnumbered) + 1
        return [EventRow(number, *event[1:]) for number, event in enumerate(self._unnumbered, first)]


NOTHING_PUBLISHED = Publication((), Answer())


def publish_last(tx: Transaction, statements: EventStatements, unnumbered: Sequence[EventRow]) -> Publication:
    """Number the events, store them, and owe each to every active endpoint. The last thing before COMMIT.

    It goes out together with COMMIT: who holds the counter keeps all other writers waiting, and would else hold it
    for as long as this process takes to get round to committing.
    """
    if not unnumbered:
        return NOTHING_PUBLISHED
    rows = [event[1:] for event in unnumbered]
    return Publication(unnumbered, tx.append_later(statements.append, rows, due_at_ms=unnumbered[0].at_ms))


def publish(tx: Transaction, statements: EventStatements, unnumbered: Sequence[EventRow]) -> list[EventRow]:
    """As `publish_last`, where something is still done with the numbers."""
    if not unnumbered:
        return []  # what waits to be written still goes out with COMMIT
    published = publish_last(tx, statements, unnumbered)
    tx.send()
    return published.events


def _owe_deliveries(added: FromClause) -> Insert:
    due_at_ms = cast(bindparam("due_at_ms"), BigInteger)
    owed = (
        select(added.c.number, endpoints.c.id, literal_column("'waiting'"), literal_column("0"), due_at_ms)
        .select_from(added)
        .join(endpoints, and_(endpoints.c.mode == added.c.mode, _wants(added)))
    )
    into = ["event", "endpoint", "status", "attempts", "due_at_ms"]
    return insert(deliveries).from_select(into, owed)


def _wants(added: FromClause) -> ColumnElement[bool]:
    """Whether an endpoint asked for an event's type. Every type, unless it named some; probes only by name."""
    named = literal_column("'%,'").op("||")(added.c.type).op("||")(literal_column("',%'"))
    every = endpoints.c.event_types == literal_column("''")
    return or_(and_(every, added.c.type.not_like(literal_column("'test.%'"))), endpoints.c.event_types.like(named))


class Head(NamedTuple):
    """The end of the log: the name of its database, and the number up to which everything is committed."""

    store: str
    number: int


class EventSearch(NamedTuple):
    """Which events of the log are wanted, oldest first: those after a number, at most up to another.

    `types`: exact, or all of a kind with `payment.*`, or all with `*`; none named are all but probes.
    """

    after: int
    upto: int | None = None
    types: tuple[str, ...] = ()
    mode: str = ""
    payment: str = ""
    checkout: str = ""
    limit: int = 100


_HEAD = select(event_counter.c.store, event_counter.c.number)


def read_head(tx: Transaction) -> Head:
    """The end of the log. What is read after this, in the same transaction, has every event up to there."""
    return Head._make(tx.ask(_HEAD)[0])


def search_events(tx: Transaction, search: EventSearch) -> list[EventRow]:
    """The events that fit."""
    wanted = [events.c.number > search.after]
    if search.upto is not None:
        wanted.append(events.c.number <= search.upto)
    for column, value in (
        (events.c.mode, search.mode),
        (events.c.payment, search.payment),
        (events.c.checkout, search.checkout),
    ):
        if value:
            wanted.append(column == value)
    wanted.append(_is_of(search.types))
    statement = select(*events.columns).where(*wanted).order_by(events.c.number).limit(search.limit)
    return [EventRow._make(row) for row in tx.all(statement)]


def _is_of(types: Sequence[str]) -> ColumnElement[bool]:
    if not types:
        return events.c.type.not_like(PROBES)
    kinds = [events.c.type.like(f"{name[:-1]}%") for name in types if name.endswith("*")]
    return or_(events.c.type.in_([name for name in types if not name.endswith("*")]), *kinds)


def is_of(event_type: str, types: Sequence[str]) -> bool:
    """Whether a type is among those that are wanted: the same rule without the database."""
    if not types:
        return not event_type.startswith(PROBES[:-1])
    return event_type in types or any(name.endswith("*") and event_type.startswith(name[:-1]) for name in types)


def find_event(tx: Transaction, event_id: str) -> EventRow | None:
    """The event of that id."""
    row = tx.one(select(*events.columns).where(events.c.id == event_id))
    return None if row is None else EventRow._make(row)


def list_events(tx: Transaction, payment_id: str) -> list[EventRow]:
    """All events of a payment, in order."""
    statement = select(*events.columns).where(events.c.payment == payment_id).order_by(events.c.number)
    return [EventRow._make(row) for row in tx.all(statement)]
