"""Messages to payers: one row for each event and channel, which is marked before it is sent.

`due_at_ms` of what is queued is when to send it; of what is being sent, when whoever sends it must be dead. Nothing
is ever sent again from `sending`: it ends as `unknown`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import and_, delete, insert, or_, select, update

from hakika.store.messages.tables import messages
from hakika.store.tables import payments
from hakika.store.transaction import Transaction

QUEUED, SENDING, SENT, FAILED, UNKNOWN, SKIPPED = "queued", "sending", "sent", "failed", "unknown", "skipped"


class MessageRow(NamedTuple):
    """One message."""

    id: str
    channel: str
    kind: str
    mode: str
    account: str
    event: int
    event_id: str
    type: str
    payment: str
    recipient: str
    language: str
    subject: str
    text: str
    status: str
    detail: str
    attempts: int
    reference: str
    cost: str
    created_at_ms: int
    event_at_ms: int
    sending_at_ms: int
    ended_at_ms: int
    due_at_ms: int | None


class Due(NamedTuple):
    """A message that is due, and what its payment is now; `""` where it is gone."""

    message: MessageRow
    payment_status: str


class MessageFilter(NamedTuple):
    """Which messages, the newest first. Empty is any."""

    mode: str = ""
    payment: str = ""
    channel: str = ""
    status: str = ""
    after: tuple[int, str] | None = None
    limit: int = 20


def insert_messages(tx: Transaction, rows: Sequence[MessageRow]) -> None:
    """Store new messages. A second one of an event on a channel raises: the index sees to it."""
    if rows:
        tx.execute(insert(messages), [row._asdict() for row in rows])


# ── sending ──────────────────────────────


def find_due_channels(tx: Transaction, now_ms: int) -> set[str]:
    """The channels of which something is due, or stays marked and should not."""
    due = select(messages.c.channel).where(messages.c.due_at_ms <= now_ms).distinct()
    return {str(row.channel) for row in tx.all(due)}


def take_due_messages(tx: Transaction, channel: str, now_ms: int, limit: int) -> list[Due]:
    """What is due of a channel, locked, in the order of the events."""
    due = and_(messages.c.channel == channel, messages.c.status == QUEUED, messages.c.due_at_ms <= now_ms)
    statement = select(*messages.columns).where(due).order_by(messages.c.event).limit(limit)
    rows = [MessageRow._make(row) for row in tx.all(tx.dialect.for_update(statement, skip_locked=True))]
    if not rows:
        return []
    found = select(payments.c.id, payments.c.status).where(payments.c.id.in_({row.payment for row in rows}))
    statuses = {str(row.id): str(row.status) for row in tx.all(found)}
    return [Due(row, statuses.get(row.payment, "")) for row in rows]


def mark_sending(tx: Transaction, message_ids: Sequence[str], now_ms: int, dead_at_ms: int) -> None:
    """Mark what is sent next. Committed before it is sent: who dies between sends nothing twice."""
    if message_ids:
        values = {"status": SENDING, "sending_at_ms": now_ms, "due_at_ms": dead_at_ms}
        marked = update(messages).where(messages.c.id.in_(message_ids))
        tx.execute(marked.values(attempts=messages.c.attempts + 1, **values))


def end_message(tx: Transaction, row: MessageRow) -> bool:
    """Store what became of a message. Who sent it knows better than who found it left over; that is final, though."""
    open_still = [SENDING] if row.status == QUEUED else [QUEUED, SENDING, UNKNOWN]
    mine = and_(messages.c.id == row.id, messages.c.status.in_(open_still))
    names = ("status", "detail", "reference", "cost", "ended_at_ms", "due_at_ms")
    values = {name: getattr(row, name) for name in names}
    return bool(tx.execute(update(messages).where(mine).values(values)).rowcount)


def end_abandoned(tx: Transaction, now_ms: int, detail: str) -> list[str]:
    """Whatever is still marked though whoever sent it must be dead: nobody knows. → their ids."""
    dead = and_(messages.c.status == SENDING, messages.c.due_at_ms <= now_ms)
    statement = select(messages.c.id).where(dead).limit(500)
    ids = [str(row.id) for row in tx.all(tx.dialect.for_update(statement, skip_locked=True))]
    if ids:
        values = {"status": UNKNOWN, "detail": detail, "ended_at_ms": now_ms, "due_at_ms": None}
        tx.execute(update(messages).where(messages.c.id.in_(ids)).values(values))
    return ids


def skip_queued(tx: Transaction, channel: str, now_ms: int, detail: str) -> None:
    """Send nothing more of what waits for a channel."""
    waiting = and_(messages.c.channel == channel, messages.c.status == QUEUED)
    values = {"status": SKIPPED, "detail": detail, "ended_at_ms": now_ms, "due_at_ms": None}
    tx.execute(update(messages).where(waiting).values(values))


# ── looking ──────────────────────────────


def find_message(tx: Transaction, message_id: str) -> MessageRow | None:
    """The message of that id."""
    row = tx.one(select(*messages.columns).where(messages.c.id == message_id))
    return None if row is None else MessageRow._make(row)


def list_messages(tx: Transaction, wanted: MessageFilter) -> list[MessageRow]:
    """The messages that fit, the newest first."""
    statement = (
        select(*messages.columns).order_by(messages.c.created_at_ms.desc(), messages.c.id.desc()).limit(wanted.limit)
    )
    for column, value in (
        (messages.c.mode, wanted.mode),
        (messages.c.payment, wanted.payment),
        (messages.c.channel, wanted.channel),
        (messages.c.status, wanted.status),
    ):
        if value:
            statement = statement.where(column == value)
    if wanted.after:
        at_ms, last = wanted.after
        same = and_(messages.c.created_at_ms == at_ms, messages.c.id < last)
        statement = statement.where(or_(messages.c.created_at_ms < at_ms, same))
    return [MessageRow._make(row) for row in tx.all(statement)]


def forget_messages(tx: Transaction, before_ms: int, limit: int) -> int:
    """Forget what is older and has ended: it names payers. → how many, at most `limit` at a time."""
    old = and_(messages.c.created_at_ms < before_ms, messages.c.due_at_ms.is_(None))
    ids = [str(row.id) for row in tx.all(select(messages.c.id).where(old).limit(limit))]
    return int(tx.execute(delete(messages).where(messages.c.id.in_(ids))).rowcount) if ids else 0
