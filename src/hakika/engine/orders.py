"""What callers ask for, checked: nothing gets past here that Daraja would refuse or the store could not keep."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from hakika.daraja.requests import safe_account_reference
from hakika.domain.errors import InvalidAmount, InvalidRequest
from hakika.domain.phone import Phone, read_phone

LARGEST_AMOUNT = 250_000  # daraja.md §1, STK request
REFERENCE_LENGTH = 64
DESCRIPTION_LENGTH = 200
METADATA_BYTES = 8_192
METADATA_KEYS = 50
_SAFE_ACCOUNT_REFERENCE = re.compile(r"[A-Za-z0-9 ._/-]{1,12}")
_CHECKOUT_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


class Order(msgspec.Struct, frozen=True):
    """One amount to ask of one phone under one reference."""

    amount: int
    phone: Phone
    reference: str
    description: str
    account: str | None
    account_reference: str
    metadata: str
    allow_repeat: bool


class Registration(msgspec.Struct, frozen=True):
    """A push that another program made, to be followed."""

    checkout_request_id: str
    merchant_request_id: str
    order: Order


def read_order(
    *,
    amount: object,
    phone: str,
    reference: str,
    description: str | None = None,
    account: str | None = None,
    account_reference: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    allow_repeat: bool = False,
) -> Order:
    """Check a request for money. Raises InvalidRequest (InvalidPhone, InvalidAmount) naming what is wrong."""
    return Order(
        amount=read_amount(amount),
        phone=read_phone(phone),
        reference=_read_text("reference", reference, REFERENCE_LENGTH),
        description=_read_text("description", description, DESCRIPTION_LENGTH) if description else "",
        account=account,
        account_reference=_read_account_reference(account_reference, reference),
        metadata=_read_metadata(metadata),
        allow_repeat=allow_repeat,
    )


def read_registration(*, checkout_request_id: str, merchant_request_id: str | None, order: Order) -> Registration:
    """Check a registration. Raises InvalidRequest."""
    if not _CHECKOUT_REQUEST_ID.fullmatch(checkout_request_id):
        raise InvalidRequest("`checkout_request_id` is not one that Daraja gives.", field="checkout_request_id")
    return Registration(checkout_request_id, (merchant_request_id or "")[:128], order)


def read_amount(amount: object) -> int:
    """Whole shillings within M-Pesa's limits; `100.0` counts as whole, `"100"` and True do not."""
    if isinstance(amount, bool) or not isinstance(amount, int | float) or amount != amount // 1:
        raise InvalidAmount("The amount is not a whole number of shillings.", field="amount")
    if not 1 <= amount <= LARGEST_AMOUNT:
        raise InvalidAmount(f"KES {amount:.0f} is outside M-Pesa's limits, 1 to {LARGEST_AMOUNT:,}.", field="amount")
    return int(amount)


def _read_text(field: str, text: str, longest: int) -> str:
    cleaned = " ".join(text.split())
    if not cleaned:
        raise InvalidRequest(f"`{field}` is empty.", field=field)
    if len(cleaned) > longest:
        raise InvalidRequest(f"`{field}` has {len(cleaned)} characters; {longest} is the most.", field=field)
    if any(not character.isprintable() for character in cleaned):
        raise InvalidRequest(f"`{field}` has characters that cannot be shown.", field=field)
    return cleaned


def _read_account_reference(given: str | None, reference: str) -> str:
    if given is None:
        return safe_account_reference(reference)
    if not _SAFE_ACCOUNT_REFERENCE.fullmatch(given):
        raise InvalidRequest(
            "`account_reference` goes to the payer's SMS: up to 12 letters, digits, spaces, and . _ / -",
            field="account_reference",
        )
    return given


def _read_metadata(metadata: Mapping[str, Any] | None) -> str:
    if not metadata:
        return "{}"
    try:
        encoded = msgspec.json.encode(metadata)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest("`metadata` is not a JSON object.", field="metadata") from error
    if len(metadata) > METADATA_KEYS or len(encoded) > METADATA_BYTES:
        raise InvalidRequest(
            f"`metadata` may have {METADATA_KEYS} keys and {METADATA_BYTES} bytes as JSON.", field="metadata"
        )
    return encoded.decode()
