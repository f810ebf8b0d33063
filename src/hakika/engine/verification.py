"""Proof after the fact: replays all evidence and compares with what is stored. Reads only.

What must hold of each payment, by the name that a difference is reported under:

    facts        the stored facts are the join of all readings            frozen       no invariant was broken
    view         status, receipt, amount, flags … are the view of them    due          what is pending has a time
    path         events are numbered 1..n and follow the table            claim        the reference's claim is its own
    last_event   the last status event is the status
    receipt      a shown receipt is its own, and an owned one is proven

Of all together: `spool` is empty, `parked` evidence is about nobody known, there are no `orphan` rows, and event
`numbers` have no gap. A `reading` that today's reader would read otherwise is a warning: readers improve.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hakika.domain.events import STATUS_EVENTS, EventType
from hakika.domain.evidence import AnyReading
from hakika.domain.payment import NOTHING, TRANSITIONS, Asked, Facts, Status, join, lift, view
from hakika.engine.case import read_facts, view_of
from hakika.engine.receipts import owned_receipt
from hakika.engine.rereading import reread
from hakika.engine.spool import Spool
from hakika.store.events import EventRow
from hakika.store.evidence import EvidenceRow
from hakika.store.opening import Store
from hakika.store.payments import PaymentRow
from hakika.store.watching.audit import PaymentFile, Totals, count_payments, read_page, read_totals

PAGE = 200
_READING: msgspec.json.Decoder[AnyReading] = msgspec.json.Decoder(AnyReading)
_STATUS_OF = {str(event): status for status, event in STATUS_EVENTS.items()}


class Difference(msgspec.Struct, frozen=True):
    """Something that is not as it must be. `payment` is `""` where it is about the store."""

    payment: str
    rule: str
    detail: str


class Report(msgspec.Struct):
    """What was found."""

    payments: int = 0
    evidence: int = 0
    events: int = 0
    differences: list[Difference] = []
    warnings: list[Difference] = []


def verify_all(store: Store, spool: Path, tell: Callable[[int, int], None] = lambda _, __: None) -> Report:
    """Compare everything. `tell` is called with how many payments are done, of how many."""
    report, after = Report(), ""
    total = store.read_now(count_payments)
    tell(0, total)
    while page := store.read_now(lambda tx, after=after: read_page(tx, after, PAGE)):  # type: ignore[misc]
        for file in page:
            report.differences += check_payment(file)
            report.warnings += reread_payment(file)
            report.evidence += len(file.evidence)
            report.events += len(file.events)
        report.payments += len(page)
        after = page[-1].row.id
        tell(report.payments, max(total, report.payments))
    report.differences += check_store(store.read_now(read_totals), spool)
    report.warnings += warn_of_spool(spool)
    return report


# ── one payment ──────────────────────────────


def check_payment(file: PaymentFile) -> list[Difference]:
    """What is wrong with one payment."""
    row = file.row
    found = [("claim", said) for said in _check_claim(file)]
    if row.frozen:
        # It stands as it was before the evidence that broke a rule: replaying that again says nothing new.
        return [Difference(row.id, rule, said) for rule, said in [("frozen", row.frozen), *found]]
    try:
        facts = replay(file.evidence)
    except msgspec.DecodeError as error:
        return [Difference(row.id, "facts", f"a stored reading cannot be read: {error}")]
    found += [("facts", said) for said in _compare_facts(read_facts(row), facts)]
    found += [("view", said) for said in _compare_view(row, facts)]
    found += [("path", said) for said in _check_path(row, file.events)]
    found += [("last_event", said) for said in _check_last_event(row, file.events)]
    found += [("receipt", said) for said in _check_receipts(file, facts)]
    if row.status == Status.PENDING and row.due_at_ms is None:
        found.append(("due", "it is pending, and nobody will ever act on it"))
    return [Difference(row.id, rule, said) for rule, said in found]


def replay(kept: Sequence[EvidenceRow]) -> Facts:
    """The join of all that was said."""
    facts = NOTHING
    for piece in kept:
        facts = join(facts, lift(_READING.decode(piece.reading)))
    return facts


def _compare_facts(stored: Facts, replayed: Facts) -> Iterator[str]:
    for name in Facts.__struct_fields__:
        is_now, should = getattr(stored, name), getattr(replayed, name)
        if is_now != should:
            yield f"{name} is {is_now!r}; the evidence says {should!r}"


def _compare_view(row: PaymentRow, facts: Facts) -> Iterator[str]:
    seen, shown = view(Asked(row.amount, bool(row.verified)), facts), view_of(row)
    for name in seen.__struct_fields__:
        yield from _differ(name, getattr(shown, name), getattr(seen, name))
    yield from _differ("checkout_request_id", row.checkout_request_id, next(iter(facts.checkout_ids), None))
    yield from _differ("merchant_request_id", row.merchant_request_id, next(iter(facts.merchant_ids), ""))


def _differ(name: str, is_now: Any, should: Any) -> Iterator[str]:
    if is_now != should:
        yield f"{name} is {_plain(is_now)}; its evidence makes it {_plain(should)}"


def _plain(value: Any) -> str:
    return repr(str(value)) if isinstance(value, str) else repr(value)


def _check_path(row: PaymentRow, events: Sequence[EventRow]) -> Iterator[str]:
    sequences = [event.sequence for event in events]
    if sequences != list(range(1, row.sequence + 1)):
        yield f"its events are numbered {sequences}, not 1 to {row.sequence}"
    if events and events[0].type != EventType.CREATED:
        yield f"its first event is {events[0].type}"
    now = Status.PENDING
    for event in events[1:]:
        after = _STATUS_OF.get(event.type, now)
        if event.type != EventType.UPDATED and after not in TRANSITIONS[now]:
            yield f"event {event.sequence} ({event.type}) may not follow {now}"
        now = after
    for event in events:
        told = msgspec.json.decode(event.snapshot, type=dict[str, Any]).get("status")
        if event.type in _STATUS_OF and told != _STATUS_OF[event.type]:
            yield f"event {event.sequence} ({event.type}) shows a payment that is {told}"


def _check_last_event(row: PaymentRow, events: Sequence[EventRow]) -> Iterator[str]:
    told = [event.type for event in events if event.type in _STATUS_OF]
    wanted = STATUS_EVENTS[Status(row.status)]
    if not told or told[-1] != wanted:
        yield f"it is {row.status}, and the last event says {told[-1] if told else 'nothing'}"


def _check_receipts(file: PaymentFile, facts: Facts) -> Iterator[str]:
    row = file.row
    proven = {proof.receipt for proof in facts.proofs if proof.receipt}
    for receipt in file.owned:
        if receipt not in proven:
            yield f"{receipt} is entered as its own, and no evidence proves it"
    shown = owned_receipt(row)
    if shown and shown not in file.owned:
        yield f"it shows receipt {shown}, which is not entered as its own"


def _check_claim(file: PaymentFile) -> Iterator[str]:
    if file.row.holds_reference and not file.claims:
        yield f"it holds reference {file.row.reference!r}, and no claim is entered"
    if file.claims and not file.row.holds_reference:
        yield f"a claim on reference {file.row.reference!r} is entered that it does not hold"


def reread_payment(file: PaymentFile) -> Iterator[Difference]:
    """Which kept bytes today's reader would read otherwise."""
    for piece in file.evidence:
        try:
            kept = _READING.decode(piece.reading)
        except msgspec.DecodeError:
            continue  # a difference of its own
        fresh = reread(kept, piece.raw)
        if fresh is not None and fresh != kept:
            yield Difference(file.row.id, "reading", f"evidence {piece.id} would now be read as {fresh}")


# ── all together ──────────────────────────────


def check_store(totals: Totals, spool: Path) -> list[Difference]:
    """What is wrong with all of it together."""
    found = [("orphan", f"{table} names payment {payment}, which does not exist") for table, payment in totals.orphans]
    found += [
        ("parked", f"evidence about {checkout} is quarantined; it is {payment}'s")
        for checkout, payment in totals.parked
    ]
    if not totals.events == totals.last_event == totals.counter:
        numbers = f"{totals.events} events, the last is {totals.last_event}, the counter stands at {totals.counter}"
        found.append(("numbers", numbers))
    waiting = Spool(spool).count()
    if waiting:
        found.append(("spool", f"{waiting} callbacks wait in {spool}"))
    if Spool(spool).spoiled.exists():
        advice = "resolve those payments, then move the file away"
        found.append(("spool", f"{Spool(spool).spoiled} holds callbacks that could not be recorded: {advice}"))
    return [Difference("", rule, said) for rule, said in found]


def warn_of_spool(spool: Path) -> Iterator[Difference]:
    """What a crash left half written: its sender was never answered, and queries find out what it said."""
    torn = Spool(spool).torn
    if torn.exists():
        yield Difference("", "spool", f"{torn} holds callbacks that a crash left half written: read it, and delete it")
