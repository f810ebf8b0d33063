"""Deliveries: the rows that say what is owed to whom. They are the queue: `due_at_ms` is when to act.

Who takes a delivery moves its `due_at_ms` behind a lease: whoever died while sending, it is due again after that.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Integer, and_, bindparam, delete, exists, or_, select, update

from hakika.store.events import EventRow
from hakika.store.tables import deliveries, delivery_attempts, events
from hakika.store.transaction import Dialect, Fixed, Lookup, Rows, Transaction, Values

WAITING, DELIVERED, EXHAUSTED = "waiting", "delivered", "exhausted"
FIRST_OF_ALL_MS = 1
"""When a delivery is due that goes before everything else."""
TRIES_BEFORE_ANOTHER = 6  # within two hours of a lane's beginning to fail


class DeliveryRow(NamedTuple):
    """One event owed to one endpoint."""

    event: int
    endpoint: str
    status: str
    attempts: int
    due_at_ms: int | None


class Owed(NamedTuple):
    """A delivery that was taken to be sent; `was_due_at_ms` is from before its lease."""

    event: EventRow
    endpoint: str
    attempts: int
    was_due_at_ms: int


class AttemptRow(NamedTuple):
    """One attempt, as it went. `status_code` 0: no answer."""

    event: int
    endpoint: str
    at_ms: int
    took_ms: int
    status_code: int
    error: str
    answer: bytes | None


class Told(NamedTuple):
    """A delivery with its event, as people look at it."""

    delivery: DeliveryRow
    event_id: str
    type: str
    payment: str
    at_ms: int


class DeliveryFilter(NamedTuple):
    """Which deliveries, newest event first. Empty is any."""

    mode: str = ""
    event: str = ""
    endpoint: str = ""
    status: str = ""
    after: tuple[int, str] | None = None  # the event and endpoint of the last one seen
    limit: int = 20


_DUE = (
    select(deliveries.c.event, deliveries.c.attempts, deliveries.c.due_at_ms)
    .where(deliveries.c.endpoint == bindparam("to"), deliveries.c.due_at_ms <= bindparam("now_ms"))
    .limit(bindparam("most", type_=Integer))
)


class DeliveryStatements:
    """The hot statements on deliveries, compiled for one database."""

    def __init__(self, dialect: Dialect) -> None:
        table = deliveries.c
        in_turn, by_tries = (table.due_at_ms, table.event), (table.attempts // TRIES_BEFORE_ANOTHER, table.event)
        self.due: Fixed = dialect.fix(dialect.for_update(_DUE.order_by(*in_turn), skip_locked=True))
        self.probe: Fixed = dialect.fix(dialect.for_update(_DUE.order_by(*by_tries), skip_locked=True))
        self.lease: Rows = dialect.update_rows(deliveries, [table.event, table.endpoint], [table.due_at_ms])
        self.events: Lookup = dialect.lookup(select(*events.columns), events.c.number)
        self.write: Rows = dialect.update_rows(
            deliveries, [table.event, table.endpoint], [table.status, table.attempts, table.due_at_ms]
        )
        self.owe: Rows = dialect.insert_rows(deliveries, list(table), on_conflict="nothing")
        self.log: Rows = dialect.insert_rows(
            delivery_attempts, [delivery_attempts.c[name] for name in AttemptRow._fields]
        )


# ── taking ──────────────────────────────


def take_due(
    tx: Transaction, statements: DeliveryStatements, endpoint: str, now_ms: int, limit: int, lease_until_ms: int
) -> list[Owed]:
    """Take what is due for an endpoint, in the order of the event numbers but for what was tried already."""
    due = tx.run(statements.due, to=endpoint, now_ms=now_ms, most=limit).fetchall()
    return _lease(tx, statements, endpoint, due, lease_until_ms)


def take_probe(
    tx: Transaction, statements: DeliveryStatements, endpoint: str, now_ms: int, lease_until_ms: int
) -> list[Owed]:
    """Take one due delivery to probe with: the oldest, but after some tries another one.

    So an event that its receiver will never take does not stand before all others for ever.
    """
    due = tx.run(statements.probe, to=endpoint, now_ms=now_ms, most=1).fetchall()
    return _lease(tx, statements, endpoint, due, lease_until_ms)


def _lease(
    tx: Transaction, statements: DeliveryStatements, endpoint: str, due: Sequence[Values], until_ms: int
) -> list[Owed]:
    tx.write_later(statements.lease, [(until_ms, number, endpoint) for number, _, _ in due])
    found = tx.look_up(statements.events, [number for number, _, _ in due])
    by_number = {row[0]: EventRow._make(row) for row in found}
    return [Owed(by_number[number], endpoint, attempts, due_at_ms) for number, attempts, due_at_ms in due]


# ── recording ──────────────────────────────


def write_outcomes(
    tx: Transaction,
    statements: DeliveryStatements,
    outcomes: Sequence[DeliveryRow],
    attempts: Sequence[AttemptRow],
) -> None:
    """Store what became of deliveries, and log the attempts."""
    written = [(row.status, row.attempts, row.due_at_ms, row.event, row.endpoint) for row in outcomes]
    tx.write_rows(statements.write, sorted(written, key=lambda row: row[3:]))
    tx.write_rows(statements.log, attempts)


def hasten_tried(tx: Transaction, endpoint: str) -> None:
    """Put what was tried and waits before what was not: it is older. For when an endpoint answers again."""
    tried = and_(deliveries.c.endpoint == endpoint, deliveries.c.due_at_ms.is_not(None), deliveries.c.attempts > 0)
    tx.execute(update(deliveries).where(tried).values(due_at_ms=FIRST_OF_ALL_MS))


def exhaust_older(tx: Transaction, endpoint: str, probes: int) -> int:
    """Exhaust what waited through the last `probes` attempts of an endpoint. → how many."""
    log = delivery_attempts.c
    back_then = select(log.at_ms).where(log.endpoint == endpoint).order_by(log.id.desc()).offset(probes - 1).limit(1)
    row = tx.one(back_then)
    if row is None:
        return 0
    since = exists().where(events.c.number == deliveries.c.event, events.c.at_ms <= row[0])
    waited = and_(deliveries.c.endpoint == endpoint, deliveries.c.due_at_ms.is_not(None), since)
    return tx.execute(update(deliveries).where(waited).values(status=EXHAUSTED, due_at_ms=None)).rowcount


def forget_delivery(tx: Transaction, event: int, endpoint: str) -> None:
    """Owe an endpoint an event no longer."""
    tx.execute(delete(deliveries).where(deliveries.c.event == event, deliveries.c.endpoint == endpoint))


# ── looking ──────────────────────────────


def list_deliveries(tx: Transaction, wanted: DeliveryFilter) -> list[Told]:
    """Deliveries, the newest event first."""
    statement = (
        select(*deliveries.columns, events.c.id, events.c.type, events.c.payment, events.c.at_ms)
        .join(events, events.c.number == deliveries.c.event)
        .order_by(deliveries.c.event.desc(), deliveries.c.endpoint)
        .limit(wanted.limit)
    )
    for column, value in (
        (events.c.mode, wanted.mode),
        (events.c.id, wanted.event),
        (deliveries.c.endpoint, wanted.endpoint),
        (deliveries.c.status, wanted.status),
    ):
        if value:
            statement = statement.where(column == value)
    if wanted.after:
        number, endpoint = wanted.after
        same = and_(deliveries.c.event == number, deliveries.c.endpoint > endpoint)
        statement = statement.where(or_(deliveries.c.event < number, same))
    rows: list[Sequence[Any]] = [tuple(row) for row in tx.all(statement)]
    return [Told(DeliveryRow._make(row[:5]), *row[5:]) for row in rows]


def list_attempts(tx: Transaction, event: int) -> list[AttemptRow]:
    """Every attempt to deliver an event, oldest first."""
    columns = [delivery_attempts.c[name] for name in AttemptRow._fields]
    statement = select(*columns).where(delivery_attempts.c.event == event).order_by(delivery_attempts.c.id)
    return [AttemptRow._make(row) for row in tx.all(statement)]
