"""The proxies of deploy/, run for real in front of a real server: what reaches it, and what reaches its clients."""

import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect

from tests.cli.machine import Machine
from tests.deploy.conftest import API_KEY
from tests.deploy.proxies import PAYER, Front

pytestmark = pytest.mark.anyio
SAFARICOM = "196.201.212.69"
ACCEPTED = {"ResultCode": 0, "ResultDesc": "Accepted"}
KEY = {"Authorization": f"Bearer {API_KEY}"}
FORGED = {
    "X-Forwarded-For": SAFARICOM,
    "X-Real-IP": SAFARICOM,
    "Forwarded": f"for={SAFARICOM}",
    "True-Client-IP": SAFARICOM,
}
Server = tuple[Machine, str]
_numbers = count(1)


@asynccontextmanager
async def visiting(front: Front, headers: dict[str, str] | None = None) -> AsyncIterator[httpx2.AsyncClient]:
    """A client from another address than the proxy's."""
    transport = httpx2.AsyncHTTPTransport(verify=front.trust, local_address=PAYER)
    async with httpx2.AsyncClient(transport=transport, base_url=front.url, headers=headers, timeout=20) as client:
        yield client


def callback(checkout_request_id: str, size: int = 0) -> bytes:
    """A success, padded to that size."""
    items = [{"Name": "Amount", "Value": 10}, {"Name": "MpesaReceiptNumber", "Value": f"UKL{next(_numbers):07}"}]
    result = {
        "MerchantRequestID": "1",
        "CheckoutRequestID": checkout_request_id,
        "ResultCode": 0,
        "ResultDesc": "ok",
        "CallbackMetadata": {"Item": items},
    }
    body = json.dumps({"Body": {"stkCallback": result}}).encode()
    return body + b" " * (size - len(body))


def look_up(server: Server, column: str, payment_id: str) -> str:
    """What the database says of a payment."""
    with contextlib.closing(sqlite3.connect(server[0].directory / "hakika.db")) as database:
        row = database.execute(f"SELECT {column} FROM payments WHERE id = ?", (payment_id,)).fetchone()  # noqa: S608
        return str(row[0])


async def hear(lines: AsyncIterator[str], kind: str) -> dict[str, Any]:
    """The data of the next message of that kind."""
    named = False
    async for line in lines:
        if line.startswith("event: "):
            named = line == f"event: {kind}"
        elif named and line.startswith("data: "):
            return dict(json.loads(line[6:]))
    raise AssertionError("the stream ended")


async def test_a_payment_through_the_proxy(front: Front, server: Server) -> None:
    """Asked, called back and heard of at once, by stream and WebSocket; who posted is known, and cannot lie."""
    trust: dict[str, Any] = {"ssl": front.trust} if front.url.startswith("https") else {}
    async with (
        visiting(front, KEY) as client,
        client.stream("GET", "/v1/events/stream?stages=1") as stream,
        connect(
            front.websocket_url + "/v1/events/ws", additional_headers=KEY, local_addr=(PAYER, 0), **trust
        ) as socket,
    ):
        assert json.loads(await socket.recv())["object"] == "hello"
        lines = stream.aiter_lines()
        assert (await anext(lines)).startswith("retry")  # before anything happened
        number = next(_numbers)
        body = {"amount": 10, "phone": f"2547123456{number:02}", "reference": f"{front.name}-{number}"}
        asked = (await client.post("/v1/payments", json=body)).json()
        assert (await hear(lines, "payment.created"))["payment"] == asked["id"]
        assert json.loads(await socket.recv())["type"] == "payment.created"
        while (await hear(lines, "payment.stage"))["data"]["stage"] != "prompted":
            pass
        posted = await client.post(
            f"/c/{look_up(server, 'token', asked['id'])}",
            content=callback(look_up(server, "checkout_request_id", asked["id"])),
            headers=FORGED,
        )
        assert (posted.status_code, posted.json()) == (200, ACCEPTED)
        assert (await hear(lines, "payment.completed"))["payment"] == asked["id"]
        assert json.loads(await socket.recv())["type"] == "payment.completed"
        told = (await client.get(f"/v1/payments/{asked['id']}/timeline")).json()
    called = next(one for one in told["data"] if one["kind"] == "callback")
    assert called["origin"]["remote"] == PAYER
    assert called["reading"]["flags"] == ["foreign_ip"]


def parked(server: Server) -> list[dict[str, Any]]:
    """What came about no payment that is known, the newest first."""
    return list(server[0].ask("quarantine", "list")[1]["data"])


async def test_no_callback_is_too_long(front: Front, server: Server) -> None:
    """70 kB is more than Hakika reads, 900 kB far more: 200 and kept all the same, never a proxy's own 413."""
    async with visiting(front) as client:
        for size in (70_000, 900_000):
            posted = await client.post("/mpesa/callback", content=callback(f"ws_CO_{front.name}_{size}", size))
            assert (posted.status_code, posted.json()) == (200, ACCEPTED)
    kept = {row["checkout_request_id"]: row["origin"] for row in parked(server)}
    for size in (70_000, 900_000):
        origin = kept.get(f"ws_CO_{front.name}_{size}") or kept[""]  # cut off, it may be unreadable
        assert (origin["remote"], origin["truncated"]) == (PAYER, True)


async def test_an_address_from_outside_counts_for_nothing(front: Front, server: Server) -> None:
    """Whatever a caller writes into any header of that kind, in one line or many: it is who it is."""
    async with visiting(front) as client:
        for number, headers in enumerate(([*FORGED.items()], [("X-Forwarded-For", SAFARICOM)] * 2)):
            name = f"ws_CO_forged_{front.name}_{number}"
            request = client.build_request("POST", "/mpesa/callback", content=callback(name), headers=headers)
            assert (await client.send(request)).status_code == 200
    kept = {row["checkout_request_id"]: row["origin"]["remote"] for row in parked(server)}
    assert {kept[f"ws_CO_forged_{front.name}_{number}"] for number in (0, 1)} == {PAYER}


@pytest.mark.parametrize("path", ["/v1/no/such%2Fthing//here/?a=b%20c", "/v1/payments/", "/no/../such/./thing"])
async def test_paths_are_kept(front: Front, server: Server, path: str) -> None:
    """What was asked for reaches the server as it was asked for: it answers the same with and without the proxy."""
    async with visiting(front, KEY) as behind, httpx2.AsyncClient(base_url=server[1], headers=KEY) as bare:
        answers = [await client.send(_exact(client, path)) for client in (behind, bare)]
    assert answers[0].status_code == answers[1].status_code
    assert answers[0].json() == answers[1].json()


def _exact(client: httpx2.AsyncClient, path: str) -> httpx2.Request:
    """A request for exactly these bytes."""
    request = client.build_request("GET", "/")
    request.url = request.url.copy_with(raw_path=path.encode())
    return request


async def test_nobody_is_this_machine_who_was_handed_on(front: Front) -> None:
    """What is open to programs on the server's own machine is closed to whoever comes through the proxy."""
    async with visiting(front, {"Host": "localhost"} if front.name == "nginx" else {}) as client:
        body = {"order_id": "1", "phone": "254712345678", "amount": 10}
        if not PAYER.startswith("127."):
            assert (await client.post("/api/v1/payments/mpesa/initiate", json=body)).status_code == 401
        assert (await client.get("/v1/payments")).status_code == 401
        assert (await client.get("/metrics")).status_code in {401, 403}
        assert (await client.get("/health")).json()["status"] == "ok"


async def test_no_secret_is_logged_by_the_proxy(front: Front) -> None:
    """The tokens of callbacks and of replies, and a payer's secret, stand in addresses: the log has none of them."""
    async with visiting(front) as client:
        await client.post("/c/0123456789abcdefsecret", content=b"{}")
        await client.post("/m/0123456789abcdefsecret", data={"from": "+254712345678", "text": "hello"})
        await client.get("/v1/payments/pay_1?client_secret=pcs_verysecret")
    logged = front.log.read_text(encoding="utf-8") if front.log.exists() else ""
    assert "secret" not in logged
    if front.name == "nginx":
        assert f"{PAYER} [" in logged
        assert "POST /c/- 200" in logged


async def test_who_comes_without_tls_is_sent_on(front: Front) -> None:
    """Plain http is answered with the same address in https, and whatever was to be posted is posted there again."""
    if front.name != "nginx":
        return  # Caddy does so by itself
    text = (front.log.parent / "hakika.conf").read_text(encoding="utf-8")
    port = text.partition("listen 127.0.0.1:")[2].partition(";")[0]
    async with httpx2.AsyncClient() as client:
        answer = await client.post(
            f"http://127.0.0.1:{port}/c/abc?x=1", content=b"{}", headers={"Host": "pay.example.com"}
        )
    assert (answer.status_code, answer.headers["location"]) == (308, "https://pay.example.com/c/abc?x=1")
