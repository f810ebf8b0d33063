"""The figures that alerts are judged by, read from the store in one go.

Each is bounded: what is in trouble has an index of its own, and of what is usual the newest are counted.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Integer, and_, case, cast, func, or_, select, text

from hakika.domain.lane import FAILING_AFTER
from hakika.domain.payment import PAID
from hakika.store.quarantine import FOREIGN
from hakika.store.tables import budgets, endpoints, payments, quarantine
from hakika.store.transaction import Transaction

NEWEST = 5_000
"""So many of the newest payments of a time are counted: enough for a share, and quick on any database."""
FIRST = 5
"""Ids that are named of those that are counted."""


class Trouble(NamedTuple):
    """Payments in trouble: how many, since when the first of them, and some ids."""

    number: int
    since_ms: int
    first: tuple[str, ...]


class Tally(NamedTuple):
    """Payments of some time: asked for, ended, paid, prompted, called back."""

    asked: int = 0
    ended: int = 0
    paid: int = 0
    prompted: int = 0
    called_back: int = 0


class FailingEndpoint(NamedTuple):
    """An endpoint that does not take what it is owed; `off_reason` where it turned itself off."""

    id: str
    mode: str
    url: str
    failures: int
    failing_since_ms: int
    off_reason: str


Troubles = Mapping[str, Trouble]
Tallies = Mapping[str, Tally]


def read_pending(tx: Transaction, account: str, before_ms: int) -> Trouble | None:
    """Payments of an account that were asked for before then, and are pending still."""
    table = payments.c
    # What is pending is due some day, and that index is short; what is frozen is another matter.
    pending = and_(
        table.account == account, table.due_at_ms > 0, table.status == "pending", table.created_at_ms < before_ms
    )
    return _read_trouble(tx, pending, table.created_at_ms)


def read_troubled(tx: Transaction, account: str, status: str, since_ms: int) -> Trouble | None:
    """Payments of an account that are `unresolved` or `mispaid`, of those that changed since then."""
    table = payments.c
    # Spelled out, so that the index of these two is found.
    indexed = text("status IN ('unresolved', 'mispaid')")
    troubled = and_(indexed, table.status == status, table.account == account, table.updated_at_ms >= since_ms)
    return _read_trouble(tx, troubled, table.updated_at_ms)


def read_frozen(tx: Transaction, account: str) -> Trouble | None:
    """Payments of an account that broke an invariant."""
    table = payments.c
    frozen = and_(text("frozen <> ''"), table.account == account)
    return _read_trouble(tx, frozen, table.updated_at_ms)


def _read_trouble(tx: Transaction, wanted: Any, since: Any) -> Trouble | None:
    counted: Sequence[Any] = tuple(tx.one(select(func.count(), func.min(since)).where(wanted)) or (0, 0))
    if not counted[0]:
        return None
    named = tx.all(select(payments.c.id).where(wanted).order_by(since, payments.c.id).limit(FIRST))
    return Trouble(int(counted[0]), int(counted[1]), tuple(str(one[0]) for one in named))


def tally(tx: Transaction, since_ms: int, until_ms: int) -> dict[str, Tally]:
    """Account → what became of the payments that were asked for from then until then; of the newest of all."""
    table = payments.c
    newest = (
        select(table.account, table.status, table.prompted_at_ms, table.called_back_at_ms)
        .where(table.created_at_ms >= since_ms, table.created_at_ms < until_ms)
        .order_by(table.created_at_ms.desc())
        .limit(NEWEST)
        .subquery()
    )
    statement = select(
        newest.c.account,
        func.count(),
        _count_if(newest.c.status != "pending"),
        _count_if(newest.c.status.in_(sorted(PAID))),
        _count_if(newest.c.prompted_at_ms > 0),
        _count_if(newest.c.called_back_at_ms > 0),
    ).group_by(newest.c.account)
    rows: list[Sequence[Any]] = [tuple(row) for row in tx.all(statement)]
    return {str(row[0]): Tally._make(int(number) for number in row[1:]) for row in rows}


def _count_if(condition: Any) -> Any:
    return cast(func.sum(case((condition, 1), else_=0)), Integer)


def count_unread(tx: Transaction, since_ms: int) -> int:
    """Callbacks since then that could not be read, or are about no payment of ours; without strangers' own."""
    parked = quarantine.c
    unread = and_(parked.at_ms >= since_ms, parked.adopted_by == "", parked.reason != FOREIGN)
    row = tx.one(select(func.count()).select_from(quarantine).where(unread))
    return int(row[0]) if row else 0


def read_budgets(tx: Transaction) -> dict[str, str]:
    """Account → its budget of calls, as it is kept."""
    return {str(row[0]): str(row[1]) for row in map(tuple, tx.all(select(budgets.c.account, budgets.c.state)))}


def list_failing_endpoints(tx: Transaction) -> list[FailingEndpoint]:
    """Every endpoint that fails, or turned itself off."""
    table = endpoints.c
    columns = [table[name] for name in FailingEndpoint._fields]
    fails = and_(table.active.is_(True), table.failures >= FAILING_AFTER)
    gone = and_(table.active.is_(False), table.off_reason.like("It answered %"))
    return [FailingEndpoint._make(row) for row in tx.all(select(*columns).where(or_(fails, gone)).order_by(table.id))]
