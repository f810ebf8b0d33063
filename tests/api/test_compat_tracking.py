"""Seed 003's client: it registers its push, asks how it stands, and waits for its end."""

import asyncio
import json

import pytest

from tests.api.clients import TRACKED, call_back, get, initiate, local, post
from tests.api.house import Open, result
from tests.api.test_wait import until_watched

pytestmark = pytest.mark.anyio


async def test_seed_003_registers_its_push_and_learns_its_end(hakika: Open) -> None:
    """Its own body. Again is no error, another amount is; `success` is never said before it is paid."""
    for _ in range(2):
        registered = await post(hakika, "/payment/register", TRACKED)
        assert (registered["status"], registered["payment_status"]) == ("registered", "pending")
    other = await local(hakika).post("/payment/register", json=TRACKED | {"amount": 5})
    assert (other.status_code, other.json()["code"]) == (409, "already_registered")
    assert (await get(hakika, "/payment/status/ws_CO_123456789"))["status"] == "pending"
    hakika.daraja.code = "0"
    await post(hakika, "/payment/query", {"checkoutRequestID": "ws_CO_123456789"})
    told = await get(hakika, "/payment/status/ws_CO_123456789")
    assert (told["status"], told["message"]) == ("success", "✅ Payment completed successfully")


async def test_seed_003s_success(hakika: Open) -> None:
    """Its own example, byte for byte, as soon as the callback is in."""
    checkout_id = (await initiate(hakika, phone="0712345678", amount=500)).json()["CheckoutRequestID"]
    waiting = asyncio.create_task(get(hakika, f"/payment/wait/{checkout_id}?timeout=120"))
    await until_watched(hakika, 1)
    paid = json.loads(result(checkout_id, amount=500))
    paid["Body"]["stkCallback"]["CallbackMetadata"]["Item"][3]["Value"] = 20191219102115
    await call_back(hakika, json.dumps(paid))
    assert await waiting == {
        "status": "success",
        "message": "💰 Payment completed successfully! 500 KSh sent to 0712345678",
        "payment_status": "completed",
        "payment_details": {
            "Amount": 500,
            "MpesaReceiptNumber": "NLJ7RT61SV",
            "TransactionDate": 20191219102115,
            "PhoneNumber": 254712345678,
        },
    }


async def test_seed_003s_failure(hakika: Open) -> None:
    """Its own example, in M-Pesa's own words; a stranger's words on the same payment are not told."""
    checkout_id = (await initiate(hakika, amount=500)).json()["CheckoutRequestID"]
    cancelled = result(checkout_id, code=1032)
    forged = cancelled.replace("The service request is processed successfully.", "Call 0700000000 to get your money")
    await hakika.post("/mpesa/callback", forged)
    said = cancelled.replace("The service request is processed successfully.", "Request cancelled by user")
    await call_back(hakika, said)
    expected = {
        "status": "failed",
        "message": "❌ Payment failed: Request cancelled by user",
        "payment_status": "failed",
        "error_message": "Request cancelled by user",
    }
    assert await get(hakika, f"/payment/wait/{checkout_id}") == expected
    assert await get(hakika, f"/payment/status/{checkout_id}") == expected


async def test_seed_003s_timeout(hakika: Open) -> None:
    """Its own example, when the time is over."""
    checkout_id = (await initiate(hakika)).json()["CheckoutRequestID"]
    waiting = asyncio.create_task(get(hakika, f"/payment/wait/{checkout_id}?timeout=120"))
    await until_watched(hakika, 1)
    hakika.clock.pass_s(120)
    assert await waiting == {
        "status": "timeout",
        "message": "⏱️ Payment initiated but completion status unknown",
        "payment_status": "pending",
    }
