"""What the doctor reads: how many are in trouble, since when, and the first of them; who posted callbacks."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, case, func, or_, select, text

from hakika.store.tables import (
    accounts,
    deliveries,
    delivery_attempts,
    endpoints,
    events,
    evidence,
    payments,
    quarantine,
)
from hakika.store.transaction import Transaction

NAMED = 3
LATEST = 2_000  # pieces of evidence that are looked at
EXHAUSTED = "exhausted"


class Some(NamedTuple):
    """How many payments there are of a kind, since when the oldest is so, and the ids of the newest."""

    number: int
    since_ms: int
    ids: list[str]


class Called(NamedTuple):
    """Of the prompts of an account: how many there were, and of how many a callback came."""

    account: str
    prompted: int
    called_back: int


class Posted(NamedTuple):
    """One callback that was kept. `origin` and `reading` are JSON."""

    source: str
    origin: str
    reading: str
    copies: int


# ── payments ──────────────────────────────


def find_at(tx: Transaction, status: str) -> Some:
    """Those at a status."""
    return _find(tx, payments.c.status == status, payments.c.updated_at_ms)


def find_frozen(tx: Transaction) -> Some:
    """Those that broke an invariant."""
    return _find(tx, payments.c.frozen != "", payments.c.updated_at_ms)


def find_overdue(tx: Transaction, before_ms: int) -> Some:
    """Those pending on which somebody should have acted by then, or on which nobody ever will."""
    late = or_(payments.c.due_at_ms.is_(None), payments.c.due_at_ms < before_ms)
    pending = and_(payments.c.status == "pending", payments.c.frozen == "")
    return _find(tx, and_(pending, late), func.coalesce(payments.c.due_at_ms, payments.c.updated_at_ms))


def find_pending(tx: Transaction, before_ms: int) -> Some:
    """Those asked for before then of which nobody knows yet what became."""
    pending = and_(payments.c.status == "pending", payments.c.frozen == "", payments.c.created_at_ms < before_ms)
    return _find(tx, pending, payments.c.created_at_ms)


def _find(tx: Transaction, which: ColumnElement[bool], since: ColumnElement[int]) -> Some:
    row = tx.one(select(func.count(), func.min(since)).select_from(payments).where(which))
    number, since_ms = (int(row[0]), int(row[1] or 0)) if row else (0, 0)
    if not number:
        return Some(0, 0, [])
    newest = select(payments.c.id).where(which).order_by(payments.c.created_at_ms.desc()).limit(NAMED)
    return Some(number, since_ms, [str(row[0]) for row in tx.all(newest)])


def count_called_back(tx: Transaction, since_ms: int, before_ms: int) -> list[Called]:
    """Account by account, of what was prompted in that time."""
    statement = (
        select(
            payments.c.account,
            func.count(),
            func.sum(case((payments.c.called_back_at_ms > 0, 1), else_=0)),
        )
        .where(
            payments.c.created_at_ms >= since_ms,
            payments.c.verified.is_(True),
            payments.c.prompted_at_ms >= since_ms,
            payments.c.prompted_at_ms < before_ms,
        )
        .group_by(payments.c.account)
        .order_by(payments.c.account)
    )
    return [Called(str(row[0]), int(row[1]), int(row[2] or 0)) for row in tx.all(statement)]


def count_codes(tx: Transaction, codes: Sequence[str], since_ms: int) -> list[tuple[str, str, int]]:
    """(account, result code, how many payments ended with it) since then, of these codes."""
    statement = (
        select(payments.c.account, payments.c.code, func.count())
        .where(payments.c.created_at_ms >= since_ms, payments.c.code.in_(codes))
        .group_by(payments.c.account, payments.c.code)
        .order_by(payments.c.account, payments.c.code)
    )
    return [(str(row[0]), str(row[1]), int(row[2])) for row in tx.all(statement)]


# ── who called ──────────────────────────────


def list_posted(tx: Transaction, since_ms: int) -> list[Posted]:
    """The callbacks of payments that were kept since then, newest first; of very many the newest."""
    newest = select(evidence.c.id, evidence.c.at_ms, *(evidence.c[name] for name in Posted._fields))
    newest = newest.where(evidence.c.source.in_(("callback", "claim"))).order_by(evidence.c.id.desc()).limit(LATEST)
    return [Posted._make(row[2:]) for row in tx.all(newest) if row.at_ms >= since_ms]


def list_answers(tx: Transaction, source: str, since_ms: int) -> list[tuple[str, str]]:
    """(account, reading) of what a source said since then, newest first; of very much the newest."""
    statement = (
        select(payments.c.account, evidence.c.reading, evidence.c.at_ms)
        .join(payments, payments.c.id == evidence.c.payment)
        .where(evidence.c.source == source)
        .order_by(evidence.c.id.desc())
        .limit(LATEST)
    )
    return [(str(row.account), str(row.reading)) for row in tx.all(statement) if row.at_ms >= since_ms]


def count_unknown(tx: Transaction, since_ms: int) -> list[tuple[str, int]]:
    """(reason, how many) of what came since then, about no payment that is known."""
    statement = (
        select(quarantine.c.reason, func.count())
        .where(quarantine.c.at_ms >= since_ms, quarantine.c.adopted_by == "")
        .group_by(quarantine.c.reason)
        .order_by(func.count().desc())
    )
    return [(str(row[0]), int(row[1])) for row in tx.all(statement)]


# ── what is owed ──────────────────────────────


def count_overdue(tx: Transaction, before_ms: int) -> tuple[int, int]:
    """Deliveries to endpoints that are well which were due before then, and since when the first was."""
    statement = (
        select(func.count(), func.min(deliveries.c.due_at_ms))
        .select_from(deliveries)
        .join(endpoints, endpoints.c.id == deliveries.c.endpoint)
        .where(deliveries.c.due_at_ms < before_ms, endpoints.c.active.is_(True), endpoints.c.failures == 0)
    )
    row = tx.one(statement)
    return (int(row[0]), int(row[1] or 0)) if row else (0, 0)


def count_exhausted(tx: Transaction, since_ms: int) -> int:
    """Deliveries of events since then that were given up."""
    given_up = and_(deliveries.c.status == EXHAUSTED, events.c.at_ms >= since_ms)
    joined = deliveries.join(events, events.c.number == deliveries.c.event)
    row = tx.one(select(func.count()).select_from(joined).where(given_up))
    return int(row[0]) if row else 0


def find_last_error(tx: Transaction, endpoint: str) -> str:
    """What an endpoint's newest attempt was answered: `HTTP 500`, or why there was no answer."""
    columns = (delivery_attempts.c.status_code, delivery_attempts.c.error)
    statement = select(*columns).where(delivery_attempts.c.endpoint == endpoint)
    row = tx.one(statement.order_by(delivery_attempts.c.id.desc()).limit(1))
    if row is None:
        return "nothing was tried yet"
    return str(row.error) or f"HTTP {row.status_code}"


def find_newest_time(tx: Transaction) -> int:
    """When the newest event was published; 0 where there is none."""
    row = tx.one(select(events.c.at_ms).order_by(events.c.number.desc()).limit(1))
    return int(row[0]) if row else 0


# ── the database itself ──────────────────────────────


def count_accounts(tx: Transaction) -> int:
    """How many there are."""
    row = tx.one(select(func.count()).select_from(accounts))
    return int(row[0]) if row else 0


def read_durability(tx: Transaction) -> list[tuple[str, str]]:
    """(setting, value) of what decides whether a commit survives a power cut."""
    if tx.dialect.name == "sqlite":
        named = [("synchronous", "PRAGMA synchronous"), ("journal_mode", "PRAGMA journal_mode")]
    else:
        named = [(name, f"SHOW {name}") for name in ("fsync", "full_page_writes", "synchronous_commit")]
    found = []
    for name, statement in named:
        row = tx.one(text(statement))
        found.append((name, str(row[0]) if row else ""))
    return found


_WAITS = text("""
    SELECT pid, state, wait_event_type, round(extract(epoch FROM now() - coalesce(state_change, query_start))) AS s
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND ((wait_event_type = 'Lock' AND now() - query_start > interval '1 second')
        OR (state LIKE 'idle in transaction%' AND now() - state_change > make_interval(secs => :idle_s)))
    ORDER BY pid LIMIT 5
""")


def list_waits(tx: Transaction, idle_s: int) -> list[str]:
    """PostgreSQL: who waits for a lock, and who holds what it has and does nothing."""
    return [
        f"{row.pid} {'waits for a lock' if row.wait_event_type == 'Lock' else 'is ' + row.state} for {row.s:.0f} s"
        for row in tx.execute(_WAITS, {"idle_s": idle_s}).all()
    ]
