"""When somebody must act next on a payment: the one rule behind sending, querying and giving up.

Crash recovery, retries, back-off and reconciliation are this rule: it needs only the row.
"""

from collections.abc import Callable

import msgspec

from hakika.domain import schedule
from hakika.domain.payment import Facts, Push, Stage, Status, View
from hakika.store.payments import PaymentRow

CallbacksArrive = Callable[[str], bool]
"""Whether callbacks arrive for an account."""

CONFIRM_APART_MS = 10_000
"""Strangers' claims may make us ask Daraja, but not more often than this for one payment."""


class Hint(msgspec.Struct, frozen=True):
    """What the newest evidence says about when to act."""

    confirm: bool = False  # something untrusted or unreadable came: ask Daraja
    resend_after_ms: int = 0  # Daraja said when to try again


def plan_next(
    row: PaymentRow, seen: View, facts: Facts, now_ms: int, hint: Hint, arrive: CallbacksArrive
) -> int | None:
    """When to act next on `row` (with its new times already in it), or None: nothing is left to do."""
    if row.frozen:
        return None
    if seen.status == Status.PENDING:
        return _plan_pending(row, seen, facts, now_ms, hint, arrive)
    declined_or_unresolved = seen.status not in {Status.COMPLETED, Status.MISPAID, Status.REVERSED}
    if hint.confirm and declined_or_unresolved and facts.checkout_ids:
        return _confirm_at(row, now_ms)
    return None


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
    return min(planned_at_ms, _confirm_at(row, now_ms)) if hint.confirm else planned_at_ms


def _plan_next_query(row: PaymentRow, facts: Facts, now_ms: int, arrive: CallbacksArrive) -> int:
    prompted_at_ms = row.prompted_at_ms or row.sending_at_ms or row.created_at_ms
    give_up_at_ms = schedule.give_up_at(row.created_at_ms, prompted_at_ms, unsure=False)
    if facts.query_declines:
        second_at_ms = facts.query_declines[-1].at_ms + schedule.CONFIRM_DECLINE_AFTER_MS
        if second_at_ms > now_ms:
            return second_at_ms
    arriving = row.verified and arrive(row.account) and not row.called_back_at_ms
    return min(schedule.next_query_at(prompted_at_ms, now_ms, callbacks_arrive=arriving), give_up_at_ms)


def _confirm_at(row: PaymentRow, now_ms: int) -> int:
    return max(now_ms, row.queried_at_ms + CONFIRM_APART_MS)
