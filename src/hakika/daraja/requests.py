"""Build what we send to Daraja: one function a request (daraja.md §1, Wire facts; §7, Fields)."""

import base64
import hashlib
import re
import unicodedata
from datetime import datetime
from typing import Final

import msgspec

from hakika.daraja.protocol import PushOrder, Request, Shortcode, Token
from hakika.domain.kenya import NAIROBI

# Nairobi has no summer time; a fixed offset needs no time zone data on the machine.

ACCOUNT_REFERENCE_LIMIT: Final = 12
DESCRIPTION_LIMIT: Final = 13
# `@ # &` were reported to fail silently (daraja.md §1, STK request): letters, digits and hyphen cannot.
_SAFE_REFERENCE = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9-]{1,12}")
_HASH_LETTERS: Final = 6
_UNSAFE_IN_REFERENCE = re.compile(r"[^A-Za-z0-9]")
_UNSAFE_IN_DESCRIPTION = re.compile(r"[^A-Za-z0-9-]+")


def build_token_request(shortcode: Shortcode) -> Request:
    """Ask for an access token (daraja.md §1, OAuth)."""
    pair = f"{shortcode.consumer_key}:{shortcode.consumer_secret}".encode()
    return Request(
        "GET",
        _join(shortcode, "/oauth/v1/generate?grant_type=client_credentials"),
        {"Authorization": "Basic " + base64.b64encode(pair).decode(), "Accept": "application/json"},
    )


def build_push(shortcode: Shortcode, token: Token, order: PushOrder, now_ms: int) -> Request:
    """Ask for an STK push (daraja.md §1, STK request)."""
    paybill = not shortcode.till
    fields = {
        **_sign(shortcode, now_ms),
        "TransactionType": "CustomerPayBillOnline" if paybill else "CustomerBuyGoodsOnline",
        "Amount": order.amount,
        "PartyA": _as_number(order.phone),
        "PartyB": _as_number(shortcode.shortcode if paybill else shortcode.till),
        "PhoneNumber": _as_number(order.phone),
        "CallBackURL": order.callback_url,
        "AccountReference": safe_account_reference(order.account_reference),
        "TransactionDesc": safe_description(order.description),
    }
    return _post(shortcode, token, "/mpesa/stkpush/v1/processrequest", fields)


def build_query(shortcode: Shortcode, token: Token, checkout_request_id: str, now_ms: int) -> Request:
    """Ask what became of a push (daraja.md §7, Fields)."""
    fields = {**_sign(shortcode, now_ms), "CheckoutRequestID": checkout_request_id}
    return _post(shortcode, token, "/mpesa/stkpushquery/v1/query", fields)


def safe_account_reference(reference: str) -> str:
    """Derive what the payer's SMS shows: at most 12 safe characters, always the same for one reference.

    A short and safe reference stays as it is; any other becomes its first letters and a hash of all of it,
    so that two long references that begin alike still differ.
    """
    if _SAFE_REFERENCE.fullmatch(reference):
        return reference
    digest = hashlib.sha256(reference.encode("utf-8", "surrogatepass")).digest()
    mark = base64.b32encode(digest).decode()[:_HASH_LETTERS]
    prefix_limit = ACCOUNT_REFERENCE_LIMIT - _HASH_LETTERS - 1
    prefix = _UNSAFE_IN_REFERENCE.sub("", reference)[:prefix_limit] or "REF"
    return f"{prefix}-{mark}"


def safe_description(text: str) -> str:
    """At most 13 safe characters, never none: without it Daraja says "Invalid Remarks" (daraja.md §1)."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    safe = _UNSAFE_IN_DESCRIPTION.sub(" ", plain).strip(" -")[:DESCRIPTION_LIMIT].strip(" -")
    return safe or "Payment"


def _sign(shortcode: Shortcode, now_ms: int) -> dict[str, object]:
    # Built once: the same text must stand in Password and Timestamp, or it is "Wrong credentials".
    timestamp = datetime.fromtimestamp(now_ms // 1000, NAIROBI).strftime("%Y%m%d%H%M%S")
    password = base64.b64encode(f"{shortcode.shortcode}{shortcode.passkey}{timestamp}".encode()).decode()
    return {
        "BusinessShortCode": _as_number(shortcode.shortcode),
        "Password": password,
        "Timestamp": timestamp,
    }


def _as_number(digits: str) -> int | str:
    # Phones as text were seen to end in a silent 1037 (daraja.md §1, JSON types); numbers never were.
    return int(digits) if digits.isascii() and digits.isdigit() and digits[0] != "0" else digits


def _post(shortcode: Shortcode, token: Token, path: str, fields: dict[str, object]) -> Request:
    headers = {
        "Authorization": f"Bearer {token.access_token}",
        "Content-Type": "application/json",
        "Accept": "application/json",
    }
    return Request("POST", _join(shortcode, path), headers, msgspec.json.encode(fields))


def _join(shortcode: Shortcode, path: str) -> str:
    return shortcode.base_url.rstrip("/") + path
