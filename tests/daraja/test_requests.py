"""What we send."""

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakika.daraja.protocol import Request
from hakika.daraja.requests import (
    build_push,
    build_query,
    build_token_request,
    safe_account_reference,
    safe_description,
)
from tests.daraja.recordings import ASKED_ID, ORDER, PAYBILL, TILL, TOKEN

_NOW_MS = 1_763_369_999_999  # 2025-11-17 08:59:59.999 UTC: 11:59:59 in Nairobi


def _fields(request: Request) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.json.decode(request.body)
    return fields


def test_the_token_is_asked_for_with_key_and_secret() -> None:
    """OAuth is a GET with HTTP Basic (daraja.md §1, OAuth)."""
    request = build_token_request(PAYBILL)
    assert request.method == "GET"
    assert request.url == ("https://sandbox.safaricom.co.ke/oauth/v1/generate?grant_type=client_credentials")
    assert base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")) == b"the-key:the-secret"
    assert request.body == b""


def test_a_paybill_push() -> None:
    """A PayBill is its own receiver; phones and amounts are numbers (daraja.md §1, STK request)."""
    request = build_push(PAYBILL, TOKEN, ORDER, _NOW_MS)
    assert request.url == "https://sandbox.safaricom.co.ke/mpesa/stkpush/v1/processrequest"
    assert request.headers["Authorization"] == f"Bearer {TOKEN.access_token}"
    assert request.headers["Content-Type"] == "application/json"
    assert _fields(request) == {
        "BusinessShortCode": 174379,
        "Password": base64.b64encode(b"174379the-passkey20251117115959").decode(),
        "Timestamp": "20251117115959",
        "TransactionType": "CustomerPayBillOnline",
        "Amount": 100,
        "PartyA": 254712345678,
        "PartyB": 174379,
        "PhoneNumber": 254712345678,
        "CallBackURL": "https://shop.example/c/s3cr3t",
        "AccountReference": "INV-001",
        "TransactionDesc": "Shoes",
    }


def test_a_till_push_names_store_and_till() -> None:
    """For a till, BusinessShortCode is the store number and PartyB the till (daraja.md §1, Till)."""
    request = build_push(TILL, TOKEN, ORDER, _NOW_MS)
    fields = _fields(request)
    assert request.url == "https://api.safaricom.co.ke/mpesa/stkpush/v1/processrequest"
    assert fields["TransactionType"] == "CustomerBuyGoodsOnline"
    assert (fields["BusinessShortCode"], fields["PartyB"]) == (600111, 5551234)
    assert base64.b64decode(fields["Password"]).startswith(b"600111the-passkey")


def test_a_push_without_words_still_has_a_description() -> None:
    """Without TransactionDesc Daraja answers "Invalid Remarks" (daraja.md §1, STK request)."""
    order = msgspec.structs.replace(ORDER, description="", account_reference="order #1 & more @ shop")
    fields = _fields(build_push(PAYBILL, TOKEN, order, _NOW_MS))
    assert fields["TransactionDesc"] == "Payment"
    assert fields["AccountReference"] == safe_account_reference("order #1 & more @ shop")


def test_a_query() -> None:
    """A query is signed as a push is, and names the push (daraja.md §7, Fields)."""
    request = build_query(PAYBILL, TOKEN, ASKED_ID, _NOW_MS)
    assert request.url == "https://sandbox.safaricom.co.ke/mpesa/stkpushquery/v1/query"
    assert _fields(request) == {
        "BusinessShortCode": 174379,
        "Password": base64.b64encode(b"174379the-passkey20251117115959").decode(),
        "Timestamp": "20251117115959",
        "CheckoutRequestID": ASKED_ID,
    }


@given(st.integers(0, 4_000_000_000_000))
def test_password_and_timestamp_agree_at_any_time(now_ms: int) -> None:
    """The same timestamp stands in both (daraja.md §1: else "Wrong credentials")."""
    fields = _fields(build_push(PAYBILL, TOKEN, ORDER, now_ms))
    assert len(fields["Timestamp"]) == 14
    assert base64.b64decode(fields["Password"]).decode() == f"174379the-passkey{fields['Timestamp']}"


@pytest.mark.parametrize("reference", ["A", "INV-001", "ORDER-000001", "123456789012", "-1"])
def test_a_short_safe_reference_stays_as_it_is(reference: str) -> None:
    """What the payer recognises is not touched."""
    assert safe_account_reference(reference) == reference


def test_long_references_that_begin_alike_differ() -> None:
    """A derived reference keeps its beginning readable and is one of its kind."""
    one, other = safe_account_reference("ORDER-2025-000001"), safe_account_reference("ORDER-2025-000002")
    assert one != other
    assert one.startswith("ORDER-")


@given(st.text(max_size=64))
def test_any_reference_becomes_a_safe_one(reference: str) -> None:
    """1 to 12 characters, no `@ # &` (daraja.md §1), the same each time, and stable under itself."""
    safe = safe_account_reference(reference)
    assert 1 <= len(safe) <= 12
    assert safe.isascii()
    assert safe.replace("-", "").isalnum()
    assert safe_account_reference(reference) == safe == safe_account_reference(safe)


@given(st.sets(st.text(min_size=13, max_size=64), min_size=2, max_size=20))
def test_different_references_stay_different(references: set[str]) -> None:
    """Two long references do not become one."""
    assert len({safe_account_reference(reference) for reference in references}) == len(references)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("", "Payment"),
        ("@#&", "Payment"),
        ("Shoes", "Shoes"),
        ("Café & crème", "Cafe creme"),
        ("Two pairs of shoes", "Two pairs of"),
        ("malipo\r\nya #4", "malipo ya 4"),
    ],
)
def test_a_description_is_made_safe(text: str, safe: str) -> None:
    """At most 13 characters that every part of M-Pesa takes; never none."""
    assert safe_description(text) == safe


@given(st.text(max_size=300))
def test_any_description_becomes_a_safe_one(text: str) -> None:
    """1 to 13 safe characters, stable under itself."""
    safe = safe_description(text)
    assert 1 <= len(safe) <= 13
    assert safe.isascii()
    assert not set(safe) & set("@#&\r\n")
    assert safe_description(safe) == safe


def test_no_secret_shows_in_a_repr() -> None:
    """What a traceback or a log line would print names no key, token, passkey, phone or callback path."""
    request = build_push(PAYBILL, TOKEN, ORDER, _NOW_MS)
    shown = f"{PAYBILL!r} {TOKEN!r} {ORDER!r} {request!r} {[PAYBILL, request]}"
    secrets = ("the-key", "the-secret", "the-passkey", TOKEN.access_token, "254712345678", "s3cr3t", "Bearer")
    assert not [secret for secret in secrets if secret in shown]
