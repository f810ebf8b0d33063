"""The drop-in routes' requests and answers, in the words of the integrations that they come from.

Each function is an answer: a payment's row (with M-Pesa's own words on it) → what that integration's clients expect.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field

from hakika.api.problems import PromptRefused
from hakika.api.shapes import Amount, DarajaId
from hakika.daraja.codes import look_up
from hakika.domain.kenya import NAIROBI
from hakika.domain.payment import DECLINED
from hakika.engine.representation import OWN_CODES, iso
from hakika.store.payments import PaymentRow

ACCEPTED = "Success. Request accepted for processing"
PROCESSED = "The service request is processed successfully."
UNSURE = (
    "It is not known yet whether the phone was prompted. Do not ask again: the payer could be charged twice. "
    "This payment is followed to its end; ask for its status."
)

THREE_WORDS: Mapping[str, str] = {
    "pending": "pending",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "failed",
    "expired": "failed",
    "reversed": "failed",
    "mispaid": "pending",  # money came, but not what was asked: a person decides, so nothing may be delivered
    "unresolved": "pending",
}
"""Our statuses in the words of integrations that know `pending`, `completed` and `failed` alone."""


def _as_text(value: object) -> object:
    """Numbers too: clients send what their database or Daraja's own examples have."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_as_text), Field(max_length=200)]


class Initiation(BaseModel):
    """Ask a phone for money for an order. Names as the integrations write them, and as Daraja does."""

    order_id: Text = Field(
        validation_alias=AliasChoices(
            *("order_id", "orderId", "orderID", "accountReference", "account_reference", "AccountReference")
        )
    )
    phone: Text = Field(validation_alias=AliasChoices("phone", "phone_number", "phoneNumber", "PhoneNumber"))
    amount: Amount = Field(validation_alias=AliasChoices("amount", "Amount"))
    description: Text | None = Field(
        None, validation_alias=AliasChoices("description", "transactionDesc", "TransactionDesc")
    )


class OrderQuery(BaseModel):
    """Ask Daraja about an order."""

    order_id: Text = Field(validation_alias=AliasChoices("order_id", "orderId"))


class PushQuery(BaseModel):
    """Ask Daraja about a push. The client's own `transactionId` comes back as it is."""

    checkout_request_id: DarajaId = Field(
        validation_alias=AliasChoices("checkoutRequestID", "checkoutRequestId", "checkout_request_id")
    )
    transaction_id: Text | None = Field(None, validation_alias=AliasChoices("transactionId", "transaction_id"))


class Tracking(BaseModel):
    """Follow a push that the client made itself."""

    checkout_request_id: DarajaId
    phone_number: Text
    amount: Amount
    description: Text | None = None


def show_initiation(row: PaymentRow, words: str) -> tuple[int, dict[str, Any]]:
    """→ status and answer, in Daraja's names. Raises PromptRefused where the phone was not prompted."""
    known = {"order_id": row.reference, "paymentId": row.id, "status": THREE_WORDS[row.status]}
    if row.checkout_request_id:
        pushed = {"MerchantRequestID": row.merchant_request_id, "CheckoutRequestID": row.checkout_request_id}
        return 200, {
            **pushed,
            "ResponseCode": "0",
            "ResponseDescription": ACCEPTED,
            "CustomerMessage": ACCEPTED,
            **known,
        }
    if row.status in DECLINED:
        raise PromptRefused(words, payment=row.id, requestId=row.id, errorCode=row.code, errorMessage=words)
    nothing = dict.fromkeys(("MerchantRequestID", "CheckoutRequestID", "ResponseCode"))
    return 202, {**nothing, "ResponseDescription": UNSURE, "CustomerMessage": UNSURE, **known}


def show_order(row: PaymentRow) -> dict[str, Any]:
    """Seed 001: `{"status", "transactionId"}`."""
    return {"status": THREE_WORDS[row.status], "transactionId": row.receipt if row.status == "completed" else ""}


def show_queried_order(row: PaymentRow, words: str) -> dict[str, Any]:
    """Seed 000, which shows no answer: the order's, and why."""
    return {"order_id": row.reference, **show_order(row), "resultCode": _result_code(row), "resultDesc": words}


def show_push(row: PaymentRow, words: str, transaction_id: str | None) -> dict[str, Any]:
    """Seed 004: the fields that it stores of a transaction. `resultCode` 0 is proof of the whole amount, no less."""
    told: dict[str, Any] = {
        "checkoutRequestID": row.checkout_request_id,
        "transactionId": transaction_id,
        "status": row.status,
        "resultCode": _result_code(row),
        "resultDesc": words,
    }
    if row.status == "completed":
        return told | {
            "mpesaReceiptNumber": row.receipt or None,
            "amount": row.amount_received or row.amount,
            "phoneNumber": _phone(row),
            "transactionDate": _transaction_date(row),
        }
    return told | {"errorCode": _result_code(row), "errorMessage": words} if row.status in DECLINED else told


def show_tracking(row: PaymentRow) -> dict[str, Any]:
    """Seed 003, which shows no answer to a registration. Not `success`: there that word means paid."""
    return {
        "status": "registered",
        "message": "The payment is followed to its end",
        "checkout_request_id": row.checkout_request_id,
        "payment_status": THREE_WORDS[row.status],
    }


def show_status(row: PaymentRow, words: str) -> dict[str, Any]:
    """Seed 003's status: how it stands, at once."""
    match THREE_WORDS[row.status]:
        case "completed":
            return show_outcome(row, words) | {"message": "✅ Payment completed successfully"}
        case "failed":
            return show_outcome(row, words)
    return {"status": "pending", "message": f"⏳ {words}", "payment_status": "pending"}


def show_outcome(row: PaymentRow, words: str) -> dict[str, Any]:
    """Seed 003's three notifications: success, failure, time-out."""
    match THREE_WORDS[row.status]:
        case "completed":
            amount = row.amount_received or row.amount
            return {
                "status": "success",
                "message": f"💰 Payment completed successfully! {amount} KSh sent to 0{row.phone[3:]}",
                "payment_status": "completed",
                "payment_details": {
                    "Amount": amount,
                    "MpesaReceiptNumber": row.receipt or None,
                    "TransactionDate": _transaction_date(row),
                    "PhoneNumber": _phone(row),
                },
            }
        case "failed":
            return {
                "status": "failed",
                "message": f"❌ Payment failed: {words}",
                "payment_status": "failed",
                "error_message": words,
            }
    said = "Payment initiated but completion status unknown" if row.status == "pending" else words
    return {"status": "timeout", "message": f"⏱️ {said}", "payment_status": "pending"}


def explain(row: PaymentRow) -> str:
    """What to say of a payment where M-Pesa's own words are not known."""
    match row.status:
        case "completed":
            return PROCESSED
        case "reversed":
            return "The money went back to the payer"
        case "mispaid":
            return f"KES {row.amount_received} came instead of KES {row.amount}: a person must decide, do not pay again"
        case "unresolved":
            return "The outcome could not be found out: a person must decide, do not pay again"
        case "pending":
            return f"Waiting for the payer since {iso(row.prompted_at_ms or row.created_at_ms)}"
    return look_up(row.code).english


def _result_code(row: PaymentRow) -> int | str | None:
    """M-Pesa's code as its callbacks write it. None where money moved or may have, but not as was asked."""
    if row.status == "completed":
        return 0
    if row.status not in DECLINED or row.code in OWN_CODES:
        return None
    return int(row.code) if row.code.isdecimal() else row.code


def _phone(row: PaymentRow) -> int | str:
    phone = row.payer_phone or row.phone
    return int(phone) if phone.isdecimal() else phone


def _transaction_date(row: PaymentRow) -> int:
    """As M-Pesa writes it: Nairobi's time, as one number."""
    at_ms = row.paid_at_ms or row.final_at_ms
    return int(datetime.fromtimestamp(at_ms / 1000, NAIROBI).strftime("%Y%m%d%H%M%S"))
