"""A payment as the world sees it: the one shape in the API, in events and in the CLI."""

import functools
from datetime import UTC, datetime
from typing import Any

import msgspec

from hakika.daraja.codes import look_up
from hakika.store.payments import PaymentRow


class Result(msgspec.Struct, frozen=True):
    """Why a payment ended as it did: M-Pesa's code, with words for the payer and for the developer."""

    code: str
    meaning: str
    meaning_sw: str
    advice: str


class Payment(msgspec.Struct, frozen=True):
    """One payment. Amounts are whole shillings; times are UTC, RFC 3339."""

    id: str
    object: str
    status: str
    stage: str | None
    amount: int
    amount_received: int | None
    currency: str
    phone: str
    reference: str
    account: str
    account_reference: str
    description: str
    receipt: str | None
    result: Result | None
    confirmed_by: str | None
    flags: list[str]
    livemode: bool
    checkout_request_id: str | None
    merchant_request_id: str | None
    metadata: msgspec.Raw
    queries: int
    frozen: str | None
    created_at: str
    prompted_at: str | None
    paid_at: str | None
    final_at: str | None
    updated_at: str


_RESULTS: dict[str, Result] = {}
_ENCODE = msgspec.json.Encoder().encode


def represent(row: PaymentRow) -> Payment:
    """The row as its public shape."""
    pending = row.status == "pending"
    return Payment(
        id=row.id,
        object="payment",
        status=row.status,
        stage=row.stage if pending else None,
        amount=row.amount,
        amount_received=row.amount_received or None,
        currency="KES",
        phone=row.phone,
        reference=row.reference,
        account=row.account,
        account_reference=row.account_reference,
        description=row.description,
        receipt=row.receipt or None,
        result=_result_of(row.code) if row.code else None,
        confirmed_by=row.confirmed_by or None,
        flags=msgspec.json.decode(row.flags) if row.flags != "[]" else [],
        livemode=row.environment == "production",
        checkout_request_id=row.checkout_request_id,
        merchant_request_id=row.merchant_request_id or None,
        metadata=msgspec.Raw(row.metadata.encode()),
        queries=row.queries,
        frozen=row.frozen or None,
        created_at=iso(row.created_at_ms),
        prompted_at=iso(row.prompted_at_ms) if row.prompted_at_ms else None,
        paid_at=iso(row.paid_at_ms) if row.paid_at_ms else None,
        final_at=iso(row.final_at_ms) if row.final_at_ms else None,
        updated_at=iso(row.updated_at_ms),
    )


def encode(row: PaymentRow) -> bytes:
    """The row as JSON, in its public shape."""
    return _ENCODE(represent(row))


def as_dict(row: PaymentRow) -> dict[str, Any]:
    """The row as a dictionary of plain values, in its public shape."""
    decoded: dict[str, Any] = msgspec.json.decode(encode(row))
    return decoded


@functools.lru_cache(16_384)  # a batch of callbacks names the same moments again and again
def iso(at_ms: int) -> str:
    """UTC milliseconds → `2026-11-21T06:30:00.123Z`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _result_of(code: str) -> Result:
    result = _RESULTS.get(code)
    if result is None:
        known = look_up(code)
        result = Result(code, known.english, known.swahili, known.advice)
        if len(_RESULTS) < 200:  # unknown codes come from outside and must not fill the memory
            _RESULTS[code] = result
    return result
