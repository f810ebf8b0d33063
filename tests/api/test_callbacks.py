"""What Safaricom, and everybody else, may post: always accepted, rightly judged, never an error."""

import asyncio
import json
import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote

import pytest

from hakika.api.callbacks import BODY_LIMIT_BYTES, OPEN_PATHS
from hakika.engine.intake import UNREADABLE_KEPT_BYTES
from hakika.store.evidence import list_evidence, list_quarantine
from hakika.store.quarantine import thin_quarantine
from tests.api.house import ACCEPTED, Open, result, unused_phone

pytestmark = pytest.mark.anyio
NONSENSE: dict[str, bytes] = {
    "empty": b"",
    "not UTF-8": b"\xff\xfe\x00{",
    "not JSON": b"<html>503</html>",
    "cut short": result("ws_CO_1").encode()[:-20],
    "deep": b'{"a":' * 12_000,
    "deep array": b"[" * 60_000,
    "huge int": b'{"Body":{"stkCallback":{"CheckoutRequestID":"ws_CO_nobody","ResultCode":' + b"9" * 5_000 + b"}}}",
    "NaN": b'{"Body":{"stkCallback":{"CheckoutRequestID":"ws_CO_nobody","ResultCode":NaN}}}',
    "null": b"null",
    "a list": b"[1,2]",
    "a string": b'"ResultCode"',
    "NUL": b"\x00" * 100,
    "escaped NUL": b'{"Body":{"stkCallback":{"CheckoutRequestID":"a\\u0000b","ResultCode":0,"ResultDesc":"\\u0000"}}}',
    "half a character": b'{"Body":{"stkCallback":{"CheckoutRequestID":"\\ud800","ResultCode":0}}}',
    "gzip": b"\x1f\x8b\x08\x00" + b"\x00" * 60,
    "no code": b'{"Body":{"stkCallback":{"CheckoutRequestID":"ws_CO_nobody"}}}',
}


def is_accepted(answer: Any) -> bool:
    """Whether Safaricom gets the answer that it knows."""
    return (answer.status_code, answer.content) == (200, ACCEPTED)


async def test_each_documented_result_ends_its_payment(hakika: Open) -> None:
    """Number or string, the code decides: paid, cancelled, expired, failed."""
    outcomes = [(0, "completed"), ("0", "completed"), (1032, "cancelled"), ("1032", "cancelled"), (1037, "expired")]
    outcomes += [(1, "failed"), (2001, "failed"), ("SFC_IC0003", "failed"), (4999, "pending"), (424242, "pending")]
    for number, (code, status) in enumerate(outcomes, 1):
        payment, path = await hakika.prompt(reference=f"order-{number}", phone=f"2547123456{number:02}")
        assert is_accepted(await hakika.post(path, result(f"ws_CO_{number}", code=code, receipt=f"NLJ7RT6{number:03}")))
        assert (await hakika.read(payment["id"]))["status"] == status, code


async def test_copies_change_nothing(hakika: Open) -> None:
    """Four times the same bytes: one event, one piece of evidence that counts its copies."""
    payment, path = await hakika.prompt()
    answers = await asyncio.gather(*(hakika.post(path, result("ws_CO_1")) for _ in range(4)))
    assert all(map(is_accepted, answers))
    assert (await hakika.events(payment["id"]))["payment.completed"] == 1
    told = [entry for entry in await hakika.timeline(payment["id"]) if entry["kind"] == "callback"]
    assert [entry["copies"] for entry in told] == [4]


async def test_fields_more_and_fewer_do_no_harm(hakika: Open) -> None:
    """Unknown fields, another order, no Balance value, no date, no phone: paid all the same."""
    _, path = await hakika.prompt()
    body = json.loads(result("ws_CO_1"))
    callback = body["Body"]["stkCallback"]
    items = callback["CallbackMetadata"]["Item"]
    callback["CallbackMetadata"]["Item"] = [{"Name": "New", "Value": {"x": 1}}, items[1], items[2], items[0]]
    callback["Surprise"] = {"deep": [1, 2, 3]}
    assert is_accepted(await hakika.post(path, json.dumps(body | {"Extra": None})))
    paid = (await hakika.api.get("/v1/payments?receipt=NLJ7RT61SV")).json()["data"]
    assert [one["status"] for one in paid] == ["completed"]


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE)
async def test_nonsense_is_kept_and_harmless(shared: Open, body: bytes) -> None:
    """On a payment's own path it is evidence that says nothing; on an open path it is quarantined."""
    payment, path = await shared.prompt(phone=(phone := unused_phone()), reference=phone)
    assert is_accepted(await shared.post(path, body, Content_Encoding="gzip", Content_Type="text/plain"))
    assert is_accepted(await shared.post("/mpesa/callback", body))
    assert (await shared.read(payment["id"]))["status"] == "pending"
    kept = await shared.house.store.read(lambda tx: list_evidence(tx, payment["id"]))
    parked = await shared.house.store.read(lambda tx: list_quarantine(tx, 100))
    assert body in [piece.raw or b"" for piece in kept], "it is kept as it came"
    assert {body, body[:UNREADABLE_KEPT_BYTES]} & {piece.raw or b"" for piece in parked}, "and seen"
    assert (await shared.checks())["spooled_callbacks"] == 0, "none of it needed the spool"


async def test_success_with_an_unreadable_amount_is_not_believed(hakika: Open) -> None:
    """It is no proof of any amount: still pending, and a query decides."""
    payment, path = await hakika.prompt()
    assert is_accepted(await hakika.post(path, result("ws_CO_1", amount=[100])))
    assert (await hakika.read(payment["id"]))["status"] == "pending"


async def test_success_without_a_receipt_completes(hakika: Open) -> None:
    """The item has no Value: paid, with the receipt to come."""
    payment, path = await hakika.prompt()
    body = json.loads(result("ws_CO_1"))
    del body["Body"]["stkCallback"]["CallbackMetadata"]["Item"][1]["Value"]
    assert is_accepted(await hakika.post(path, json.dumps(body)))
    paid = await hakika.read(payment["id"])
    assert (paid["status"], paid["receipt"]) == ("completed", None)


async def test_one_shilling_for_a_hundred_does_not_settle(hakika: Open) -> None:
    """It is mispaid, with the amount received."""
    payment, path = await hakika.prompt()
    await hakika.post(path, result("ws_CO_1", amount=1))
    paid = await hakika.read(payment["id"])
    assert (paid["status"], paid["amount_received"]) == ("mispaid", 1)


@pytest.mark.parametrize("size", [BODY_LIMIT_BYTES, BODY_LIMIT_BYTES + 1, 5_000_000])
async def test_large_bodies_are_cut_and_flagged(hakika: Open, size: int) -> None:
    """64 KiB are kept as they came; of more, the first 64 KiB, flagged, with 200: 413 would lose it."""
    payment, path = await hakika.prompt()
    body = result("ws_CO_1").encode()
    body += b" " * (size - len(body))
    assert is_accepted(await hakika.post(path, body))
    kept = next(one for one in await hakika.timeline(payment["id"]) if one["kind"].startswith("callback"))
    over = size > BODY_LIMIT_BYTES
    assert ("truncated" in kept["reading"].get("flags", [])) == over
    evidence = await hakika.house.store.read(lambda tx: list_evidence(tx, payment["id"]))
    raw = next(piece.raw for piece in evidence if piece.source == "callback")
    assert raw == body[:BODY_LIMIT_BYTES]


async def test_a_callback_may_come_before_the_pushs_answer(hakika: Open) -> None:
    """The token finds the payment although nobody knows its CheckoutRequestID yet."""
    asked = await hakika.ask()
    push = hakika.daraja.push

    async def overtaken(*arguments: Any) -> Any:
        path = arguments[2].callback_url.removeprefix("https://pay.example.com")
        assert is_accepted(await hakika.post(path, result("ws_CO_1")))
        return await push(*arguments)

    hakika.daraja.push = overtaken  # type: ignore[method-assign,assignment]
    await hakika.worker.run_once()
    paid = await hakika.read(asked["id"])
    assert (paid["status"], paid["checkout_request_id"], paid["receipt"]) == ("completed", "ws_CO_1", "NLJ7RT61SV")


async def test_another_payments_token_moves_nothing(hakika: Open) -> None:
    """A result that names one payment on the path of another is a claim about the one, nothing about the other."""
    first, _ = await hakika.prompt()
    second, path = await hakika.prompt(reference="order-2", phone="254712345679")
    assert is_accepted(await hakika.post(path, result("ws_CO_1")))
    assert [(await hakika.read(one["id"]))["status"] for one in (first, second)] == ["pending", "pending"]
    claims = [entry for entry in await hakika.timeline(first["id"]) if entry["kind"] == "callback"]
    assert [claim["reading"].get("trusted", False) for claim in claims] == [False]


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
async def test_open_paths_only_claim(lite: Open, path: str) -> None:
    """What comes without the token is kept, with and without a slash at the end, and settles nothing by itself."""
    payment, _ = await lite.prompt()
    assert is_accepted(await lite.post(path, result("ws_CO_1")))
    assert is_accepted(await lite.post(f"{path}/", result("ws_CO_1", code=1032)))
    assert (await lite.read(payment["id"]))["status"] == "pending"
    told = [entry for entry in await lite.timeline(payment["id"]) if entry["kind"] == "callback"]
    assert {entry["origin"]["path"].rstrip("/") for entry in told} == {path}


@pytest.mark.parametrize(
    "token",
    ["0" * 32, "x", "x" * 20_000, "a/b/c", "%00", "a%00b", "%2e%2e", "%F0%9F%98%80", "%ff", "'--", "..%2f..%2fetc", ""],
)
async def test_a_wrong_token_is_a_claim(shared: Open, token: str) -> None:
    """Unknown, enormous, encoded, NUL, empty: kept as a claim, nothing believed, nothing spooled."""
    payment, _ = await shared.prompt(phone=(phone := unused_phone()), reference=phone)
    assert is_accepted(await shared.post(f"/c/{token}", result(payment["checkout_request_id"])))
    assert is_accepted(await shared.post(f"/c/{token}", result("ws_CO_unknown")))
    assert (await shared.read(payment["id"]))["status"] == "pending"
    checks = await shared.checks()
    assert checks["spooled_callbacks"] == 0
    assert checks["quarantined"] >= 1


async def test_a_percent_encoded_token_is_the_token(lite: Open) -> None:
    """A proxy may encode what it passes on, or add a slash."""
    payment, path = await lite.prompt()
    encoded = "/c/" + "".join(f"%{ord(letter):02X}" for letter in path.removeprefix("/c/"))
    assert encoded != quote(path)
    assert is_accepted(await lite.post(f"{encoded}/", result("ws_CO_1")))
    assert (await lite.read(payment["id"]))["status"] == "completed"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_told_which_one(shared_lite: Open, method: str) -> None:
    """405 with `Allow: POST`, and nothing is kept: Safaricom posts."""
    for path in ("/c/abc", "/mpesa/callback"):
        answer = await shared_lite.visit().request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert (await shared_lite.checks())["quarantined"] == 0


async def test_a_sender_that_leaves_midway_leaves_what_it_sent(lite: Open) -> None:
    """The bytes that came are kept and flagged; of a whole result that is enough to query at once, not to believe."""
    payment, path = await lite.prompt()
    half = result("ws_CO_1").encode()[:200]
    coming: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": half, "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return coming.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "client": ("196.201.212.69", 1)}
    await lite.asgi(scope, receive, send)
    kept = next(entry for entry in await lite.timeline(payment["id"]) if entry["kind"] == "callback_unreadable")
    assert "truncated" in kept["reading"]["flags"]
    assert kept["raw"] == half.decode()
    assert (await lite.read(payment["id"]))["status"] == "pending"


async def test_the_quarantine_is_bounded(hakika: Open) -> None:
    """Strangers cannot fill the disk: the oldest beyond the limit are forgotten, the same bytes are counted once."""
    for number in range(12):
        await hakika.post("/mpesa/callback", result(f"ws_CO_unknown_{number % 10}"))
    assert (await hakika.checks())["quarantined"] == 10
    await hakika.house.store.write(lambda tx: thin_quarantine(tx, {"junk": 0, "foreign": 0, "known": 6_000}))
    assert 0 < (await hakika.checks())["quarantined"] < 10


async def test_the_seeds_health_route_answers(lite: Open) -> None:
    """In the words of the integrations that have one."""
    answer = (await lite.visit().get("/mpesa/callback/health")).json()
    assert (answer["status"], answer["endpoint"]) == ("healthy", "/mpesa/callback")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*", answer["timestamp"])


SEEDS = {
    # The curl body of seed 001.
    "/api/v1/payments/mpesa/callback": """{
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
  }""",
    # The curl body of seed 002.
    "/mpesa/callback": """{
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
  }""",
    # The request structure of seed 004, which its curl line posts from a file.
    "/api/payment/callback": """{"Body": {"stkCallback": {
      "MerchantRequestID": "29115-34620561-1", "CheckoutRequestID": "ws_CO_17112025120000123456789",
      "ResultCode": 0, "ResultDesc": "The service request is processed successfully.",
      "CallbackMetadata": {"Item": [
        {"Name": "Amount", "Value": 50}, {"Name": "MpesaReceiptNumber", "Value": "RKL1234ABC"}, {"Name": "Balance"},
        {"Name": "TransactionDate", "Value": 20251117120530}, {"Name": "PhoneNumber", "Value": 254712345678}]}}}}""",
}


@pytest.mark.parametrize(("path", "body"), SEEDS.items(), ids=SEEDS)
async def test_the_seeds_own_curl_bodies_work(hakika: Open, path: str, body: str) -> None:
    """Quarantined while nobody knows the push; a claim on the payment once it is registered; proven by a query."""
    checkout_id = json.loads(body)["Body"]["stkCallback"]["CheckoutRequestID"]
    assert is_accepted(await hakika.post(path, body))
    assert (await hakika.checks())["quarantined"] == 1
    amount = json.loads(body)["Body"]["stkCallback"]["CallbackMetadata"]["Item"][0]["Value"]
    push = {"checkout_request_id": checkout_id, "phone": "0712345678", "amount": amount, "reference": "order-7"}
    payment = (await hakika.api.post("/v1/payments/register", json=push)).json()
    assert (await hakika.checks())["quarantined"] == 0
    assert payment["status"] == "pending"
    hakika.daraja.code = "0"
    asked = (await hakika.api.post(f"/v1/payments/{payment['id']}/query")).json()
    assert (asked["status"], "receipt_claimed" in asked["flags"]) == ("completed", True)
