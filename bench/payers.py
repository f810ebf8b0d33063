"""Payers, the pages that they look at, Daraja and a merchant's receiver: all that is around a server, in one process.

One clock takes all times. Payments are asked for at a fixed rate, whatever the answers take. Each prompt is answered
after a second; by then a page waits for it, half of them on a stream.
"""

import asyncio
import gc
import json
import sys
import time
from typing import Any

import msgspec
import uvloop

from bench.wire import Lines, build_request, listen

ANSWERS_AFTER_S = 1.0
LATE_S = 20.0  # after the last payment: what has not come by then is missing
CONNECTIONS = 32
ACCEPTED = b'"CustomerMessage":"Success","ResponseCode":"0","ResponseDescription":"Success"'


class Page(asyncio.Protocol):
    """Waits for one payment on a connection of its own, as a browser does."""

    def __init__(self, request: bytes, told: "asyncio.Future[int]") -> None:
        self._request, self._told = request, told
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport = transport
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Note when the outcome came."""
        if b'"status":"completed"' in data and not self._told.done():
            self._told.set_result(time.monotonic_ns())
            self._transport.close()


class Around:
    """All that is around the servers. Each payment's times are kept by its reference."""

    def __init__(self, key: str) -> None:
        self._authorization = f"Authorization: Bearer {key}\r\n"
        self._called_back: dict[str, int] = {}
        self._heard: dict[str, int] = {}  # by the payment's id
        self._callbacks: set[asyncio.Task[None]] = set()
        self._ids: dict[str, str] = {}
        self._all_heard, self._count = asyncio.Event(), 0
        self._told: dict[str, asyncio.Future[int]] = {}

    # ── Daraja ──────────────────────────────

    def answer_daraja(self, _: int, head: bytes, body: bytes) -> bytes:
        """Give a token, or accept a push: then its payer answers."""
        if head.startswith(b"GET"):
            return b'{"access_token":"bench","expires_in":"3599"}'
        if b"/stkpushquery/" in head:
            return b'{"ResponseCode":"0","ResultCode":"4999","ResultDesc":"The transaction is still under processing"}'
        push = msgspec.json.decode(body)
        reference, url = push["AccountReference"], push["CallBackURL"]
        asyncio.get_running_loop().call_later(ANSWERS_AFTER_S, self._answer_prompt, reference, url)
        return b'{%b,"CheckoutRequestID":"ws_CO_%b","MerchantRequestID":"1-2-3"}' % (ACCEPTED, reference.encode())

    def _answer_prompt(self, reference: str, url: str) -> None:
        task = asyncio.ensure_future(self._call_back(reference, url))
        self._callbacks.add(task)
        task.add_done_callback(self._callbacks.discard)

    async def _call_back(self, reference: str, url: str) -> None:
        body = build_callback(f"ws_CO_{reference}", f"UK{int(reference[5:]):08d}")
        answer = await self._asked.ask(build_request("POST", "/" + url.split("/", 3)[3], body=body))
        assert answer.status == 200, answer
        self._called_back[reference] = answer.sent_ns

    # ── the merchant ──────────────────────────────

    def hear(self, began_ns: int, _: bytes, body: bytes) -> bytes:
        """Take a webhook."""
        self._heard.setdefault(msgspec.json.decode(body)["payment"], began_ns)
        if len(self._heard) == self._count:
            self._all_heard.set()
        return b"ok"

    async def add_endpoint(self, port: int, receiver: int) -> None:
        """Have the outcomes delivered."""
        body = json.dumps({"url": f"http://127.0.0.1:{receiver}/hook", "event_types": ["payment.completed"]}).encode()
        answer = await Lines(port, 1).ask(build_request("POST", "/v1/endpoints", self._authorization, body))
        assert answer.status == 201, answer

    # ── the payers ──────────────────────────────

    async def pay(self, asked_at: int, waited_at: int, rate: int, count: int) -> dict[str, list[float]]:
        """Have payments made at one server and waited for at another. → ms from the callback to each who waits."""
        self._asked, self._waited_at, self._count = Lines(asked_at, CONNECTIONS), waited_at, count
        started = time.monotonic()
        paying = []
        for place in range(count):
            await asyncio.sleep(max(0.0, started + place / rate - time.monotonic()))
            paying.append(asyncio.ensure_future(self._pay(place)))
        await asyncio.gather(*paying)
        async with asyncio.timeout(LATE_S):
            await self._all_heard.wait()
        return self._measure()

    async def _pay(self, place: int) -> None:
        reference = f"live-{place}"
        body = json.dumps({"amount": 100, "phone": f"2547{place:08d}", "reference": reference}).encode()
        answer = await self._asked.ask(build_request("POST", "/v1/payments", self._authorization, body))
        assert answer.status == 201, answer
        self._ids[reference] = payment = msgspec.json.decode(answer.body)["id"]
        told = self._told[reference] = asyncio.get_running_loop().create_future()
        path = f"/v1/payments/{payment}/" + ("stream" if place % 2 else "wait?timeout=60")
        request = build_request("GET", path, self._authorization)
        await asyncio.get_running_loop().create_connection(lambda: Page(request, told), "127.0.0.1", self._waited_at)
        async with asyncio.timeout(ANSWERS_AFTER_S + LATE_S):
            await told

    def _measure(self) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {"wait": [], "stream": [], "webhook": []}
        for reference, called_back_ns in self._called_back.items():
            took_ms = (self._told[reference].result() - called_back_ns) / 1e6
            found["stream" if int(reference[5:]) % 2 else "wait"].append(took_ms)
            found["webhook"].append((self._heard[self._ids[reference]] - called_back_ns) / 1e6)
        return found


def build_callback(checkout_request_id: str, receipt: str) -> bytes:
    """A payer has paid KES 100."""
    given = {"Amount": 100.0, "MpesaReceiptNumber": receipt, "TransactionDate": 20261121093012}
    given["PhoneNumber"] = 254712345678
    items = [{"Name": name, "Value": value} for name, value in given.items()]
    told = {"MerchantRequestID": "1-2-3", "CheckoutRequestID": checkout_request_id, "ResultCode": 0}
    told |= {"ResultDesc": "The service request is processed successfully.", "CallbackMetadata": {"Item": items}}
    return msgspec.json.encode({"Body": {"stkCallback": told}})


def say(document: Any) -> None:
    """Tell the bench, on a line."""
    print(json.dumps(document), flush=True)


async def hear_bench() -> Any:
    """What the bench says, on a line."""
    return json.loads(await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline))


async def main() -> None:
    """Listen, say where, be told the servers, and measure."""
    key = (await hear_bench())["key"]
    around = Around(key)
    receiver = await listen(around.hear)
    say({"daraja": await listen(around.answer_daraja)})
    told = await hear_bench()
    await around.add_endpoint(told["asked_at"], receiver)
    gc.disable()  # its pauses would be the server's
    say(await around.pay(told["asked_at"], told["waited_at"], told["rate"], told["count"]))


if __name__ == "__main__":
    uvloop.run(main())
