"""What callers ask for, checked: nothing gets past here that Daraja would refuse or the store could not keep."""

import math
import re
import unicodedata
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
METADATA_DEPTH = 16
LARGEST_INTEGER = 2**63 - 1
_SAFE_ACCOUNT_REFERENCE = re.compile(r"[A-Za-z0-9 ._/-]{1,12}")
_SURROGATE = re.compile("[\ud800-\udfff]")
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
    mode: str = ""  # `test` or `live`, as the caller's key is; "" for either
    checkout: str = ""  # the checkout that this is an attempt of


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
    mode: str = "",
) -> Order:
    """Check a request for money. Raises InvalidRequest (InvalidPhone, InvalidAmount) naming what is wrong."""
    return Order(
        amount=read_amount(amount),
        phone=read_phone(phone),
        reference=read_text("reference", reference, REFERENCE_LENGTH),
        description=read_text("description", description, DESCRIPTION_LENGTH)
        if description and description.strip()
        else "",
        account=account,
        account_reference=_read_account_reference(account_reference, reference),
        metadata=read_metadata(metadata),
        allow_repeat=allow_repeat,
        mode=mode,
    )


def read_registration(*, checkout_request_id: str, merchant_request_id: str | None, order: Order) -> Registration:
    """Check a registration. Raises InvalidRequest."""
    if not _CHECKOUT_REQUEST_ID.fullmatch(checkout_request_id):
        raise InvalidRequest("`checkout_request_id` is not one that Daraja gives.", field="checkout_request_id")
    if merchant_request_id and not _CHECKOUT_REQUEST_ID.fullmatch(merchant_request_id):
        raise InvalidRequest("`merchant_request_id` is not one that Daraja gives.", field="merchant_request_id")
    return Registration(checkout_request_id, merchant_request_id or "", order)


def read_amount(amount: object) -> int:
    """Whole shillings within M-Pesa's limits; `100.0` counts as whole, `"100"` and True do not."""
    if isinstance(amount, bool) or not isinstance(amount, int | float) or amount != amount // 1:
        raise InvalidAmount("The amount is not a whole number of shillings.", field="amount")
    if not 1 <= amount <= LARGEST_AMOUNT:
        # Without the amount itself: it may have thousands of digits.
        raise InvalidAmount(f"The amount is outside M-Pesa's limits, KES 1 to {LARGEST_AMOUNT:,}.", field="amount")
    return int(amount)


def read_text(field: str, text: str, longest: int) -> str:
    """Clean a text that people read. Raises InvalidRequest when it is empty, too long, or cannot be shown."""
    # One spelling of what looks the same: a reference is charged once.
    cleaned = " ".join(unicodedata.normalize("NFC", text).split())
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


def read_metadata(metadata: Mapping[str, Any] | None) -> str:
    """Check a caller's own data. → it as JSON. Raises InvalidRequest."""
    if not metadata:
        return "{}"
    if len(metadata) > METADATA_KEYS:
        raise InvalidRequest(f"`metadata` may have {METADATA_KEYS} keys.", field="metadata")
    _check_metadata(metadata, METADATA_DEPTH)
    encoded = msgspec.json.encode(metadata)
    if len(encoded) > METADATA_BYTES:
        raise InvalidRequest(f"`metadata` may have {METADATA_BYTES} bytes as JSON.", field="metadata")
    return encoded.decode()


def _check_metadata(value: object, depth: int) -> None:
    """Refuse what would not come back as it was given: depths, numbers and characters that JSON only half has."""
    if isinstance(value, Mapping | list):
        if not depth:
            raise InvalidRequest(f"`metadata` is nested deeper than {METADATA_DEPTH}.", field="metadata")
        inner = [*value, *value.values()] if isinstance(value, Mapping) else value
        for part in inner:
            _check_metadata(part, depth - 1)
    elif fault := _find_fault(value):
        raise InvalidRequest(f"`metadata` {fault}.", field="metadata")


def _find_fault(value: object) -> str:
    match value:
        case str() if "\0" in value or _SURROGATE.search(value):
            return "has NUL or half of a character"
        case int() if abs(value) > LARGEST_INTEGER:
            return "has a whole number of more than 63 bits"
        case float() if not math.isfinite(value):
            return "has NaN or Infinity, which JSON does not"
        case None | str() | int() | float():
            return ""
    return "is not JSON"
