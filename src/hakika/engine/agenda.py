"""When somebody must act next on a payment: the one rule behind sending, querying and giving up.

Crash recovery, retries, back-off and reconciliation are this rule: it needs only the row.
"""

from collections.abc import Callable

import msgspec

from hakika.domain import schedule
from hakika.domain.payment import DECLINED, PAID, Facts, Push, Stage, Status, View
from hakika.store.payments import PaymentRow

CallbacksArrive = Callable[[str, int], bool]
"""Whether the callback of an account's prompt that was sent then can be expected."""


class Hint(msgspec.Struct, frozen=True):
    """What the newest evidence says about when to act."""

    confirm: bool = False  # something that says too little came on the payment's own path: ask Daraja
    claimed: bool = False  # a stranger said something: ask Daraja, but ever less often
    resend_after_ms: int = 0  # Daraja said when to try again


def plan_next(
    row: PaymentRow, seen: View, facts: Facts, now_ms: int, hint: Hint, arrive: CallbacksArrive
) -> int | None:
    """When to act next on `row` (with its new times already in it), or None: nothing is left to do."""
    if row.frozen:
        return None
    if seen.status == Status.PENDING:
        return _plan_pending(row, seen, facts, now_ms, hint, arrive)
    if seen.status in PAID or not facts.checkout_ids:
        return None
    at_ms = _confirm_at(row, facts, now_ms, hint)
    if at_ms and seen.status in DECLINED and not hint.confirm:
        return at_ms if at_ms <= row.final_at_ms + schedule.CLAIMS_HEARD_MS else None
    return at_ms


def _plan_pending(
    row: PaymentRow, seen: View, facts: Facts, now_ms: int, hint: Hint, arrive: CallbacksArrive
) -> int | None:
    if seen.stage == Stage.QUEUED:
        return _plan_sending(row, facts, now_ms, hint)
    if seen.stage == Stage.SENDING:
        return row.sending_at_ms + schedule.SENDING_LEASE_MS
    if not facts.checkout_ids:
        return schedule.give_up_at(row.created_at_ms, row.sending_at_ms, unsure=True)
    return _plan_query(row, facts, now_ms, hint, arrive)


def _plan_sending(row: PaymentRow, facts: Facts, now_ms: int, hint: Hint) -> int:
    attempt, outcome = facts.push
    if outcome != Push.REFUSED:
        return now_ms
    # Too late or too often: due now, so that the worker records that sending stopped.
    return schedule.resend_at(row.created_at_ms, now_ms, attempt, hint.resend_after_ms) or now_ms


def _plan_query(row: PaymentRow, facts: Facts, now_ms: int, hint: Hint, arrive: CallbacksArrive) -> int:
    planned_at_ms = _plan_next_query(row, facts, now_ms, arrive)
    confirm_at_ms = _confirm_at(row, facts, now_ms, hint)
    return planned_at_ms if confirm_at_ms is None else min(planned_at_ms, confirm_at_ms)


def _plan_next_query(row: PaymentRow, facts: Facts, now_ms: int, arrive: CallbacksArrive) -> int:
    prompted_at_ms = prompted_at(row)
    give_up_at_ms = schedule.give_up_at(row.created_at_ms, prompted_at_ms, unsure=False)
    if facts.query_declines:
        second_at_ms = facts.query_declines[-1].at_ms + schedule.CONFIRM_DECLINE_AFTER_MS
        if second_at_ms > now_ms:
            return second_at_ms
    awaited, expected = is_awaited(row, now_ms), _is_callback_expected(row, arrive)
    next_at_ms = schedule.next_query_at(prompted_at_ms, now_ms, callbacks_arrive=expected, awaited=awaited)
    return min(next_at_ms, give_up_at_ms)


def _is_callback_expected(row: PaymentRow, arrive: CallbacksArrive) -> bool:
    return row.verified and not row.called_back_at_ms and arrive(row.account, row.sending_at_ms)


def is_awaited(row: PaymentRow, now_ms: int) -> bool:
    """Whether somebody waits for the payment, as far as the database says."""
    return row.awaited_until_ms >= now_ms


def is_ahead(row: PaymentRow, now_ms: int, arrive: CallbacksArrive) -> bool:
    """Whether the query that is due on `row` is only for who waits: its callback can still be expected."""
    at_ms = prompted_at(row)
    return schedule.is_ahead(at_ms, row.due_at_ms or 0, now_ms) and _is_callback_expected(row, arrive)


def _confirm_at(row: PaymentRow, facts: Facts, now_ms: int, hint: Hint) -> int | None:
    if hint.confirm:
        return max(now_ms, row.queried_at_ms + schedule.CONFIRM_APART_MS)
    if hint.claimed:
        since_ms = row.final_at_ms or facts.gave_up_at_ms or prompted_at(row)
        return schedule.confirm_at(since_ms, row.queried_at_ms, now_ms)
    return None


def prompted_at(row: PaymentRow) -> int:
    """When the prompt was on the phone: as Daraja said, else when the push left, else when it was asked for."""
    return row.prompted_at_ms or row.sending_at_ms or row.created_at_ms
