"""Messages to payers, written down: the follower of the log decides who is told what, in which words.

It reads the log behind a cursor in the database, beside the deliverer and never in its way. Of two nodes that read
the same events one alone moves the cursor, and with it writes their messages: one for each event and channel.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from hakika.daraja.codes import look_up_decline
from hakika.domain.errors import NotFound
from hakika.domain.kenya import NAIROBI
from hakika.domain.phone import mask_phone
from hakika.domain.wording import LANGUAGES, LATE, SHIPPED, SUBJECTS, TYPES, choose, render, tidy
from hakika.engine.accounts import Accounts
from hakika.engine.ids import Entropy, make_id
from hakika.engine.messages.channels import read_opt_out, read_words
from hakika.engine.messages.opt_outs import mask_recipient, read_email
from hakika.engine.representation import iso
from hakika.store.checkouts import find_checkout
from hakika.store.events import EventRow, EventSearch, read_head, search_events
from hakika.store.messages.channels import ChannelRow, list_active_channels, move_cursor, read_cursor
from hakika.store.messages.records import QUEUED, SKIPPED, MessageRow, insert_messages
from hakika.store.opening import Store
from hakika.store.transaction import Transaction

PAGE = 100  # events: on SQLite their messages are written in the event loop
MOVED_AT_LEAST = 500
"""Events of which nobody is told are passed in the memory alone, up to so many: no write for each."""
TEST = "TEST, no real money. "
_DOUBTS = frozenset({"late", "contradicted"})  # somebody said before that no money had moved


class Failure(msgspec.Struct, frozen=True):
    """Why no money moved."""

    code: str


class Snapshot(msgspec.Struct, frozen=True):
    """What a message needs of a payment."""

    id: str
    account: str
    phone: str
    reference: str
    amount: int
    amount_received: int | None = None
    receipt: str | None = None
    failure: Failure | None = None
    flags: Sequence[str] = ()
    paid_at: str | None = None
    final_at: str | None = None
    metadata: Any = None


class Page(NamedTuple):
    """What was read of the log: from the cursor as it stands in the database, up to where, and what follows of it."""

    cursor: int
    upto: int
    messages: Sequence[MessageRow]
    full: bool


class Follower:
    """Reads the log and writes messages."""

    def __init__(self, store: Store, accounts: Accounts, clock: Callable[[], int], entropy: Entropy) -> None:
        self._store, self._accounts, self._clock, self._entropy = store, accounts, clock, entropy
        self._passed = 0
        self.listening = False  # whether any channel is on

    async def follow(self) -> int:
        """Write the messages of all that is new. → how many. Raises StoreUnavailable."""
        written = 0
        while True:
            page = await self._store.read(self._read)
            if page is None:
                return written
            if page.messages or page.full or page.upto - page.cursor >= MOVED_AT_LEAST:
                written += await self._store.write(lambda tx, page=page: _write(tx, page))  # type: ignore[misc]
            self._passed = max(self._passed, page.upto)
            if not page.full:
                return written

    def _read(self, tx: Transaction) -> Page | None:
        channels = list_active_channels(tx)
        self.listening = bool(channels)
        if not channels:
            return None
        cursor, head = read_cursor(tx), read_head(tx).number
        after = max(cursor, self._passed if self._passed <= head else 0)
        if after >= head:
            return None
        events = search_events(tx, EventSearch(after, head, TYPES, limit=PAGE))
        full = len(events) == PAGE
        rows = [row for event in events for row in self._compose_all(tx, event, channels)]
        return Page(cursor, events[-1].number if full else head, rows, full)

    def _compose_all(self, tx: Transaction, event: EventRow, channels: Sequence[ChannelRow]) -> Iterator[MessageRow]:
        wanted = [channel for channel in channels if _wants(channel, event)]
        if not wanted:
            return
        payment = msgspec.json.decode(event.snapshot, type=Snapshot)
        for channel in wanted:
            if channel.account == payment.account:
                language = _choose_language(tx, channel, event, payment)
                yield self._compose(channel, event, payment, language, self._name_of(tx, payment.account))

    def _compose(self, channel: ChannelRow, event: EventRow, payment: Snapshot, language: str, name: str) -> MessageRow:
        now_ms, recipient = self._clock(), _find_recipient(channel, payment)
        subject, text = compose(channel, event.type, payment, language, name)
        return MessageRow(
            id=make_id("msg", now_ms, self._entropy),
            channel=channel.id,
            kind=channel.kind,
            mode=event.mode,
            account=channel.account,
            event=event.number,
            event_id=event.id,
            type=event.type,
            payment=payment.id,
            recipient=recipient,
            language=language,
            subject=subject,
            text=text,
            status=QUEUED if recipient else SKIPPED,
            detail="" if recipient else "the payment has no e-mail address: give `email` in its metadata",
            attempts=0,
            reference="",
            cost="",
            created_at_ms=now_ms,
            event_at_ms=event.at_ms,
            sending_at_ms=0,
            ended_at_ms=0 if recipient else now_ms,
            due_at_ms=now_ms if recipient else None,
        )

    def _name_of(self, tx: Transaction, account: str) -> str:
        try:
            return self._accounts.get(account).shown_name
        except NotFound:  # another node added it just now
            self._accounts.load(tx)
            return self._accounts.get(account).shown_name


def compose(channel: ChannelRow, event_type: str, payment: Snapshot, language: str, name: str) -> tuple[str, str]:
    """→ the subject and the text."""
    doubted = event_type == "payment.completed" and not _DOUBTS.isdisjoint(payment.flags)
    kind = LATE if doubted else event_type
    values = _values_of(channel, payment, language, name)
    test = TEST if channel.mode == "test" else ""
    text = test + render(choose(read_words(channel.templates), SHIPPED, kind, language), values)
    if channel.kind != "email":
        return "", text
    return test + render(choose(read_words(channel.subjects), SUBJECTS, kind, language), values), text


def _write(tx: Transaction, page: Page) -> int:
    if not move_cursor(tx, page.cursor, page.upto):
        return 0  # another node wrote them
    insert_messages(tx, page.messages)
    return len(page.messages)


def _wants(channel: ChannelRow, event: EventRow) -> bool:
    mode = event.mode == channel.mode and (event.mode == "live" or channel.in_test_mode)
    return mode and event.number > channel.after and f",{event.type}," in channel.event_types


def _choose_language(tx: Transaction, channel: ChannelRow, event: EventRow, payment: Snapshot) -> str:
    """The payment's own (`language` in its metadata), the checkout's, the channel's."""
    said = _read_metadata(payment, "language")
    if said not in LANGUAGES and event.checkout:
        checkout = find_checkout(tx, event.checkout)
        said = checkout.language if checkout is not None else ""
    return said if said in LANGUAGES else channel.language


def _find_recipient(channel: ChannelRow, payment: Snapshot) -> str:
    return read_email(_read_metadata(payment, "email")) if channel.kind == "email" else payment.phone


def _read_metadata(payment: Snapshot, name: str) -> str:
    value = payment.metadata.get(name) if isinstance(payment.metadata, dict) else None
    return value if isinstance(value, str) else ""


def _values_of(channel: ChannelRow, payment: Snapshot, language: str, name: str) -> dict[str, str]:
    values = {
        "name": name,
        "amount": f"{payment.amount:,}",
        "amount_received": f"{payment.amount_received:,}" if payment.amount_received else "",
        "reference": payment.reference,
        "receipt": payment.receipt or "",
        "reason": _explain(payment.failure, language),
        "phone": mask_phone(payment.phone),
        "time": _spell_time(payment.paid_at or payment.final_at or ""),
        "opt_out": read_opt_out(channel, language),
    }
    return {field: tidy(value) for field, value in values.items()}


def _explain(failure: Failure | None, language: str) -> str:
    if failure is None:
        return ""
    known = look_up_decline(failure.code)
    return known.swahili if language == "sw" else known.english


def _spell_time(moment: str) -> str:
    if not moment:
        return ""
    kenya = datetime.fromisoformat(moment).astimezone(NAIROBI)
    return kenya.strftime("%d/%m/%Y %H:%M")


def show_message(row: MessageRow) -> dict[str, Any]:
    """A message as people may see it: the recipient masked, because only its channel need know."""
    return {
        "id": row.id,
        "object": "message",
        "mode": row.mode,
        "channel": row.channel,
        "kind": row.kind,
        "account": row.account,
        "event": row.event_id,
        "type": row.type,
        "payment": row.payment,
        "recipient": mask_recipient(row.recipient) if row.recipient else None,
        "language": row.language,
        "subject": row.subject or None,
        "text": row.text,
        "status": row.status,
        "detail": row.detail or None,
        "attempts": row.attempts,
        "reference": row.reference or None,
        "cost": row.cost or None,
        "created_at": iso(row.created_at_ms),
        "sending_at": iso(row.sending_at_ms) if row.sending_at_ms else None,
        "ended_at": iso(row.ended_at_ms) if row.ended_at_ms else None,
    }
