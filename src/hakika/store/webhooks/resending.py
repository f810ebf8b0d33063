"""Owing again what was owed once: by id, by endpoint, by type, by time."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, or_, select, update

from hakika.domain.lane import FAILING_AFTER
from hakika.store.tables import deliveries, endpoints, events
from hakika.store.transaction import Transaction
from hakika.store.webhooks.deliveries import WAITING, DeliveryStatements


class Resend(NamedTuple):
    """What to send again; empty is any. With an endpoint also what it asks for and was never owed."""

    mode: str
    event_ids: tuple[str, ...] = ()
    endpoint: str = ""
    event_types: str = ""  # that endpoint's
    type: str = ""
    status: str = ""
    from_ms: int = 0
    to_ms: int = 0


def find_owed(tx: Transaction, wanted: Resend, after: int, limit: int) -> list[tuple[int, str]]:
    """(event number, endpoint) of deliveries that fit, of the next `limit` events after that number."""
    statement = (
        select(deliveries.c.event, deliveries.c.endpoint)
        .join(events, events.c.number == deliveries.c.event)
        .join(endpoints, endpoints.c.id == deliveries.c.endpoint)
        .where(deliveries.c.event > after, *_conditions(wanted))
        .order_by(deliveries.c.event, deliveries.c.endpoint)
        .limit(limit)
    )
    if wanted.endpoint:
        statement = statement.where(deliveries.c.endpoint == wanted.endpoint)
    if wanted.status:
        statement = statement.where(deliveries.c.status == wanted.status)
    return [(int(row[0]), str(row[1])) for row in map(tuple, tx.all(statement))]


def find_unowed(tx: Transaction, wanted: Resend, after: int, limit: int) -> list[int]:
    """Numbers of events that fit, and that the endpoint would be owed had it existed then."""
    owed = and_(deliveries.c.event == events.c.number, deliveries.c.endpoint == wanted.endpoint)
    statement = (
        select(events.c.number)
        .outerjoin(deliveries, owed)
        .where(events.c.number > after, deliveries.c.event.is_(None), *_conditions(wanted), _wanted_by(wanted))
        .order_by(events.c.number)
        .limit(limit)
    )
    return [int(row[0]) for row in tx.all(statement)]


def _wanted_by(wanted: Resend) -> ColumnElement[bool]:
    named = [name for name in wanted.event_types.split(",") if name]
    if named:
        return events.c.type.in_(named)
    return and_(events.c.type.not_like("test.%"), events.c.type.not_like("endpoint.%"))


def _conditions(wanted: Resend) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.mode:
        conditions.append(events.c.mode == wanted.mode)
    if wanted.event_ids:
        conditions.append(or_(*(events.c.id == event_id for event_id in wanted.event_ids)))
    if wanted.type:
        conditions.append(events.c.type == wanted.type)
    if wanted.from_ms:
        conditions.append(events.c.at_ms >= wanted.from_ms)
    if wanted.to_ms:
        conditions.append(events.c.at_ms < wanted.to_ms)
    return conditions


def owe_again(tx: Transaction, statements: DeliveryStatements, owed: Sequence[tuple[int, str]], now_ms: int) -> None:
    """Make these due now, as if they had never been tried; what was never owed is from now on."""
    tx.write_rows(statements.owe, [(event, endpoint, WAITING, 0, now_ms) for event, endpoint in owed])
    tx.write_rows(statements.write, [(WAITING, 0, now_ms, event, endpoint) for event, endpoint in owed])
    # A failing one is probed at once, and for a whole schedule more: what is owed anew has had none of it.
    failing = and_(endpoints.c.id.in_({endpoint for _, endpoint in owed}), endpoints.c.failures >= FAILING_AFTER)
    tx.execute(update(endpoints).where(failing).values(failures=FAILING_AFTER, next_at_ms=0))
