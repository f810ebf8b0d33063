"""A payment as the world sees it: the one shape in the API, in events and in the CLI."""

import functools
from datetime import UTC, datetime
from typing import Any

import msgspec

from hakika.daraja.codes import look_up_decline
from hakika.domain.payment import DECLINED
from hakika.store.payments import PaymentRow


class Failure(msgspec.Struct, frozen=True):
    """Why no money moved: words for the payer in the caller's language, and for the developer."""

    code: str
    message: str
    advice: str
    retryable: bool
    retry_after_s: int


class Payment(msgspec.Struct, frozen=True):
    """One payment. Amounts are whole shillings; times are UTC, RFC 3339."""

    id: str
    object: str
    mode: str
    status: str
    stage: str | None
    amount: int
    amount_received: int | None
    currency: str
    phone: str
    payer_phone: str | None
    reference: str
    account: str
    account_reference: str
    description: str
    receipt: str | None
    result_code: str | None
    failure: Failure | None
    confirmed_by: str | None
    late: bool
    flags: list[str]
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
    client_secret: str | msgspec.UnsetType = msgspec.UNSET  # only for whoever has a full key, and in no event


OWN_CODES = frozenset({"not_sent", "withdrawn", "operator"})
"""Codes of ours: no result of M-Pesa's."""

_FAILURES: dict[tuple[str, str], Failure] = {}
_ENCODE = msgspec.json.Encoder().encode


def represent(row: PaymentRow, language: str = "en", *, with_secret: bool = False) -> Payment:
    """The row as its public shape. `language`: `en` or `sw`, for the words to the payer."""
    flags = msgspec.json.decode(row.flags) if row.flags != "[]" else []
    declined = row.status in DECLINED
    return Payment(
        id=row.id,
        object="payment",
        mode=mode_of(row.environment),
        status=row.status,
        stage=row.stage if row.status == "pending" else None,
        amount=row.amount,
        amount_received=row.amount_received or None,
        currency="KES",
        phone=row.phone,
        payer_phone=row.payer_phone or None,
        reference=row.reference,
        account=row.account,
        account_reference=row.account_reference,
        description=row.description,
        receipt=row.receipt or None,
        result_code=row.code if row.code and row.code not in OWN_CODES else None,
        failure=_failure_of(row.code, language) if declined else None,
        confirmed_by=row.confirmed_by or None,
        late="late" in flags,
        flags=flags,
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
        client_secret=row.client_secret if with_secret else msgspec.UNSET,
    )


def encode(row: PaymentRow, language: str = "en", *, with_secret: bool = False) -> bytes:
    """The row as JSON, in its public shape."""
    return _ENCODE(represent(row, language, with_secret=with_secret))


def encode_for_payer(row: PaymentRow, language: str = "en") -> bytes:
    """The row as JSON for whoever has only its client secret: a browser, which `metadata` is not for."""
    return _ENCODE(represent(row._replace(metadata="{}"), language))


def as_dict(row: PaymentRow) -> dict[str, Any]:
    """The row as a dictionary of plain values, in its public shape."""
    decoded: dict[str, Any] = msgspec.json.decode(encode(row))
    return decoded


@functools.lru_cache(4096)  # a batch has one moment, which each of its payments names twice
def iso(at_ms: int) -> str:
    """UTC milliseconds → `2026-11-21T06:30:00.123Z`."""
    second, rest_ms = divmod(at_ms, 1000)
    return f"{_spell_second(second)}.{rest_ms:03d}Z"


@functools.lru_cache(4096)  # a batch of callbacks names the same seconds again and again
def _spell_second(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat()[:-6]


def mode_of(environment: str) -> str:
    """`live` where real money moves, else `test`."""
    return "live" if environment == "production" else "test"


def _failure_of(code: str, language: str) -> Failure:
    failure = _FAILURES.get((code, language))
    if failure is None:
        known = look_up_decline(code)
        message = known.swahili if language == "sw" else known.english
        failure = Failure(code, message, known.advice, known.retryable, known.wait_s)
        if len(_FAILURES) < 400:  # unknown codes come from outside and must not fill the memory
            _FAILURES[code, language] = failure
    return failure
