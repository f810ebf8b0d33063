"""Each payment's story in the log: a line for every callback, every event and every delivery, once it is durable.

Lines are made a batch at a time, after whoever waited was answered, and written together: a line of structlog's own
costs half as much as folding the callback that it is about. What is written so, as `story`, goes past the mask that
all other lines meet, so nothing may be in it that needs one. Whatever might takes the long way.
"""

import functools
import logging
import re
from collections.abc import Sequence

import msgspec
import structlog

from hakika.daraja.codes import ALL_CODES
from hakika.domain.evidence import CallbackReceived, CallbackUnreadable
from hakika.engine.case import Evidence, Recorded
from hakika.engine.live.notices import Batch
from hakika.engine.representation import iso
from hakika.engine.webhooks.outcomes import Sent
from hakika.store.events import EventRow
from hakika.store.payments import PaymentRow

log = structlog.get_logger("hakika.story")

STRANGERS_TOLD = 5
"""Callbacks of one batch that are about no payment of ours and get a line each: anybody may post them."""

# Looked at one by one, and only as far as needed: a pattern for all of it would cost more than all of the line.
_PLAIN = re.compile(r"[0-9A-Za-z .,'()-]*")
_SUSPICIOUS = re.compile(r"[0-9]{10}|[0-9a-f]{32}|[Bb]earer|[Bb]asic")
_NUMBERS = re.compile(r"[0-9]{1,9}(?:-[0-9]{1,9})*")
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{0,45}")
_CALLS_A_PERSON = frozenset({"mispaid", "unresolved"})
_SAID = CallbackReceived | CallbackUnreadable


class CallbackLine(msgspec.Struct, omit_defaults=True):
    """A callback: all that it said, and what the payment is after it."""

    event: str
    payment: str = ""
    status: str = ""
    published: str = ""  # the event that came of it
    checkout_request_id: str = ""
    merchant_request_id: str = ""
    result_code: str = ""
    result_desc: str = ""
    amount: int = 0
    receipt: str = ""
    transaction_date: str = ""
    phone: str = ""
    sender: str = ""
    flags: tuple[str, ...] = ()
    claim: bool = False  # it came without the payment's secret: not believed, but asked about
    error: str = ""
    more: int = 0


class EventLine(msgspec.Struct, omit_defaults=True):
    """What was published of a payment."""

    event: str
    payment: str
    status: str
    reference: str
    account: str
    amount: int
    phone: str
    amount_received: int = 0
    receipt: str = ""
    result_code: str = ""
    confirmed_by: str = ""


class DeliveryLine(msgspec.Struct, omit_defaults=True):
    """An attempt to deliver an event."""

    event: str
    payment: str
    type: str
    event_id: str
    endpoint: str
    attempt: int
    took_ms: int
    status_code: int = 0
    error: str = ""


Line = CallbackLine | EventLine | DeliveryLine


class _Page:
    """The lines of one batch, by level, and by whether anything in them may have to be masked."""

    def __init__(self) -> None:
        self.plain: dict[int, list[Line]] = {logging.INFO: [], logging.WARNING: []}
        self.others: list[tuple[int, Line]] = []

    def add(self, level: int, line: Line, *, plain: bool) -> None:
        """One more line."""
        if plain:
            self.plain[level].append(line)
        else:
            self.others.append((level, line))

    def write(self) -> None:
        """Write them all."""
        for level, lines in self.plain.items():
            if lines:
                log.log(level, "story", story=lines)
        for level, line in self.others:
            log.log(level, **msgspec.to_builtins(line))


def tell_batch(batch: Batch) -> None:
    """Tell what was recorded and what came of it. Listens to `Notices.listen_batches`."""
    if not log.is_enabled_for(logging.WARNING):
        return
    page, told, strangers = _Page(), set[str](), 0
    for piece, answer in batch.heard:
        if isinstance(piece.reading, _SAID) and isinstance(answer, Recorded):
            stranger = answer.payment is None and not answer.trial
            strangers += stranger
            if not stranger or strangers <= STRANGERS_TOLD:
                _tell_callback(page, piece, piece.reading, answer, told)
    if strangers > STRANGERS_TOLD:
        page.add(logging.WARNING, CallbackLine("callback_unknown", more=strangers - STRANGERS_TOLD), plain=True)
    if len(told) < len(batch.events):
        rows = {row.id: row for row in batch.rows}
        for event in batch.events:
            if event.id not in told and event.payment in rows:
                _tell_event(page, event, rows[event.payment])
    page.write()


def _tell_callback(page: _Page, piece: Evidence, reading: _SAID, answer: Recorded, told: set[str]) -> None:
    row, published = answer.payment, ""
    if answer.event is not None and answer.event.id not in told:
        told.add(answer.event.id)
        published = answer.event.type
    name = "callback" if row else "callback_trial" if answer.trial else "callback_unknown"
    level = logging.INFO
    if answer.trial:
        pass  # the doctor looks at it itself
    elif row is None or not reading.trusted or reading.flags or (published and row.status in _CALLS_A_PERSON):
        level = logging.WARNING
    sender, status, payment = piece.origin.remote, row.status if row else "", row.id if row else ""
    if isinstance(reading, CallbackUnreadable):
        line = CallbackLine(name, payment, status, published, sender=sender, flags=reading.flags, error=reading.reason)
        line.claim = not reading.trusted
        page.add(level, line, plain=_is_address(sender) and _is_usual(reading.reason))
        return
    prompt = reading.checkout_request_id
    known = row is not None and prompt == row.checkout_request_id
    line = CallbackLine(
        name,
        payment,
        status,
        published,
        _cut_prompt(prompt) if known else mask_prompt(prompt),
        reading.merchant_request_id,
        reading.code,
        reading.description,
        reading.amount,
        reading.receipt,
        _date(reading.paid_at_ms) if reading.paid_at_ms else "",
        _mask_phone(reading.phone),
        sender,
        reading.flags,
        not reading.trusted,
    )
    plain = (known or not prompt or _is_prompt(prompt)) and _says_nothing_secret(reading) and _is_address(sender)
    page.add(level, line, plain=plain)


def _tell_event(page: _Page, event: EventRow, row: PaymentRow) -> None:
    line = EventLine(
        event.type,
        row.id,
        row.status,
        row.reference,
        row.account,
        row.amount,
        _mask_phone(row.phone),
        row.amount_received,
        row.receipt,
        row.code,
        row.confirmed_by,
    )
    level = logging.WARNING if row.status in _CALLS_A_PERSON else logging.INFO
    page.add(level, line, plain=_is_plain(row.reference) and _is_plain(row.receipt))


def tell_deliveries(sent: Sequence[Sent]) -> None:
    """Tell of attempts to deliver events that are recorded."""
    if not log.is_enabled_for(logging.WARNING):
        return
    page = _Page()
    for one in sent:
        event, reply = one.owed.event, one.reply
        line = DeliveryLine(
            "delivered" if reply.taken else "not_delivered",
            event.payment,
            event.type,
            event.id,
            one.endpoint.id,
            one.owed.attempts + 1,
            reply.took_ms,
            reply.status_code,
            reply.error,
        )
        page.add(logging.INFO if reply.taken else logging.WARNING, line, plain=_is_usual(reply.error))
    page.write()


def tell_check(row: PaymentRow) -> None:
    """Tell that somebody asked how a payment stands, and what was said."""
    log.info("status_checked", payment=row.id, reference=row.reference, status=row.status, receipt=row.receipt)


def mask_prompt(checkout_request_id: str) -> str:
    """A CheckoutRequestID without the end of the phone that it ends with (daraja.md §1)."""
    return _cut_prompt(checkout_request_id) if _is_prompt(checkout_request_id) else checkout_request_id


def _cut_prompt(checkout_request_id: str) -> str:
    if len(checkout_request_id) > 20:
        return f"{checkout_request_id[:-6]}***{checkout_request_id[-3:]}"
    return checkout_request_id


def _is_prompt(text: str) -> bool:
    return text[:6] == "ws_CO_" and text[6:].isdigit() and text.isascii()


def _mask_phone(phone: str) -> str:
    return f"{phone[:6]}***{phone[-3:]}" if len(phone) == 12 and phone.isdigit() else "…" if phone else ""


def _says_nothing_secret(reading: CallbackReceived) -> bool:
    """Apart from its CheckoutRequestID."""
    merchant = reading.merchant_request_id
    return (
        reading.code in ALL_CODES
        and _is_usual(reading.description)
        and _is_plain(reading.receipt)
        and (_NUMBERS.fullmatch(merchant) is not None or _is_plain(merchant))
    )


def _is_plain(text: str) -> bool:
    if len(text) < 10 or (len(text) == 10 and text[0] > "9"):  # as a receipt is
        return (text.isalnum() and text.isascii()) or not text
    return _SUSPICIOUS.search(text) is None and _PLAIN.fullmatch(text) is not None


@functools.lru_cache(1024)
def _date(at_ms: int) -> str:
    return iso(at_ms)


@functools.lru_cache(1024)  # for what is said again and again: M-Pesa's words, its addresses
def _is_usual(text: str) -> bool:
    return _is_plain(text)


@functools.lru_cache(1024)
def _is_address(text: str) -> bool:
    return _ADDRESS.fullmatch(text) is not None and _SUSPICIOUS.search(text) is None
