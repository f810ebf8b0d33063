"""Alerts and their rules: rows, how they are found and written; and whose turn it is to look."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import and_, func, insert, or_, select, update

from hakika.store.alerts.tables import alert_rules, alerts, turns
from hakika.store.transaction import Transaction

OPEN, CLOSED = "open", "closed"
TURN = "alerts"
FAR_AHEAD = 10  # times the interval: a time so far away was written by a clock that was wrong


class AlertRow(NamedTuple):
    """One alert. `subject` is an account's id, an endpoint's, or `""`; `told` is how often it was told."""

    id: str
    mode: str
    rule: str
    subject: str
    severity: str
    status: str
    summary: str
    evidence: str
    opened_at_ms: int
    seen_at_ms: int
    told_at_ms: int
    told: int
    closed_at_ms: int


class RuleRow(NamedTuple):
    """What was changed about one rule: only the thresholds that are not as shipped (JSON)."""

    mode: str
    name: str
    active: bool
    thresholds: str
    updated_at_ms: int


class AlertFilter(NamedTuple):
    """Which alerts, the newest first. Empty is any."""

    mode: str = ""
    status: str = ""
    rule: str = ""
    after: tuple[int, str] | None = None  # when the last one seen was opened, and its id
    limit: int = 20


# ── whose turn it is ──────────────────────────────


def take_turn(tx: Transaction, now_ms: int, every_ms: int, name: str = TURN) -> bool:
    """Take the turn, if it is due: then it is nobody's until `every_ms` have passed."""
    due = or_(turns.c.due_at_ms <= now_ms, turns.c.due_at_ms > now_ms + FAR_AHEAD * every_ms)
    taken = tx.execute(update(turns).where(turns.c.name == name, due).values(due_at_ms=now_ms + every_ms))
    return taken.rowcount == 1


# ── alerts ──────────────────────────────


def insert_alert(tx: Transaction, row: AlertRow) -> None:
    """Store a new alert."""
    tx.execute(insert(alerts), row._asdict())


def write_alert(tx: Transaction, row: AlertRow) -> None:
    """Store an alert anew."""
    tx.execute(update(alerts).where(alerts.c.id == row.id).values(row._asdict()))


def list_open_alerts(tx: Transaction) -> list[AlertRow]:
    """All that are open, the oldest first."""
    statement = select(*alerts.columns).where(alerts.c.status == OPEN).order_by(alerts.c.opened_at_ms, alerts.c.id)
    return [AlertRow._make(row) for row in tx.all(statement)]


def list_alerts_since(tx: Transaction, closed_since_ms: int) -> list[AlertRow]:
    """All that are open, or were closed since then."""
    lately = or_(alerts.c.status == OPEN, alerts.c.closed_at_ms >= closed_since_ms)
    statement = select(*alerts.columns).where(lately).order_by(alerts.c.opened_at_ms, alerts.c.id)
    return [AlertRow._make(row) for row in tx.all(statement)]


def count_opened_since(tx: Transaction, row: AlertRow, since_ms: int) -> int:
    """How often the same alert was opened since then, besides this time."""
    same = and_(alerts.c.mode == row.mode, alerts.c.rule == row.rule, alerts.c.subject == row.subject)
    lately = and_(alerts.c.opened_at_ms >= since_ms, alerts.c.id != row.id)
    found = tx.one(select(func.count()).select_from(alerts).where(same, lately))
    return int(found[0]) if found else 0


def find_alert(tx: Transaction, alert_id: str) -> AlertRow | None:
    """The alert of that id."""
    row = tx.one(select(*alerts.columns).where(alerts.c.id == alert_id))
    return None if row is None else AlertRow._make(row)


def list_alerts(tx: Transaction, wanted: AlertFilter) -> list[AlertRow]:
    """The alerts that fit, the newest first."""
    newest_first = (alerts.c.opened_at_ms.desc(), alerts.c.id.desc())
    statement = select(*alerts.columns).order_by(*newest_first).limit(wanted.limit)
    for column, value in (
        (alerts.c.mode, wanted.mode),
        (alerts.c.status, wanted.status),
        (alerts.c.rule, wanted.rule),
    ):
        if value:
            statement = statement.where(column == value)
    if wanted.after:
        at_ms, alert_id = wanted.after
        same_moment = and_(alerts.c.opened_at_ms == at_ms, alerts.c.id < alert_id)
        statement = statement.where(or_(alerts.c.opened_at_ms < at_ms, same_moment))
    return [AlertRow._make(row) for row in tx.all(statement)]


# ── rules ──────────────────────────────


def list_rules(tx: Transaction) -> Sequence[RuleRow]:
    """What was changed about rules."""
    return [RuleRow._make(row) for row in tx.all(select(*alert_rules.columns))]


def write_rule(tx: Transaction, row: RuleRow) -> None:
    """Store what was changed about a rule."""
    this = and_(alert_rules.c.mode == row.mode, alert_rules.c.name == row.name)
    if not tx.execute(update(alert_rules).where(this).values(row._asdict())).rowcount:
        tx.execute(insert(alert_rules), row._asdict())
