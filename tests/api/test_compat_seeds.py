"""The curl lines of the five documents, letter for letter, and the checks that they tell a reader to make."""

import asyncio
import json
import shlex
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hakika.domain.evidence import PushAccepted, PushRefused
from hakika.domain.payment import Status
from tests.api.clients import INITIATE, TRACKED, answered_with, call_back, end, get, initiate, local, post
from tests.api.house import SAFARICOM, Open, open_house, settings_for, unused_phone
from tests.api.test_callbacks import is_accepted
from tests.api.test_wait import until_watched

pytestmark = pytest.mark.anyio
QUERY_000 = r"""curl -X POST http://localhost:5000/api/payments/mpesa/query \
  -H "Authorization: Bearer YOUR_TOKEN" \
  -H "Content-Type: application/json" \
  -d '{"order_id": "YOUR_ORDER_ID"}'"""
CALLBACK_001 = r"""curl -X POST https://your-backend-domain.com/api/v1/payments/mpesa/callback \
  -H "Content-Type: application/json" \
  -d '{
    "Body": {
      "stkCallback": {
        "MerchantRequestID": "test-123",
        "CheckoutRequestID": "test-checkout-456",
        "ResultCode": 0,
        "ResultDesc": "Test callback",
        "CallbackMetadata": {
          "Item": [
            {"Name": "Amount", "Value": 100},
            {"Name": "MpesaReceiptNumber", "Value": "TEST123XYZ"},
            {"Name": "TransactionDate", "Value": 20240123120000},
            {"Name": "PhoneNumber", "Value": 254712345678}
          ]
        }
      }
    }
  }'"""
CALLBACK_002 = r"""curl -X POST https://yourdomain.com/mpesa/callback \
  -H "Content-Type: application/json" \
  -d '{
    "Body": {
      "stkCallback": {
        "MerchantRequestID": "test-123",
        "CheckoutRequestID": "test-456",
        "ResultCode": 0,
        "ResultDesc": "Success",
        "CallbackMetadata": {
          "Item": [
            {"Name": "Amount", "Value": 100},
            {"Name": "MpesaReceiptNumber", "Value": "TEST123"},
            {"Name": "PhoneNumber", "Value": 254712345678}
          ]
        }
      }
    }
  }'"""
CALLBACK_004 = r"""curl -X POST https://api.yourdomain.com/api/payment/callback \
  -H "Content-Type: application/json" \
  -d @test-callback.json"""
CERTIFICATE_004 = "curl -I https://api.yourdomain.com"
STRUCTURE_004 = """{
  "Body": {
    "stkCallback": {
      "MerchantRequestID": "29115-34620561-1",
      "CheckoutRequestID": "ws_CO_17112025120000123456789",
      "ResultCode": 0,
      "ResultDesc": "The service request is processed successfully.",
      "CallbackMetadata": {
        "Item": [
          {"Name": "Amount", "Value": 50},
          {"Name": "MpesaReceiptNumber", "Value": "RKL1234ABC"},
          {"Name": "Balance"},
          {"Name": "TransactionDate", "Value": 20251117120530},
          {"Name": "PhoneNumber", "Value": 254712345678}
        ]
      }
    }
  }
}"""


async def run(client: httpx2.AsyncClient, line: str, files: dict[str, str] | None = None) -> httpx2.Response:
    """Send what a curl line sends, to the house."""
    method, url, body, headers = "GET", "", "", {"Host": "localhost:8000"}
    words = iter(shlex.split(line.replace("\\\n", " "))[1:])
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-I":
                method = "HEAD"
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "-d":
                body = next(words)
            case _:
                url = word
    if body.startswith("@"):
        body = (files or {})[body[1:]]
    path = httpx2.URL(url).path
    return await client.request(method, path, content=body or None, headers=headers)


async def test_seed_000s_manual_check(hakika: Open) -> None:
    """Its curl line settles an order whose callback never came; the token of its own app does not matter."""
    await initiate(hakika, order_id="YOUR_ORDER_ID")
    assert (await run(local(hakika), QUERY_000)).json()["status"] == "pending"
    hakika.clock.pass_s(15)
    hakika.daraja.code = "0"
    answer = await run(local(hakika), QUERY_000)
    assert (answer.status_code, answer.json()["status"], answer.json()["resultCode"]) == (200, "completed", 0)


async def test_seed_001s_database_test(hakika: Open) -> None:
    """An order with the known CheckoutRequestID, then its curl line: the status changes, once Daraja has said so too.

    Its callback comes on an address that anybody may know, so alone it is a claim.
    """
    answered_with(hakika, lambda at_ms, attempt: PushAccepted(at_ms, attempt, "test-checkout-456", "test-123"))
    assert (await initiate(hakika, order_id="order-9", amount=100)).json()["CheckoutRequestID"] == "test-checkout-456"
    assert is_accepted(await run(hakika.visit(SAFARICOM), CALLBACK_001))
    assert (await get(hakika, "/api/v1/payments/order-9/status"))["status"] == "pending"
    hakika.daraja.code = "0"
    await hakika.worker.run_once()
    assert await get(hakika, "/api/v1/payments/order-9/status") == {
        "status": "completed",
        "transactionId": "TEST123XYZ",
    }


async def test_seed_002s_manual_test(hakika: Open) -> None:
    """Its curl line about a push that nobody knows: 200, kept, and nothing happens."""
    assert is_accepted(await run(hakika.visit(SAFARICOM), CALLBACK_002))
    assert (await hakika.checks())["quarantined"] == 1


async def test_seed_003s_whole_flow(hakika: Open) -> None:
    """It pushes by itself, registers, waits; the callback comes on /mpesa/callback: success, once Daraja agrees."""
    await post(hakika, "/payment/register", TRACKED)
    await post(hakika, "/payment/register", TRACKED)  # it tries again by itself
    waiting = asyncio.create_task(get(hakika, "/payment/wait/ws_CO_123456789?timeout=120"))
    await until_watched(hakika, 1)
    callback = json.loads(STRUCTURE_004.replace("ws_CO_17112025120000123456789", "ws_CO_123456789"))
    callback["Body"]["stkCallback"]["CallbackMetadata"]["Item"][0]["Value"] = 500
    hakika.daraja.code = "0"
    assert is_accepted(await hakika.post("/mpesa/callback", json.dumps(callback)))
    await hakika.worker.run_once()
    told = await waiting
    assert (told["status"], told["payment_status"], told["payment_details"]["Amount"]) == ("success", "completed", 500)


async def test_a_registration_waits_five_minutes_at_most(hakika: Open) -> None:
    """Seed 003's default time-out is the most that one request may wait; a late callback still counts after it."""
    await post(hakika, "/payment/register", TRACKED)
    waiting = asyncio.create_task(get(hakika, "/payment/wait/ws_CO_123456789?timeout=9999"))
    await until_watched(hakika, 1)
    hakika.clock.pass_s(299)
    assert not waiting.done()
    hakika.clock.pass_s(1)
    assert (await waiting)["status"] == "timeout"
    hakika.daraja.code = "0"
    await post(hakika, "/payment/query", {"checkoutRequestID": "ws_CO_123456789"})
    assert (await get(hakika, "/payment/status/ws_CO_123456789"))["status"] == "success"


async def test_seed_004s_example_responses(hakika: Open) -> None:
    """Both of them, field by field: what else we say stands beside."""
    success = {
        "MerchantRequestID": "29115-34620561-1",
        "CheckoutRequestID": "ws_CO_17112025120000123456789",
        "ResponseCode": "0",
        "ResponseDescription": "Success. Request accepted for processing",
        "CustomerMessage": "Success. Request accepted for processing",
    }
    pushed = (success["CheckoutRequestID"], success["MerchantRequestID"])
    answered_with(hakika, lambda at_ms, attempt: PushAccepted(at_ms, attempt, *pushed))
    told = (await initiate(hakika)).json()
    assert {name: told[name] for name in success} == success
    refused = ("400.002.02", "Bad Request - Invalid PhoneNumber")
    answered_with(hakika, lambda at_ms, attempt: PushRefused(at_ms, attempt, *refused))
    told = (await initiate(hakika, order_id="order-2", phone=unused_phone())).json()
    assert (told["errorCode"], told["errorMessage"], bool(told["requestId"])) == (*refused, True)


async def test_seed_004s_callback_from_a_file(hakika: Open) -> None:
    """Its curl line posts its own structure, a Balance without a value and all: accepted, whoever is unknown."""
    files = {"test-callback.json": STRUCTURE_004}
    assert is_accepted(await run(hakika.visit(SAFARICOM), CALLBACK_004, files))
    assert (await run(hakika.visit("203.0.113.9"), CERTIFICATE_004)).status_code < 500


@pytest.mark.parametrize(
    ("status", "code"), [(Status.CANCELLED, 1032), (Status.EXPIRED, 1037), (Status.FAILED, 1), (Status.COMPLETED, 0)]
)
async def test_seed_004_keeps_its_statuses_apart(hakika: Open, status: Status, code: int) -> None:
    """`cancelled`, `expired`, `failed` and `completed`, each with the code of its table, on both paths."""
    checkout_id = (await initiate(hakika, amount=100)).json()["CheckoutRequestID"]
    await end(hakika, status)
    for path in ("/api/payment/query", "/payment/query"):
        told = await post(hakika, path, {"checkoutRequestID": checkout_id, "transactionId": "txn_1"})
        assert (told["status"], told["resultCode"], told["transactionId"]) == (status, code, "txn_1")


async def test_a_phone_that_was_asked_all_day_is_left_alone(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Open to anyone, a phone is asked as rarely as on the public checkout: what is stored counts, not a process."""
    monkeypatch.setattr("hakika.api.compat.PUSH_ANSWERED_WITHIN_MS", 0)
    settings = settings_for(sqlite_url, tmp_path, open_compat_routes="i-know-anyone-can-ring-phones")
    phone, stranger = unused_phone(), "203.0.113.9"

    async def ask(hakika: Open, number: int, **headers: Any) -> httpx2.Response:
        body = {"order_id": f"o-{number}", "phone": phone, "amount": number}
        return await hakika.visit(stranger, headers).post(INITIATE, json=body)

    async with open_house(settings) as hakika:
        for number in range(1, 13):
            assert (await ask(hakika, number)).status_code == 202
            await hakika.worker.run_once()
            await call_back(hakika, callback_of(hakika, 1032))
            hakika.clock.pass_s(600)
        now_ms = hakika.clock.now_ms
    async with open_house(settings) as hakika:
        hakika.clock.now_ms = now_ms
        refused = await ask(hakika, 13)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert int(refused.headers["Retry-After"]) > 0
        assert (await ask(hakika, 14, Authorization=hakika.api.headers["Authorization"])).status_code == 202
        hakika.clock.pass_s(24 * 3600)
        assert (await ask(hakika, 15)).status_code == 202


def callback_of(hakika: Open, code: int) -> str:
    """What Safaricom posts about the newest push."""
    stk = {"CheckoutRequestID": f"ws_CO_{len(hakika.daraja.pushes)}", "ResultCode": code, "ResultDesc": "by user"}
    return json.dumps({"Body": {"stkCallback": {"MerchantRequestID": "29115-1", **stk}}})
