"""The clients of the integrations that Hakika replaces, each with its own example, keep working."""

import asyncio
import json
from typing import Any

import pytest

from hakika.api.compat_shapes import UNSURE
from hakika.daraja.protocol import QueryOutcome
from hakika.domain.evidence import PushAccepted, PushLost, PushRefused
from hakika.domain.payment import Status
from tests.api.clients import INITIATE, TRACKED, answered_with, call_back, end, get, initiate, local, post
from tests.api.house import Open, result
from tests.api.test_wait import until_watched

pytestmark = pytest.mark.anyio
CHECKOUT_ID = "ws_CO_191220191020363925"
# Seed 001's callback, which 003's notifications are about as well.
PAID = """{
  "Body": {
    "stkCallback": {
      "MerchantRequestID": "29115-34620561-1",
      "CheckoutRequestID": "ws_CO_191220191020363925",
      "ResultCode": 0,
      "ResultDesc": "The service request is processed successfully.",
      "CallbackMetadata": {
        "Item": [
          {"Name": "Amount", "Value": 1},
          {"Name": "MpesaReceiptNumber", "Value": "NLJ7RT61SV"},
          {"Name": "TransactionDate", "Value": 20191219102115},
          {"Name": "PhoneNumber", "Value": 254708374149}
        ]
      }
    }
  }
}"""


# ── seed 001: initiate and status ──────────────────────────────


async def test_seed_001_initiates_as_with_daraja_and_polls_the_order(hakika: Open) -> None:
    """Daraja's CheckoutRequestID comes back; the status is pending, then completed with M-Pesa's receipt."""
    answered_with(hakika, lambda at_ms, attempt: PushAccepted(at_ms, attempt, CHECKOUT_ID, "29115-34620561-1"))
    answer = await initiate(hakika, order_id="abc123")
    assert answer.status_code == 200
    started = answer.json()
    assert {name: started[name] for name in ("MerchantRequestID", "CheckoutRequestID", "ResponseCode")} == {
        "MerchantRequestID": "29115-34620561-1",
        "CheckoutRequestID": CHECKOUT_ID,
        "ResponseCode": "0",
    }
    assert started["CustomerMessage"] == "Success. Request accepted for processing"
    assert await get(hakika, "/api/v1/payments/abc123/status") == {"status": "pending", "transactionId": ""}
    await call_back(hakika, PAID)
    assert await get(hakika, "/api/v1/payments/abc123/status") == {
        "status": "completed",
        "transactionId": "NLJ7RT61SV",
    }


async def test_seed_004s_names_for_the_same_request_work(hakika: Open) -> None:
    """`phoneNumber`, `accountReference` and `transactionDesc`, and Daraja's own, numbers and all."""
    asked = {"phoneNumber": "254708374149", "amount": 1, "accountReference": "TEST-USER-001"}
    asking = asyncio.create_task(
        local(hakika).post(INITIATE, json=asked | {"transactionDesc": "Test WiFi Package", "more": "ignored"})
    )
    await until_watched(hakika, 1)
    await hakika.worker.run_once()
    assert (await asking).json()["CheckoutRequestID"] == "ws_CO_1"
    asked = {"PhoneNumber": 254708374150, "Amount": 1, "AccountReference": 1042}
    asking = asyncio.create_task(local(hakika).post(INITIATE, json=asked))
    await until_watched(hakika, 1)
    await hakika.worker.run_once()
    assert (await asking).json()["order_id"] == "1042"


async def test_an_unknown_order_is_not_found(hakika: Open) -> None:
    """404, with seed 001's `detail`."""
    answer = await local(hakika).get("/api/v1/payments/nobody/status")
    assert (answer.status_code, answer.json()["detail"]) == (404, "Order not found")


@pytest.mark.parametrize(
    ("status", "read"),
    [
        (Status.PENDING, "pending"),
        (Status.COMPLETED, "completed"),
        (Status.FAILED, "failed"),
        (Status.CANCELLED, "failed"),
        (Status.EXPIRED, "failed"),
        (Status.MISPAID, "pending"),
        (Status.UNRESOLVED, "pending"),
        (Status.REVERSED, "failed"),
    ],
)
async def test_each_status_in_each_seeds_words(hakika: Open, status: Status, read: str) -> None:
    """Three words for 000, 001 and 003; ours for 004. Only `completed` brings a receipt or the result code 0."""
    checkout_id = (await initiate(hakika, amount=100)).json()["CheckoutRequestID"]
    if status is not Status.PENDING:
        await end(hakika, status)
    order = await get(hakika, "/api/v1/payments/order-1/status")
    assert (order["status"], bool(order["transactionId"])) == (read, status is Status.COMPLETED)
    assert (await get(hakika, f"/payment/status/{checkout_id}"))["payment_status"] == read
    assert (await get(hakika, f"/payment/wait/{checkout_id}?timeout=0"))["payment_status"] == read
    assert (await post(hakika, "/api/payments/mpesa/query", {"order_id": "order-1"}))["status"] == read
    pushed = await post(hakika, "/payment/query", {"checkoutRequestID": checkout_id})
    assert (pushed["status"], pushed["resultCode"] == 0) == (status, status is Status.COMPLETED)


async def test_an_orders_status_is_that_of_its_completed_payment_else_of_its_latest(hakika: Open) -> None:
    """A retry that is under way is what counts; money that came for the first attempt counts before it."""
    await initiate(hakika)
    first = hakika.daraja.pushes[-1].callback_url.removeprefix("https://pay.example.com")
    await call_back(hakika, result("ws_CO_1", code=1032))
    assert (await get(hakika, "/api/v1/payments/order-1/status"))["status"] == "failed"
    hakika.clock.pass_s(121)
    await initiate(hakika)
    assert (await get(hakika, "/api/v1/payments/order-1/status"))["status"] == "pending"
    await hakika.post(first, result("ws_CO_1", amount=1))
    assert (await get(hakika, "/api/v1/payments/order-1/status"))["status"] == "completed"


async def test_a_refused_push_is_said_plainly(hakika: Open) -> None:
    """Seed 004's error fields in a problem document; the order has failed and may be asked for again."""
    answered_with(
        hakika,
        lambda at_ms, attempt: PushRefused(at_ms, attempt, "400.002.02", "Bad Request - Invalid PhoneNumber"),
    )
    answer = await initiate(hakika)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (502, "prompt_refused")
    assert (problem["errorCode"], problem["errorMessage"]) == ("400.002.02", "Bad Request - Invalid PhoneNumber")
    assert problem["requestId"] == problem["payment"]
    assert (await get(hakika, "/api/v1/payments/order-1/status"))["status"] == "failed"


async def test_an_unsure_push_never_invites_a_second_try(hakika: Open) -> None:
    """202 without a CheckoutRequestID, in words that forbid it; who tries all the same is refused."""
    answered_with(hakika, lambda at_ms, attempt: PushLost(at_ms, attempt, "timed out"))
    answer = await initiate(hakika)
    told = answer.json()
    assert (answer.status_code, told["status"], told["CheckoutRequestID"], told["ResponseCode"]) == (
        *(202, "pending", None, None),
    )
    assert told["CustomerMessage"] == UNSURE
    assert "Do not ask again" in UNSURE
    again = await local(hakika).post(INITIATE, json={"order_id": "order-1", "phone": "0708374149", "amount": 1})
    assert (again.status_code, again.json()["code"]) == (409, "reference_in_use")
    assert len(hakika.daraja.pushes) == 1


async def test_a_push_that_takes_too_long_is_answered_before_clients_give_up(hakika: Open) -> None:
    """After 25 s: not known yet; the push still goes out, once."""
    asking = asyncio.create_task(
        local(hakika).post(INITIATE, json={"order_id": "order-1", "phone": "0708374149", "amount": 1})
    )
    await until_watched(hakika, 1)
    hakika.clock.pass_s(24)
    assert not asking.done()
    hakika.clock.pass_s(1)
    answer = await asking
    assert (answer.status_code, answer.json()["CustomerMessage"]) == (202, UNSURE)
    await hakika.worker.run_once()
    assert len(hakika.daraja.pushes) == 1
    assert (await get(hakika, "/payment/status/ws_CO_1"))["payment_status"] == "pending"


# ── seed 000: the query of an order ──────────────────────────────


async def test_seed_000s_query_asks_daraja(hakika: Open) -> None:
    """Its own curl line, with the token of its app: found paid, though no callback came."""
    await initiate(hakika, order_id="YOUR_ORDER_ID")
    hakika.daraja.code = "0"
    answer = await local(hakika).post(
        "/api/payments/mpesa/query",
        content='{"order_id": "YOUR_ORDER_ID"}',
        headers={"Authorization": "Bearer YOUR_TOKEN", "Content-Type": "application/json"},
    )
    assert answer.status_code == 200
    assert answer.json() == {
        "order_id": "YOUR_ORDER_ID",
        "status": "completed",
        "transactionId": "",
        "resultCode": 0,
        "resultDesc": "The service request is processed successfully.",
    }


async def test_a_client_that_polls_asks_daraja_now_and_then(hakika: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second for half a minute: three queries, and never an error."""
    await initiate(hakika)
    asked: list[str] = []
    query = hakika.daraja.query

    async def count(account: str, shortcode: Any, checkout_id: str, last_word: bool) -> QueryOutcome:
        asked.append(checkout_id)
        return await query(account, shortcode, checkout_id, last_word)

    monkeypatch.setattr(hakika.daraja, "query", count)
    for _ in range(30):
        assert (await post(hakika, "/api/payments/mpesa/query", {"order_id": "order-1"}))["status"] == "pending"
        hakika.clock.pass_s(1)
    assert len(asked) == 3


async def test_where_nothing_can_be_asked_the_state_is_told(hakika: Open) -> None:
    """A push whose answer was lost has no CheckoutRequestID: still pending, no error."""
    answered_with(hakika, lambda at_ms, attempt: PushLost(at_ms, attempt, "timed out"))
    await initiate(hakika)
    assert (await post(hakika, "/api/payments/mpesa/query", {"order_id": "order-1"}))["status"] == "pending"


# ── seed 004: the query of a push ──────────────────────────────


@pytest.mark.parametrize("path", ["/api/payment/query", "/payment/query"])
async def test_seed_004s_query_settles_a_payment(hakika: Open, path: str) -> None:
    """Its own body; result code 0 and the fields that it stores, then the callback's receipt."""
    answered_with(
        hakika, lambda at_ms, attempt: PushAccepted(at_ms, attempt, "ws_CO_17112025120000123456789", "29115-1")
    )
    await initiate(hakika, phone="254712345678", amount=50)
    body = {"checkoutRequestID": "ws_CO_17112025120000123456789", "transactionId": "txn_1763416039818_zjrnyzg53x"}
    assert await post(hakika, path, body) == {
        **body,
        "status": "pending",
        "resultCode": None,
        "resultDesc": "Waiting for the payer since 2026-09-21T14:13:20.000Z",
    }
    hakika.clock.pass_s(15)
    hakika.daraja.code = "0"
    settled = await post(hakika, path, body)
    assert (settled["status"], settled["resultCode"], settled["mpesaReceiptNumber"]) == ("completed", 0, None)
    callback = json.loads(result("ws_CO_17112025120000123456789", amount=50, receipt="RKL1234ABC"))
    callback["Body"]["stkCallback"]["CallbackMetadata"]["Item"][3]["Value"] = 20251117120530
    await call_back(hakika, json.dumps(callback))
    told = await post(hakika, path, body)
    assert {name: told[name] for name in ("mpesaReceiptNumber", "amount", "phoneNumber", "transactionDate")} == {
        "mpesaReceiptNumber": "RKL1234ABC",
        "amount": 50,
        "phoneNumber": 254712345678,
        "transactionDate": 20251117120530,
    }


async def test_seed_004_keeps_a_cancellation_apart_from_a_failure(hakika: Open) -> None:
    """`cancelled` with 1032, in the fields that it stores of an error."""
    checkout_id = (await initiate(hakika, amount=100)).json()["CheckoutRequestID"]
    await end(hakika, Status.CANCELLED)
    told = await post(hakika, "/api/payment/query", {"checkoutRequestID": checkout_id, "transactionId": "txn_1"})
    assert (told["status"], told["resultCode"], told["errorCode"]) == ("cancelled", 1032, 1032)
    assert told["errorMessage"] == told["resultDesc"] == "The service request is processed successfully."


@pytest.mark.parametrize("checkout_id", ["ws_CO_unknown", "%00", "a%20b", "x" * 200])
async def test_an_unknown_push_is_not_found(shared: Open, checkout_id: str) -> None:
    """404 whatever it is called, and no wait for it."""
    for path in ("status", "wait"):
        answer = await local(shared).get(f"/payment/{path}/{checkout_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (INITIATE, {"order_id": "o", "phone": "0708374149"}),
        (INITIATE, {"order_id": "", "phone": "0708374149", "amount": 1}),
        (INITIATE, {"order_id": "o", "phone": "0708374149", "amount": 1.5}),
        (INITIATE, {"order_id": "o", "phone": "12", "amount": 1}),
        (INITIATE, {"order_id": ["o"], "phone": "0708374149", "amount": 1}),
        ("/payment/register", TRACKED | {"checkout_request_id": "a b"}),
        ("/payment/query", {"transactionId": "t"}),
        ("/api/payments/mpesa/query", []),
    ],
)
async def test_a_wrong_body_is_a_problem(shared: Open, path: str, body: object) -> None:
    """422 as everywhere, naming the field; nothing is stored."""
    before = await shared.checks()
    answer = await local(shared).post(path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert await shared.checks() == before
