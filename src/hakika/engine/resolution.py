"""A person's word about a payment: what it may say when, and the evidence that it becomes."""

from typing import Literal

import msgspec

from hakika.domain.errors import CannotResolve, HakikaError, InvalidRequest
from hakika.domain.evidence import OperatorResolved
from hakika.domain.schedule import is_last_word
from hakika.engine.case import view_of
from hakika.store.evidence import find_receipt_owner
from hakika.store.payments import PaymentRow
from hakika.store.transaction import Transaction

REASON_LENGTH = 500


class Resolution(msgspec.Struct, frozen=True):
    """What an operator says. `receipt` is needed for `completed`: the M-Pesa statement shows it."""

    outcome: Literal["completed", "failed", "reversed"]
    reason: str
    receipt: str = ""


def check_resolution(resolution: Resolution) -> Resolution:
    """Check what needs no payment to be checked. Raises InvalidRequest."""
    reason = " ".join(resolution.reason.split())
    if not reason or len(reason) > REASON_LENGTH:
        raise InvalidRequest(f"`reason` says why, in 1 to {REASON_LENGTH} characters.", field="reason")
    receipt = resolution.receipt.strip().upper()
    if receipt and not (receipt.isascii() and receipt.isalnum() and len(receipt) <= 32):
        raise InvalidRequest("`receipt` is not an M-Pesa receipt like NLJ7RT61SV.", field="receipt")
    if resolution.outcome == "completed" and not receipt:
        raise InvalidRequest("`receipt` is needed: the M-Pesa statement shows it.", field="receipt")
    return Resolution(resolution.outcome, reason, receipt)


def refuse_foreign_receipt(tx: Transaction, row: PaymentRow, resolution: Resolution) -> None:
    """Raise CannotResolve when the receipt already belongs to another payment."""
    owner = find_receipt_owner(tx, resolution.receipt) if resolution.outcome == "completed" else None
    if owner not in {None, row.id}:
        raise CannotResolve(f"Receipt {resolution.receipt} belongs to payment {owner}.", payment=owner)


def judge_resolution(row: PaymentRow, resolution: Resolution, now_ms: int) -> HakikaError | None:
    """Whether that word fits the payment as it is now."""
    prompted_at_ms = row.prompted_at_ms or row.sending_at_ms or row.created_at_ms
    open_still = row.status == "pending" and not is_last_word(prompted_at_ms, now_ms)
    match resolution.outcome:
        case "completed" if row.status in {"completed", "reversed"}:
            detail = f"{row.id} is {row.status}."
        case "failed" if row.status not in {"pending", "unresolved"}:
            detail = f"{row.id} is {row.status}: only what is unresolved can be called failed."
        case "failed" if open_still:
            detail = f"The prompt of {row.id} may still be on the phone."
        case "reversed" if row.status not in {"completed", "mispaid"}:
            detail = f"{row.id} is {row.status}: only money that arrived can go back."
        case _:
            return None
    return CannotResolve(detail, payment=row.id)


def read_resolution(row: PaymentRow, resolution: Resolution, operator: str, now_ms: int) -> OperatorResolved:
    """The evidence that it becomes."""
    receipt = resolution.receipt
    if resolution.outcome == "reversed":
        # A receipt that only strangers claimed names no proof; the proof itself then has none.
        receipt = "" if "receipt_claimed" in view_of(row).flags else row.receipt
    return OperatorResolved(
        at_ms=now_ms, outcome=resolution.outcome, reason=resolution.reason, operator=operator, receipt=receipt
    )
