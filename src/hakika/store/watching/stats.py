"""What became of the payments of a day, counted by the database.

Each statement reads one day of `ix_payments_created` and answers with as many rows as there are kinds, not payments:
a longer period is more statements, never a longer one.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, case, func, or_, select

from hakika.domain.kenya import AHEAD_OF_UTC_MS
from hakika.store.tables import accounts, payments
from hakika.store.transaction import Transaction

HOUR_MS = 3_600_000
"""Nairobi is three hours ahead of UTC all year round."""

FINE_MS, COARSE_MS = 120_000, 7_200_000
"""Times to certainty are exact to 0.1 s up to two minutes, to 1 s up to two hours, then to a minute."""
UNCERTAIN = ("pending", "unresolved")
RETURNED = "reversed"


class Span(NamedTuple):
    """Payments of a mode, of one account or of any, that were asked for from then until then."""

    mode: str
    account: str  # its id, or ""
    from_ms: int
    until_ms: int


class Kind(NamedTuple):
    """How many payments had one end: `hour` counts Nairobi's hours since 1970."""

    hour: int
    status: str
    code: str
    payments: int
    asked: int
    received: int


def count_kinds(tx: Transaction, span: Span) -> list[Kind]:
    """Count payments by hour, status and code, with their amounts."""
    table = payments.c
    statement = (
        select(
            ((table.created_at_ms + AHEAD_OF_UTC_MS) // HOUR_MS).label("hour"),
            table.status,
            table.code,
            func.count(),
            func.sum(table.amount),
            func.sum(table.amount_received),
        )
        .where(*_within(span))
        .group_by("hour", table.status, table.code)
    )
    rows: list[Sequence[Any]] = [tuple(row) for row in tx.all(statement)]
    return [Kind(int(row[0]), str(row[1]), str(row[2]), int(row[3]), int(row[4]), int(row[5])) for row in rows]


def spread_certainty(tx: Transaction, span: Span) -> dict[int, int]:
    """Milliseconds from the request to the end → how many. What was returned later ended long before that."""
    table = payments.c
    took_ms = table.final_at_ms - table.created_at_ms
    statement = (
        select(
            case(
                (took_ms < FINE_MS, took_ms // 100 * 100),
                (took_ms < COARSE_MS, took_ms // 1_000 * 1_000),
                else_=took_ms // 60_000 * 60_000,
            ).label("took"),
            func.count(),
        )
        .where(*_within(span), table.final_at_ms > 0, table.status.not_in((*UNCERTAIN, RETURNED)))
        .group_by("took")
    )
    return {int(row[0]): int(row[1]) for row in map(tuple, tx.all(statement))}


def find_account_id(tx: Transaction, name: str) -> str:
    """The id of the account of that id or name, or ""."""
    row = tx.one(select(accounts.c.id).where(or_(accounts.c.id == name, accounts.c.name == name)))
    return str(row[0]) if row else ""


def _within(span: Span) -> list[ColumnElement[bool]]:
    table = payments.c
    live = table.environment == "production"
    within = [table.created_at_ms >= span.from_ms, table.created_at_ms < span.until_ms]
    within.append(live if span.mode == "live" else ~live)
    return [*within, table.account == span.account] if span.account else within
