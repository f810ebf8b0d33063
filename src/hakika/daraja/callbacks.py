"""Read a callback (daraja.md §2.3; §7, Callbacks), whatever the bytes, in microseconds when it is as usual.

First a typed decoder for the shape that Safaricom sends; what does not fit it goes to a tolerant reader.
Both end in the same conclusions, so that no spelling of a fact reads as another fact:

- A success whose stated amount cannot be read is no callback at all: an amount of 0 means "not stated",
  and to confuse the two would let a wrong amount pass for no amount.
- Items are taken by name, never by place. A name that comes twice with two values says nothing.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec

from hakika.daraja.tolerance import (
    Unreadable,
    clean_text,
    load_document,
    pick_object,
    plain_text,
    read_code,
    read_whole_number,
)
from hakika.domain.errors import InvalidPhone
from hakika.domain.evidence import CallbackReceived, CallbackUnreadable
from hakika.domain.phone import read_phone

_DESCRIPTION_LIMIT: Final = 256
_ID_LIMIT: Final = 128
_NAIROBI_OFFSET_MS: Final = 3 * 60 * 60 * 1000
# M-Pesa began in 2007; a date before it, or long after us, is a misreading.
_EARLIEST_YEAR, _LATEST_YEAR = 2007, 2100
_LATEST_DATE: Final = 1e15
# Stands for a value that came twice and differed: present, and no readable amount, receipt, date or phone.
_CLASH: Final = object()

_LARGEST_USUAL_CODE: Final = 1_000_000
_RECEIPT = re.compile(r"[A-Za-z0-9]{1,32}")
_DATE_AND_TIME = re.compile(r"[0-9]{14}")
_USUAL_PHONE = re.compile(r"254[17][0-9]{8}")
_MASKED_PHONE = re.compile(r"[0-9+*Xx ]{1,32}")

_AMOUNT, _RECEIPT_NUMBER, _DATE, _PHONE = "amount", "mpesareceiptnumber", "transactiondate", "phonenumber"
_KNOWN_ITEMS: Final = {
    "Amount": _AMOUNT,
    "MpesaReceiptNumber": _RECEIPT_NUMBER,
    "TransactionDate": _DATE,
    "PhoneNumber": _PHONE,
    "Balance": "balance",
}


class _Item(msgspec.Struct, gc=False):
    name: str = msgspec.field(name="Name")
    value: str | int | float | None = msgspec.field(name="Value", default=None)


class _Metadata(msgspec.Struct, gc=False):
    items: list[_Item] = msgspec.field(name="Item")


class _StkCallback(msgspec.Struct, gc=False):
    merchant_request_id: str = msgspec.field(name="MerchantRequestID")
    checkout_request_id: str = msgspec.field(name="CheckoutRequestID")
    code: int | str = msgspec.field(name="ResultCode")
    description: str = msgspec.field(name="ResultDesc")
    metadata: _Metadata | None = msgspec.field(name="CallbackMetadata", default=None)


class _Body(msgspec.Struct, gc=False):
    callback: _StkCallback = msgspec.field(name="stkCallback")


class _Envelope(msgspec.Struct, gc=False):
    body: _Body = msgspec.field(name="Body")


_USUAL = msgspec.json.Decoder(_Envelope)


def read_callback(body: bytes, at_ms: int, trusted: bool) -> CallbackReceived | CallbackUnreadable:
    """Read a callback's bytes. Never raises: what cannot be read is a reading too."""
    try:
        callback = _USUAL.decode(body).body.callback
        items = _gather_usual(callback.metadata)
    except (msgspec.MsgspecError, ValueError, RecursionError, KeyError):
        return _read_unusual(body, at_ms, trusted)
    return _conclude(callback, items, at_ms, trusted)


def _gather_usual(metadata: _Metadata | None) -> dict[str, object]:
    """Items by name; an unknown or a repeated name raises KeyError: the tolerant reader takes over."""
    if metadata is None:
        return {}
    items: dict[str, object] = {_KNOWN_ITEMS[item.name]: item.value for item in metadata.items}
    if len(items) != len(metadata.items):
        raise KeyError
    return items


def _read_unusual(body: bytes, at_ms: int, trusted: bool) -> CallbackReceived | CallbackUnreadable:
    try:
        document = load_document(body)
    except Unreadable as unreadable:
        return CallbackUnreadable(at_ms, str(unreadable), trusted)
    found = pick_object(document, "body") or document
    fields = pick_object(found, "stkcallback")
    if not fields:
        return CallbackUnreadable(at_ms, "no stkCallback in it", trusted)
    callback = _StkCallback(
        _pick_text(fields, "merchantrequestid"),
        _pick_text(fields, "checkoutrequestid"),
        read_code(fields.get("resultcode")),
        clean_text(fields.get("resultdesc"), _DESCRIPTION_LIMIT),
    )
    return _conclude(callback, _gather_unusual(fields), at_ms, trusted)


def _pick_text(fields: dict[str, object], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def _gather_unusual(fields: dict[str, object]) -> dict[str, object]:
    found = pick_object(fields, "callbackmetadata").get("item")
    items: dict[str, object] = {}
    for item in found if isinstance(found, list) else [found]:
        if not isinstance(item, dict):
            continue
        name = clean_text(item.get("name"), 64).lower()
        value = item.get("value")
        if value is not None:
            items[name] = value if items.get(name, value) == value else _CLASH
    return items


def _conclude(
    callback: _StkCallback, items: dict[str, object], at_ms: int, trusted: bool
) -> CallbackReceived | CallbackUnreadable:
    code = _settle_code(callback.code)
    checkout_request_id = _settle_id(callback.checkout_request_id)
    if not code:
        return CallbackUnreadable(at_ms, "its ResultCode is missing or unreadable", trusted)
    if not checkout_request_id:
        return CallbackUnreadable(at_ms, "its CheckoutRequestID is missing or unreadable", trusted)
    flags: list[str] = []
    amount = _settle_amount(items.get(_AMOUNT), flags)
    if flags and code == "0":
        return CallbackUnreadable(at_ms, "a success whose amount cannot be read", trusted, tuple(flags))
    return CallbackReceived(
        at_ms,
        code,
        trusted,
        checkout_request_id,
        _settle_id(callback.merchant_request_id),
        clean_text(callback.description, _DESCRIPTION_LIMIT),
        amount,
        _settle_receipt(items.get(_RECEIPT_NUMBER), flags),
        _settle_time_ms(items.get(_DATE), flags),
        _settle_phone(items.get(_PHONE), flags),
        flags=tuple(flags),
    )


def _settle_code(code: int | str) -> str:
    if isinstance(code, int) and 0 <= code < _LARGEST_USUAL_CODE:
        return str(code)
    return read_code(code)


def _settle_id(text: str) -> str:
    """Return the id if it is one line of at most 128 printable ASCII characters, else ""."""
    text = text.strip(" ")
    return text if len(text) <= _ID_LIMIT and text.isascii() and text.isprintable() else ""


def _settle_amount(value: object, flags: list[str]) -> int:
    if value is None:
        return 0
    amount = read_whole_number(value)
    if amount > 0:
        return amount
    flags.append("amount_unreadable")
    return 0


def _settle_receipt(value: object, flags: list[str]) -> str:
    if value is None:
        return ""
    receipt = plain_text(value)
    if _RECEIPT.fullmatch(receipt):
        return receipt.upper()
    flags.append("receipt_unreadable")
    return ""


def _settle_time_ms(value: object, flags: list[str]) -> int:
    if value is None:
        return 0
    day, second_of_day = divmod(_read_date_number(value), 1_000_000)
    hours, minutes_seconds = divmod(second_of_day, 10_000)
    minutes, seconds = divmod(minutes_seconds, 100)
    midnight_ms = _find_midnight_ms(day)
    if midnight_ms and hours < 24 and minutes < 60 and seconds < 60:
        return midnight_ms + (hours * 3600 + minutes * 60 + seconds) * 1000
    flags.append("date_unreadable")
    return 0


def _read_date_number(value: object) -> int:
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() and 0 < value < _LATEST_DATE else 0
    text = plain_text(value)
    return int(text) if _DATE_AND_TIME.fullmatch(text) else 0


@lru_cache(maxsize=16)
def _find_midnight_ms(day: int) -> int:
    """Find midnight in Nairobi, in UTC ms, of a day written 20191219; 0 where there is no such day."""
    year, month_day = divmod(day, 10_000)
    if not _EARLIEST_YEAR <= year <= _LATEST_YEAR:
        return 0
    try:
        midnight = datetime(year, month_day // 100, month_day % 100, tzinfo=UTC)
    except ValueError:
        return 0
    return int(midnight.timestamp()) * 1000 - _NAIROBI_OFFSET_MS


def _settle_phone(value: object, flags: list[str]) -> str:
    if value is None:
        return ""
    text = clean_text(read_whole_number(value) if isinstance(value, float) else value, 64)
    if _USUAL_PHONE.fullmatch(text):
        return text
    try:
        return read_phone(text)
    except InvalidPhone:
        if _MASKED_PHONE.fullmatch(text):
            return text
    flags.append("phone_unreadable")
    return ""
