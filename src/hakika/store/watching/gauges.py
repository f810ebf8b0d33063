"""What can only be said of all nodes together: read from the store in a few statements that each use an index."""

from typing import NamedTuple

from sqlalchemy import func, select, text

from hakika.store.events import read_head
from hakika.store.evidence import count_quarantine
from hakika.store.payments import next_due_at
from hakika.store.tables import budgets, deliveries, payments
from hakika.store.transaction import Transaction
from hakika.store.webhooks.endpoints import count_owed, list_due_lanes, list_endpoints


class Gauges(NamedTuple):
    """How things stand. Times are milliseconds."""

    pending: dict[tuple[str, str], int]  # environment, stage
    troubled: dict[tuple[str, str], int]  # environment; mispaid, unresolved or frozen
    payments_lag_ms: int  # how long ago the first payment on which somebody must act became due
    deliveries_lag_ms: int
    deliveries: dict[str, int]  # waiting, exhausted
    endpoints: dict[str, int]  # active, failing, off
    budgets: dict[str, str]  # account → its budget as JSON
    quarantined: int
    last_event: int


# Literals: neither database uses a partial index for what it learns only when the statement runs.
_DUE, _TROUBLED, _FROZEN, _EXHAUSTED = (
    text("due_at_ms IS NOT NULL"),
    text("status IN ('unresolved', 'mispaid')"),
    text("frozen <> ''"),
    text("status = 'exhausted'"),
)
_BY_ENVIRONMENT = payments.c.environment
_PENDING = (
    select(_BY_ENVIRONMENT, payments.c.stage, func.count())
    .where(_DUE, payments.c.status == "pending")
    .group_by(_BY_ENVIRONMENT, payments.c.stage)
)
_IN_TROUBLE = (
    select(_BY_ENVIRONMENT, payments.c.status, func.count())
    .where(_TROUBLED)
    .group_by(_BY_ENVIRONMENT, payments.c.status)
)
_IN_PIECES = select(_BY_ENVIRONMENT, text("'frozen'"), func.count()).where(_FROZEN).group_by(_BY_ENVIRONMENT)
_GIVEN_UP = select(func.count()).select_from(deliveries).where(_EXHAUSTED)
_BUDGETS = select(budgets.c.account, budgets.c.state)


def read_gauges(tx: Transaction, now_ms: int) -> Gauges:
    """Read them all, in one transaction."""
    due_at_ms = next_due_at(tx)
    owed_since_ms = [max(lane.due_at_ms, lane.endpoint.next_at_ms) for lane in list_due_lanes(tx)]
    given_up = tx.one(_GIVEN_UP)
    return Gauges(
        pending={(str(row[0]), str(row[1])): int(row[2]) for row in map(tuple, tx.all(_PENDING))},
        troubled={
            (str(row[0]), str(row[1])): int(row[2]) for row in map(tuple, [*tx.all(_IN_TROUBLE), *tx.all(_IN_PIECES)])
        },
        payments_lag_ms=max(0, now_ms - due_at_ms) if due_at_ms is not None else 0,
        deliveries_lag_ms=max(0, now_ms - min(owed_since_ms)) if owed_since_ms else 0,
        deliveries={"waiting": sum(count_owed(tx).values()), "exhausted": int(given_up[0]) if given_up else 0},
        endpoints=_sort_endpoints(tx),
        budgets={str(row[0]): str(row[1]) for row in map(tuple, tx.all(_BUDGETS))},
        quarantined=count_quarantine(tx),
        last_event=read_head(tx).number,
    )


def _sort_endpoints(tx: Transaction) -> dict[str, int]:
    counts = {"active": 0, "failing": 0, "off": 0}
    for endpoint in list_endpoints(tx):
        counts["off" if not endpoint.active else "failing" if endpoint.lane.failing else "active"] += 1
    return counts


def list_lingering(tx: Transaction, after_ms: int, upto_ms: int, limit: int) -> list[tuple[str, str, str, int]]:
    """Payments that were asked for in that while and are pending still: id, reference, stage, since when."""
    asked = payments.c.created_at_ms
    statement = (
        select(payments.c.id, payments.c.reference, payments.c.stage, asked)
        .where(asked > after_ms, asked <= upto_ms, payments.c.status == "pending")
        .order_by(asked, payments.c.id)
        .limit(limit)
    )
    return [(str(row[0]), str(row[1]), str(row[2]), int(row[3])) for row in map(tuple, tx.all(statement))]
