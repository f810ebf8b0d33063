"""Attempts: what the new state of a payment means for the checkout that it was made for.

Called while evidence is folded, so that a checkout is completed in the transaction that completed its payment.
"""

from collections.abc import Sequence

import msgspec

from hakika.daraja.codes import look_up
from hakika.domain.errors import CheckoutEnded, NotFound
from hakika.domain.events import EventType
from hakika.domain.payment import DECLINED
from hakika.domain.schedule import SAME_AMOUNT_APART_MS, SECOND_MS
from hakika.engine.case import Case, Surroundings
from hakika.engine.checkout.purchase import AskAgain, encode_checkout
from hakika.store.checkouts import CheckoutRow, lock_checkouts, write_checkout
from hakika.store.events import EventRow, EventStatements, publish
from hakika.store.payments import PaymentRow
from hakika.store.transaction import Transaction

UNANSWERED = frozenset({"1037", "1001", "1019"})
"""The payer did not answer, or another prompt was open: nothing says that the payer does not want to pay."""

ALIVE = frozenset({"pending", "unresolved", "mispaid"})
"""States of an attempt in which money may have moved, or has: nobody is asked again."""

_MARGIN_MS = SECOND_MS
_ENDINGS = {"expired": EventType.CHECKOUT_EXPIRED, "cancelled": EventType.CHECKOUT_CANCELLED}


def settle_attempts(tx: Transaction, touched: Sequence[Case], around: Surroundings) -> list[EventRow]:
    """Bring checkouts up to what became of their payments. → the events to publish with them."""
    news = [case for case in touched if case.row.checkout and case.row.status != case.before.status]
    if not news:
        return []
    known = {row.id: row for row in lock_checkouts(tx, sorted({case.row.checkout for case in news}))}
    events = []
    for case in news:
        row = known.get(case.row.checkout)
        if row is None:
            continue
        changed = judge_attempt(row, case.row, around.now_ms)
        if changed != row:
            write_checkout(tx, changed)
            known[row.id] = changed
        if changed.status != row.status:
            events.append(make_checkout_event(changed, case.row, EventType.CHECKOUT_COMPLETED, around))
    return events


def judge_attempt(row: CheckoutRow, payment: PaymentRow, now_ms: int) -> CheckoutRow:
    """The checkout after its payment took this state. Money that comes late completes it all the same."""
    if payment.status == "completed" and row.status != "completed":
        return row._replace(
            status="completed", payment=payment.id, sequence=row.sequence + 1, ended_at_ms=now_ms, due_at_ms=None
        )
    if payment.status in DECLINED and row.status == "open" and row.payment == payment.id:
        return row._replace(due_at_ms=min(row.expires_at_ms, _ask_again_at(row, payment, now_ms)))
    return row


def _ask_again_at(row: CheckoutRow, payment: PaymentRow, now_ms: int) -> int:
    """When to ask the same phone again, or the end of the checkout's life where the rule does not say so."""
    rule = msgspec.json.decode(row.ask_again, type=AskAgain)
    if payment.code not in UNANSWERED or rule.made >= rule.times:
        return row.expires_at_ms
    # Sooner M-Pesa would refuse the same amount from the same phone (code 17).
    again_at_ms = (payment.prompted_at_ms or payment.created_at_ms) + SAME_AMOUNT_APART_MS + _MARGIN_MS
    again_at_ms = max(again_at_ms, now_ms + look_up(payment.code).wait_s * SECOND_MS)
    in_time = again_at_ms <= row.created_at_ms + rule.within_s * SECOND_MS
    return again_at_ms if in_time else row.expires_at_ms


def make_checkout_event(
    row: CheckoutRow, payment: PaymentRow | None, event_type: EventType, around: Surroundings
) -> EventRow:
    """An event with the checkout as it now is; its number comes when it is published."""
    return EventRow(
        number=0,
        id=next(around.event_ids),
        payment="",
        type=event_type,
        sequence=row.sequence,
        at_ms=around.now_ms,
        snapshot=encode_checkout(row, payment, around.public_url).decode(),
        mode=row.mode,
        checkout=row.id,
    )


def refuse_ended(row: CheckoutRow | None, now_ms: int) -> CheckoutRow:
    """The checkout, if it can be paid. Raises NotFound, CheckoutEnded."""
    if row is None:
        raise NotFound("There is no such checkout: an id is `chk_` and 26 characters.")
    if row.status != "open" or row.expires_at_ms <= now_ms:
        state = row.status if row.status != "open" else "expired"
        raise CheckoutEnded(f"{row.id} is {state}.", checkout=row.id, checkout_status=state)
    return row


def lock_open(tx: Transaction, checkout_id: str, now_ms: int) -> CheckoutRow:
    """The checkout, locked, if it can be paid. Raises NotFound, CheckoutEnded."""
    return refuse_ended(next(iter(lock_checkouts(tx, [checkout_id])), None), now_ms)


def end_checkout(
    tx: Transaction,
    row: CheckoutRow,
    status: str,
    payment: PaymentRow | None,
    around: Surroundings,
    statements: EventStatements,
) -> tuple[CheckoutRow, list[EventRow]]:
    """End a locked checkout without money. → as it now is, and the event that says so."""
    ended = row._replace(status=status, sequence=row.sequence + 1, ended_at_ms=around.now_ms, due_at_ms=None)
    write_checkout(tx, ended)
    return ended, publish(tx, statements, [make_checkout_event(ended, payment, _ENDINGS[status], around)])
