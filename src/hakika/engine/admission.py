"""Whether a request for money may be stored, and the row that it becomes."""

from typing import Any, NamedTuple

from hakika.domain.errors import PayerBusy, ReferenceInUse, RepeatedTooSoon
from hakika.domain.payment import DECLINED
from hakika.domain.schedule import PROMPT_LIFE_MS, SAME_AMOUNT_APART_MS
from hakika.engine.accounts import Account
from hakika.engine.case import read_facts
from hakika.engine.ids import Entropy, make_id, make_secret, make_token
from hakika.engine.orders import Order
from hakika.store.evidence import ask_for_claim, claim_reference, take_claim
from hakika.store.payments import PaymentRow, ask_for_rivals, find_recent_for_phone, read_rivals
from hakika.store.transaction import Answer, Transaction


class Beside(NamedTuple):
    """What is stored already beside a new payment: under its reference, and for its phone."""

    claim: Answer
    rivals: Answer
    recent: list[PaymentRow]


def look_beside(tx: Transaction, row: PaymentRow, now_ms: int) -> Beside:
    """Lock the reference and the phone of a new payment, and ask for all that may speak against it at once."""
    claim, rivals = ask_for_claim(tx, row.account, row.reference), ask_for_rivals(tx, row)
    tx.lock_name(f"phone:{row.phone}")
    return Beside(claim, rivals, find_recent_for_phone(tx, row.phone, now_ms - SAME_AMOUNT_APART_MS - PROMPT_LIFE_MS))


def refuse_busy_payer(order: Order, beside: Beside, now_ms: int) -> None:
    """Raise PayerBusy while a prompt is open on the phone, RepeatedTooSoon for what M-Pesa calls code 17."""
    for row in beside.recent:
        left_ms = prompt_ends_at(row) - now_ms
        if row.status == "pending" and left_ms > 0:
            raise PayerBusy(f"{row.id} waits for this phone.", payment=row.id, retry_after=_seconds(left_ms))
    for row in beside.recent:
        left_ms = _prompted_at(row) + SAME_AMOUNT_APART_MS - now_ms
        if row.amount == order.amount and _prompted_at(row) and left_ms > 0:
            raise RepeatedTooSoon(
                f"{row.id} asked KES {row.amount} of this phone.", payment=row.id, retry_after=_seconds(left_ms)
            )


def hold_reference(tx: Transaction, row: PaymentRow, beside: Beside) -> PaymentRow:
    """Take the claim on the reference. Raises ReferenceInUse, naming the payment that holds it.

    A charge on purpose (`allow_repeat`) takes it only where it is free, and is refused by nobody.
    """
    holder = take_claim(tx, beside.claim, row.account, row.reference, row.id)
    if row.allow_repeat:
        return row._replace(holds_reference=holder == row.id)
    if holder == row.id:
        # Not all that may hold money hold the claim: late money may find it taken, and so may a charge on purpose.
        holder = next((one.id for one in read_rivals(beside.rivals) if one.status not in DECLINED), row.id)
    if holder != row.id:
        raise ReferenceInUse(f"{row.reference!r} is charged by payment {holder}.", payment=holder)
    return row._replace(holds_reference=True)


def share_reference(tx: Transaction, row: PaymentRow) -> PaymentRow:
    """Take the claim on the reference where it is free: a push that was made elsewhere is followed anyway."""
    return row._replace(holds_reference=claim_reference(tx, row.account, row.reference, row.id) == row.id)


_UNTOLD: dict[str, Any] = {
    "facts": "{}",
    "status": "pending",
    "stage": "queued",
    "receipt": "",
    "amount_received": 0,
    "code": "",
    "confirmed_by": "",
    "paid_at_ms": 0,
    "payer_phone": "",
    "flags": "[]",
    "checkout_request_id": None,
    "merchant_request_id": "",
    "holds_reference": False,
    "frozen": "",
    "sequence": 1,
    "sending_at_ms": 0,
    "prompted_at_ms": 0,
    "called_back_at_ms": 0,
    "queried_at_ms": 0,
    "queries": 0,
    "final_at_ms": 0,
    "awaited_until_ms": 0,
}
"""What is known of a payment of which nobody has told anything yet."""


def open_payment(order: Order, account: Account, now_ms: int, entropy: Entropy, *, verified: bool) -> PaymentRow:
    """The row of a new payment, due now. `verified`: its amount is what we ask, not what somebody says."""
    return PaymentRow(
        id=make_id("pay", now_ms, entropy),
        account=account.id,
        environment=account.environment,
        reference=order.reference,
        amount=order.amount,
        verified=verified,
        phone=order.phone,
        description=order.description,
        account_reference=order.account_reference,
        metadata=order.metadata,
        allow_repeat=order.allow_repeat,
        token=make_token(entropy),
        client_secret=make_secret("pcs", entropy),
        checkout=order.checkout,
        created_at_ms=now_ms,
        **_UNTOLD,
        updated_at_ms=now_ms,
        due_at_ms=now_ms,
    )


def may_repeat_at(row: PaymentRow) -> int:
    """From when on the same phone may be asked for the same amount again; 0 where no prompt reached it."""
    prompted_at_ms = _prompted_at(row)
    return prompted_at_ms + SAME_AMOUNT_APART_MS if prompted_at_ms else 0


def prompt_ends_at(row: PaymentRow) -> int:
    """When the prompt of a pending payment leaves the phone by itself."""
    return (row.prompted_at_ms or row.sending_at_ms or row.created_at_ms) + PROMPT_LIFE_MS


def _prompted_at(row: PaymentRow) -> int:
    """When a prompt reached the phone, or may have; 0 when none did."""
    if row.prompted_at_ms or read_facts(row).lost:
        return row.prompted_at_ms or row.sending_at_ms
    return 0


def _seconds(duration_ms: int) -> int:
    return -(-duration_ms // 1000)
