"""Endpoints: where events are delivered to, and how each has fared."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import and_, delete, func, insert, select, update

from hakika.domain.lane import Lane
from hakika.store.tables import deliveries, endpoints
from hakika.store.transaction import Transaction


class EndpointRow(NamedTuple):
    """One endpoint. `event_types` is `""` or `,type,type,`; the secrets are encrypted."""

    id: str
    mode: str
    url: str
    description: str
    event_types: str
    active: bool
    off_reason: str
    secret: bytes | None
    old_secret: bytes | None
    old_secret_until_ms: int
    created_at_ms: int
    failures: int = 0
    failing_since_ms: int = 0
    next_at_ms: int = 0
    told_at_ms: int = 0

    @property
    def lane(self) -> Lane:
        """How it has fared."""
        return Lane(self.failures, self.failing_since_ms, self.next_at_ms, self.told_at_ms)


class DueLane(NamedTuple):
    """An endpoint that is on, and when something of it is due."""

    endpoint: EndpointRow
    due_at_ms: int


COLUMNS = [endpoints.c[name] for name in EndpointRow._fields]


def insert_endpoint(tx: Transaction, row: EndpointRow) -> None:
    """Store a new endpoint."""
    tx.execute(insert(endpoints), row._asdict())


def change_endpoint(tx: Transaction, endpoint_id: str, values: Mapping[str, Any]) -> None:
    """Store some of its columns anew."""
    tx.execute(update(endpoints).where(endpoints.c.id == endpoint_id).values(values))


def set_lane(tx: Transaction, endpoint_id: str, lane: Lane) -> None:
    """Store how it has fared."""
    change_endpoint(tx, endpoint_id, lane._asdict())


def delete_endpoint(tx: Transaction, endpoint_id: str) -> None:
    """Forget an endpoint and what it is still owed; what was delivered to it stays in the log."""
    owed = deliveries.c.due_at_ms.is_not(None)
    tx.execute(delete(deliveries).where(deliveries.c.endpoint == endpoint_id, owed))
    tx.execute(delete(endpoints).where(endpoints.c.id == endpoint_id))


def find_endpoint(tx: Transaction, endpoint_id: str) -> EndpointRow | None:
    """The endpoint of that id."""
    row = tx.one(select(*COLUMNS).where(endpoints.c.id == endpoint_id))
    return None if row is None else EndpointRow._make(row)


def list_endpoints(tx: Transaction, mode: str = "") -> list[EndpointRow]:
    """All endpoints of a mode, oldest first; `""` is of both."""
    statement = select(*COLUMNS).order_by(endpoints.c.created_at_ms, endpoints.c.id)
    if mode:
        statement = statement.where(endpoints.c.mode == mode)
    return [EndpointRow._make(row) for row in tx.all(statement)]


def lock_endpoints(tx: Transaction, endpoint_ids: Sequence[str]) -> dict[str, EndpointRow]:
    """Those of them that exist, locked in the order of their ids."""
    if not endpoint_ids:
        return {}
    statement = select(*COLUMNS).where(endpoints.c.id.in_(sorted(endpoint_ids)))
    rows = tx.all(tx.dialect.for_update(statement, in_order_of=endpoints.c.id))
    return {row.id: EndpointRow._make(row) for row in rows}


_FIRST_DUE = (
    select(func.min(deliveries.c.due_at_ms))
    .where(and_(deliveries.c.endpoint == endpoints.c.id, deliveries.c.due_at_ms.is_not(None)))
    .scalar_subquery()
)
# Run for every batch that is committed.
_DUE_LANES = select(*COLUMNS, _FIRST_DUE.label("first")).where(endpoints.c.active.is_(True))


def list_due_lanes(tx: Transaction) -> list[DueLane]:
    """Every endpoint that is on and owed something, with when the first of it is due."""
    rows = tx.ask(_DUE_LANES)
    return [DueLane(EndpointRow._make(row[:-1]), int(row[-1])) for row in rows if row[-1] is not None]


def count_owed(tx: Transaction) -> dict[str, int]:
    """Endpoint → how many events it is owed and has not got."""
    statement = (
        select(deliveries.c.endpoint, func.count())
        .where(deliveries.c.due_at_ms.is_not(None))
        .group_by(deliveries.c.endpoint)
    )
    return {str(row[0]): int(row[1]) for row in map(tuple, tx.all(statement))}
