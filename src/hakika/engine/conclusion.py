"""The second half of folding: what a payment's evidence makes of it, when to act next, and what to publish."""

from typing import NamedTuple

import msgspec

from hakika.domain import evidence as said
from hakika.domain.events import event_of
from hakika.domain.payment import (
    DECLINED,
    PAID,
    SUCCESS,
    TRANSITIONS,
    Asked,
    Facts,
    Status,
    View,
    join,
    lift,
    view,
)
from hakika.engine.agenda import Hint, plan_next
from hakika.engine.case import Case, Evidence, Surroundings
from hakika.engine.representation import encode, mode_of
from hakika.store.events import EventRow
from hakika.store.payments import ASKED, PaymentRow

_ENCODE = msgspec.json.Encoder().encode
_SETTLED = PAID | DECLINED
_LIVE_OR_PAID = PAID | {Status.PENDING}
_ANSWERS = said.QueryAnswered | said.QueryUnanswered


def conclude(case: Case, around: Surroundings) -> None:
    """Join what was heard into the payment's facts and bring its row and its event up to that.

    An invariant that breaks freezes the payment as it was: its evidence is kept, and a person is called.
    """
    if case.row.frozen:
        return
    facts = case.facts
    for piece in case.heard:
        facts = join(facts, lift(piece.reading))
    seen = view(Asked(case.row.amount, case.row.verified), facts)
    broken = find_broken(case.seen, seen, case.row)
    if broken:
        case.row = case.row._replace(frozen=broken, due_at_ms=None, updated_at_ms=around.now_ms)
        return
    event_type = event_of(case.seen, seen)
    row = _bring_up(case, seen, facts, around.now_ms, case.row.sequence + bool(event_type))
    if seen.status not in PAID:
        row = row._replace(due_at_ms=_plan(case, row, seen, facts, around))
    case.row, case.facts, case.seen = row, facts, seen
    if event_type:
        case.event = make_event(case.row, event_type, around)


def make_event(row: PaymentRow, event_type: str, around: Surroundings) -> EventRow:
    """An event with the payment as it now is; its number comes when it is published."""
    snapshot, mode = encode(row).decode(), mode_of(row.environment)
    event_id = next(around.event_ids)
    return EventRow(0, event_id, row.id, event_type, row.sequence, around.now_ms, snapshot, mode, row.checkout)


def find_broken(before: View, after: View, row: PaymentRow) -> str:
    """Name the invariant that this step would break, or `""`."""
    if after.status != before.status and after.status not in TRANSITIONS[before.status]:
        return f"{before.status} may not become {after.status}"
    if (after.amount_received > 0) != (after.status in PAID):
        return f"{after.status} with amount_received {after.amount_received}"
    if after.status == Status.COMPLETED and row.verified and after.amount_received != row.amount:
        return f"completed with {after.amount_received} of {row.amount}"
    if after.receipt and after.status not in PAID:
        return f"{after.status} with receipt {after.receipt}"
    return ""


class _Times(NamedTuple):
    """The columns that say when things happened, in their order."""

    sending_at_ms: int
    prompted_at_ms: int
    called_back_at_ms: int
    queried_at_ms: int
    queries: int


def _bring_up(case: Case, seen: View, facts: Facts, now_ms: int, sequence: int) -> PaymentRow:
    """The row as the view shows it. In the order of its columns: their names would cost 2 µs, on the hot path."""
    row = case.row
    ends = seen.status in _SETTLED and seen.status != case.seen.status
    known = (
        _ENCODE(facts).decode(),
        seen.status.value,
        seen.stage.value,
        seen.receipt,
        seen.amount_received,
        seen.code,
        str(seen.confirmed_by),
        seen.paid_at_ms,
        seen.payer_phone[:32],
        _ENCODE(seen.flags).decode() if seen.flags else "[]",
        facts.checkout_ids[0] if facts.checkout_ids else None,
        facts.merchant_ids[0] if facts.merchant_ids else "",
    )
    kept = (row.holds_reference, row.frozen, sequence, now_ms)
    ended = (now_ms if ends else row.final_at_ms, row.awaited_until_ms, None)
    return PaymentRow._make((*row[:ASKED], *known, *kept, *_times_of(case), *ended))


def _times_of(case: Case) -> _Times:
    row = case.row
    sending, prompted, called_back = row.sending_at_ms, row.prompted_at_ms, row.called_back_at_ms
    queried, queries = row.queried_at_ms, row.queries
    for piece in case.heard:
        match piece.reading:
            case said.CallbackReceived(trusted=True, at_ms=at_ms):
                called_back = called_back or at_ms
            case said.QueryAnswered(at_ms=at_ms) | said.QueryUnanswered(at_ms=at_ms):
                queried, queries = max(at_ms, queried), queries + 1
            case said.PushStarted(at_ms=at_ms):
                sending = at_ms
            case said.PushAccepted(at_ms=at_ms) | said.PushRegistered(at_ms=at_ms):
                prompted = at_ms
            case _:
                pass
    return _Times(sending, prompted, called_back, queried, queries)


def _plan(case: Case, row: PaymentRow, seen: View, facts: Facts, around: Surroundings) -> int | None:
    if case.copies and all(piece.identity in case.copies for piece in case.heard):
        return case.row.due_at_ms  # nothing new was said: what was planned stays planned
    due_at_ms = plan_next(row, seen, facts, around.now_ms, _hint_of(case), around.callbacks_arrive)
    ended = not {seen.status, case.seen.status} & _LIVE_OR_PAID
    if due_at_ms is None and ended and not any(isinstance(piece.reading, _ANSWERS) for piece in case.heard):
        return case.row.due_at_ms  # the query that a claim asked for is still owed
    return due_at_ms


def _hint_of(case: Case) -> Hint:
    asking = [piece for piece in case.heard if piece.identity not in case.copies and asks_confirmation(case, piece)]
    return Hint(
        confirm=any(not _is_claim(piece.reading) for piece in asking),
        claimed=any(_is_claim(piece.reading) for piece in asking),
        resend_after_ms=max(piece.hint.resend_after_ms for piece in case.heard),
    )


def _is_claim(reading: said.AnyReading) -> bool:
    return isinstance(reading, said.CallbackReceived | said.CallbackUnreadable) and not reading.trusted


def asks_confirmation(case: Case, piece: Evidence) -> bool:
    """Whether a piece says something that only Daraja can confirm."""
    match piece.reading:
        case said.CallbackUnreadable() | said.CallbackReceived(trusted=False):
            return True
        case said.CallbackReceived(taken=True):
            return False  # a query would say "paid" of money that another payment holds
        case said.CallbackReceived(checkout_request_id=checkout_id, code=code):
            known = case.facts.checkout_ids
            mismatched = bool(checkout_id and known and checkout_id not in known)
            return mismatched or (code != SUCCESS and not lift(piece.reading).declines)
        case _:
            return piece.hint.confirm
