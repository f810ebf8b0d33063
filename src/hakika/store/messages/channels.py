"""Channels to payers, the payers who want no messages, and how far the log was read for them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, insert, select, update

from hakika.store.messages.tables import cursors, message_channels, opt_outs
from hakika.store.transaction import Transaction

CURSOR = "messages"


class ChannelRow(NamedTuple):
    """One way to an account's payers. `secret` is the encrypted URL, `url` what people may see of it."""

    id: str
    mode: str
    account: str
    kind: str
    url: str
    secret: bytes
    active: bool
    in_test_mode: bool
    event_types: str
    language: str
    templates: str
    subjects: str
    opt_out: str
    token: str
    send_within_ms: int
    after: int
    created_at_ms: int


class OptOutRow(NamedTuple):
    """One who wants no messages: of an account, or with `""` of none."""

    id: str
    mode: str
    account: str
    recipient: str
    source: str
    reason: str
    created_at_ms: int


# ── channels ──────────────────────────────


def insert_channel(tx: Transaction, row: ChannelRow) -> None:
    """Store a new channel."""
    tx.execute(insert(message_channels), row._asdict())


def change_channel(tx: Transaction, channel_id: str, values: Mapping[str, Any]) -> None:
    """Store some of its columns anew."""
    tx.execute(update(message_channels).where(message_channels.c.id == channel_id).values(values))


def delete_channel(tx: Transaction, channel_id: str) -> None:
    """Forget a channel; its messages stay."""
    tx.execute(delete(message_channels).where(message_channels.c.id == channel_id))


def find_channel(tx: Transaction, channel_id: str) -> ChannelRow | None:
    """The channel of that id."""
    row = tx.one(select(*message_channels.columns).where(message_channels.c.id == channel_id))
    return None if row is None else ChannelRow._make(row)


def find_channel_by_token(tx: Transaction, token: str) -> ChannelRow | None:
    """The channel on whose path something came in."""
    row = tx.one(select(*message_channels.columns).where(message_channels.c.token == token))
    return None if row is None else ChannelRow._make(row)


def find_channel_of(tx: Transaction, account: str, kind: str) -> ChannelRow | None:
    """An account's channel of a kind: there is at most one, so that no payer is told twice."""
    wanted = (message_channels.c.account == account, message_channels.c.kind == kind)
    row = tx.one(select(*message_channels.columns).where(*wanted))
    return None if row is None else ChannelRow._make(row)


_ACTIVE = select(*message_channels.columns).where(message_channels.c.active.is_(True))


def list_active_channels(tx: Transaction) -> list[ChannelRow]:
    """Every channel that is on."""
    return [ChannelRow._make(row) for row in tx.all(_ACTIVE)]


def list_channels(tx: Transaction, mode: str = "") -> list[ChannelRow]:
    """All channels of a mode, oldest first; `""` is of both."""
    statement = select(*message_channels.columns).order_by(message_channels.c.created_at_ms, message_channels.c.id)
    if mode:
        statement = statement.where(message_channels.c.mode == mode)
    return [ChannelRow._make(row) for row in tx.all(statement)]


# ── the cursor ──────────────────────────────


def read_cursor(tx: Transaction) -> int:
    """The number up to which the log was read for messages."""
    row = tx.one(select(cursors.c.number).where(cursors.c.name == CURSOR))
    return 0 if row is None else int(row[0])


def move_cursor(tx: Transaction, before: int, after: int) -> bool:
    """Move it, unless another node did: of two who read the same events, one alone writes their messages."""
    mine = update(cursors).where(cursors.c.name == CURSOR, cursors.c.number == before)
    return bool(tx.execute(mine.values(number=after)).rowcount)


# ── who wants none ──────────────────────────────


def insert_opt_out(tx: Transaction, row: OptOutRow) -> None:
    """Store that one wants no messages."""
    tx.execute(insert(opt_outs), row._asdict())


def find_opt_out(tx: Transaction, mode: str, recipient: str, accounts: Sequence[str]) -> OptOutRow | None:
    """Whether one wants none of any of these accounts."""
    wanted = (opt_outs.c.mode == mode, opt_outs.c.recipient == recipient, opt_outs.c.account.in_(accounts))
    row = tx.one(select(*opt_outs.columns).where(*wanted).order_by(opt_outs.c.account))
    return None if row is None else OptOutRow._make(row)


def find_opt_out_by_id(tx: Transaction, opt_out_id: str) -> OptOutRow | None:
    """The opt-out of that id."""
    row = tx.one(select(*opt_outs.columns).where(opt_outs.c.id == opt_out_id))
    return None if row is None else OptOutRow._make(row)


def list_opt_outs(
    tx: Transaction, mode: str, recipient: str, after: tuple[int, str] | None, limit: int
) -> list[OptOutRow]:
    """Who wants none, the newest first; `""` is any."""
    statement = select(*opt_outs.columns).order_by(opt_outs.c.created_at_ms.desc(), opt_outs.c.id.desc()).limit(limit)
    for column, value in ((opt_outs.c.mode, mode), (opt_outs.c.recipient, recipient)):
        if value:
            statement = statement.where(column == value)
    if after:
        at_ms, last = after
        same = (opt_outs.c.created_at_ms == at_ms) & (opt_outs.c.id < last)
        statement = statement.where((opt_outs.c.created_at_ms < at_ms) | same)
    return [OptOutRow._make(row) for row in tx.all(statement)]


def delete_opt_out(tx: Transaction, opt_out_id: str) -> None:
    """They may be told again."""
    tx.execute(delete(opt_outs).where(opt_outs.c.id == opt_out_id))


def delete_opt_outs(tx: Transaction, mode: str, account: str, recipient: str) -> None:
    """They want that account's messages again."""
    mine = (opt_outs.c.mode == mode, opt_outs.c.account == account, opt_outs.c.recipient == recipient)
    tx.execute(delete(opt_outs).where(*mine))
