"""Live: a payment's own stream, the stream of all events; and what a browser's secret opens."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from hakika.api import stream
from hakika.api.stream import BEAT_MS, LASTS_MS, EventStream, as_message
from hakika.domain.errors import StoreUnavailable
from hakika.logs import mask_text
from hakika.store.events import read_head
from tests.api.house import API_KEY, Open, result
from tests.api.serving import listening

pytestmark = pytest.mark.anyio
KEY = {"Authorization": f"Bearer {API_KEY}"}
SHOP = "https://shop.example"


class Message(dict[str, str]):
    """One server-sent event: its fields; comments are not among them."""

    @property
    def body(self) -> dict[str, Any]:
        """Its data."""
        return dict(json.loads(self["data"]))


class Stream:
    """A stream that is read message by message."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer, self._lines, self.beats = answer, answer.aiter_lines(), 0

    async def next(self) -> Message:
        """The next message. Raises StopAsyncIteration at the end."""
        message = Message()
        while True:
            async with asyncio.timeout(10):
                line = await anext(self._lines)
            name, _, value = line.partition(": ")
            if line and name:
                message[name] = value
            elif line:
                self.beats += 1
            elif message and set(message) != {"retry"}:
                return message
            else:
                message = Message()


@asynccontextmanager
async def following(hakika: Open, path: str, headers: dict[str, str] | None = None) -> AsyncIterator[Stream]:
    """Open a stream on a real socket."""
    async with (
        listening(hakika.asgi) as origin,
        httpx2.AsyncClient(base_url=origin, timeout=20) as client,
        client.stream("GET", path, headers=KEY if headers is None else headers) as answer,
    ):
        yield Stream(answer)


# ── one payment ──────────────────────────────


async def test_a_payments_stream_tells_each_change_until_the_end(hakika: Open) -> None:
    """First the payment as it is, then each stage, then the outcome with its cursor, then `end`; then it is closed."""
    asked = await hakika.ask()
    async with following(hakika, f"/v1/payments/{asked['id']}/stream") as live:
        assert live.answer.headers["content-type"].startswith("text/event-stream")
        first = await live.next()
        assert (first["event"], first.body["stage"], "id" in first) == ("payment", "queued", False)
        await hakika.worker.run_once()
        assert [(await live.next()).body["stage"] for _ in range(2)] == ["sending", "prompted"]
        path = hakika.daraja.pushes[-1].callback_url.removeprefix("https://pay.example.com")
        await hakika.post(path, result("ws_CO_1"))
        last, head = await live.next(), await hakika.house.store.read(read_head)
        assert (last.body["status"], last["id"]) == ("completed", f"{head.store}-2")
        assert last.body | {"client_secret": asked["client_secret"]} == await hakika.read(asked["id"])
        assert (await live.next())["event"] == "end"
        with pytest.raises(StopAsyncIteration):
            await live.next()
    assert hakika.house.ledger.notices._waiting == {}


async def test_the_stream_of_what_has_ended_ends(hakika: Open) -> None:
    """The payment, and `end`."""
    asked, path = await hakika.prompt()
    await hakika.post(path, result("ws_CO_1", code=1032))
    async with following(hakika, f"/v1/payments/{asked['id']}/stream") as live:
        assert (await live.next()).body["status"] == "cancelled"
        assert (await live.next())["event"] == "end"


async def test_a_stream_that_is_left_is_forgotten(hakika: Open) -> None:
    """Nobody is told, and nothing is kept."""
    asked = await hakika.ask()
    async with following(hakika, f"/v1/payments/{asked['id']}/stream") as live:
        await live.next()
        assert hakika.house.ledger.notices.watched(asked["id"])
    async with following(hakika, "/v1/events/stream?after=0") as live:
        await live.next()
        assert len(hakika.house.feed._subscriptions) == 1
    async with asyncio.timeout(10):
        while hakika.house.ledger.notices._waiting or hakika.house.feed._subscriptions:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)


async def test_an_unknown_payment_has_no_stream(shared_lite: Open) -> None:
    """404 as a problem, and no stream that begins."""
    for payment_id in ("pay_1", "pay_00000000000000000000000000"):
        refused = await shared_lite.api.get(f"/v1/payments/{payment_id}/stream")
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


# ── a browser's secret ──────────────────────────────


async def test_a_client_secret_opens_its_payment_alone(hakika: Open) -> None:
    """To read it, wait for it and stream it, by header or in the query; without the merchant's metadata."""
    asked = await hakika.ask(metadata={"margin": 40})
    stranger, secret = hakika.visit(), asked["client_secret"]
    path = f"/v1/payments/{asked['id']}"
    for verb in ("", "/wait?timeout=0"):
        for answer in (
            await stranger.get(path + verb, headers={"Authorization": f"Bearer {secret}"}),
            await stranger.get(path + verb, params={"client_secret": secret, "timeout": 0}),
        ):
            shown = answer.json()
            assert (answer.status_code, shown["id"], shown["metadata"]) == (200, asked["id"], {})
            assert "client_secret" not in shown
            assert answer.headers["referrer-policy"] == "no-referrer"
    async with following(hakika, f"{path}/stream?client_secret={secret}", headers={}) as live:
        assert (await live.next()).body["metadata"] == {}


async def test_a_client_secret_opens_nothing_else(hakika: Open) -> None:
    """403 for any other path or verb, 404 for another payment."""
    asked = await hakika.ask()
    other = await hakika.ask(phone="0722000001", reference="order-2")
    stranger = hakika.visit(headers={"Authorization": f"Bearer {asked['client_secret']}"})
    path = f"/v1/payments/{asked['id']}"
    for method, refused in (
        ("GET", "/v1/payments"), ("POST", "/v1/payments"), ("GET", f"{path}/timeline"), ("POST", f"{path}/cancel"),
        ("POST", f"{path}/query"), ("POST", path), ("GET", "/v1/events"), ("GET", "/v1/events/stream"),
        ("GET", "/v1/accounts"), ("GET", "/v1"),
    ):  # fmt: skip
        answer = await stranger.request(method, refused, json={} if method == "POST" else None)
        assert (answer.status_code, answer.json()["code"]) == (403, "client_secret_refused"), refused
    for verb in ("", "/wait", "/stream"):
        answer = await stranger.get(f"/v1/payments/{other['id']}{verb}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        answer = await hakika.visit().get(f"{path}{verb}?client_secret=pcs_{'0' * 32}")
        assert answer.status_code == 404
    in_query = await hakika.visit().get("/v1/payments", params={"client_secret": asked["client_secret"]})
    assert in_query.status_code == 403
    assert (await hakika.visit().get(f"{path}?client_secret=what")).status_code == 401


async def test_a_client_secret_expires_a_day_after_the_end(hakika: Open) -> None:
    """Then it is refused; an API key still opens the payment."""
    asked, path = await hakika.prompt()
    secret = asked["client_secret"]
    await hakika.post(path, result("ws_CO_1"))
    url = f"/v1/payments/{asked['id']}"
    hakika.clock.pass_s(24 * 3600)
    assert (await hakika.visit().get(url, params={"client_secret": secret})).status_code == 200
    hakika.clock.pass_s(1)
    refused = await hakika.visit().get(url, params={"client_secret": secret})
    assert (refused.status_code, refused.json()["code"]) == (403, "client_secret_refused")
    assert (await hakika.read(asked["id"]))["client_secret"] == secret


async def test_the_secret_is_shown_to_full_keys_alone(hakika: Open) -> None:
    """In the answer to asking, and in reading one payment; in no list, timeline, event, wait or stream."""
    asked = await hakika.ask()
    secret = asked["client_secret"]
    assert (await hakika.read(asked["id"]))["client_secret"] == secret
    for path in ("", f"/{asked['id']}/timeline", f"/{asked['id']}/wait?timeout=0"):
        assert secret not in (await hakika.api.get(f"/v1/payments{path}")).text
    assert secret not in (await hakika.api.get("/v1/events")).text
    async with following(hakika, f"/v1/payments/{asked['id']}/stream") as live:
        assert secret not in str(await live.next())


async def test_the_secret_gets_into_no_log(hakika: Open, capsys: pytest.CaptureFixture[str]) -> None:
    """It is out of the query before anything else sees the request; and masked, should it be in a text."""
    asked = await hakika.ask()
    seen: list[bytes] = []

    async def look(scope: Any, receive: Any, send: Any) -> None:
        await hakika.asgi(scope, receive, send)
        seen.append(scope["query_string"])

    transport = httpx2.ASGITransport(look)
    async with httpx2.AsyncClient(transport=transport, base_url="http://hakika.test") as client:
        query = {"timeout": "0", "client_secret": asked["client_secret"]}
        assert (await client.get(f"/v1/payments/{asked['id']}/wait", params=query)).status_code == 200
    assert seen == [b"timeout=0"]
    assert asked["client_secret"] not in "".join(capsys.readouterr())
    assert asked["client_secret"] not in mask_text(f"GET /?client_secret={asked['client_secret']}")


async def test_pages_of_the_sites_that_are_named_may_ask(lite: Open) -> None:
    """Those three routes, for those origins; errors too, so that a page can say what is wrong."""
    asked = await lite.ask()
    path, wanted = f"/v1/payments/{asked['id']}", {"Origin": SHOP, "Access-Control-Request-Method": "GET"}
    stranger = lite.visit()

    async def allowed(url: str, origin: str = SHOP) -> str | None:
        return (await stranger.get(url, headers={"Origin": origin})).headers.get("access-control-allow-origin")

    assert await allowed(path) is None
    assert (await stranger.options(path, headers=wanted)).status_code == 401
    for origins, expected in (((SHOP,), SHOP), (("*",), "*")):
        lite.state.cors_origins = origins
        for verb in ("", "/wait", "/stream"):
            preflight = await stranger.options(path + verb, headers=wanted)
            assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, expected)
            assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
            assert await allowed(path + verb) == expected  # though the answer is 401
        assert await allowed("/v1/payments") is None
        assert (await allowed(path, "https://other.example")) == (None if origins == (SHOP,) else "*")
        refused = await stranger.get(path, headers={"Origin": "https://other.example"})
        assert refused.headers["vary"] == "Origin", "a cache would give this answer to the shop"


# ── all events ──────────────────────────────


async def test_the_stream_of_events_goes_on_where_it_was_left(hakika: Open) -> None:
    """From now without a cursor; from Last-Event-ID or `after` with one: each event once, with its own cursor."""
    asked, path = await hakika.prompt()
    async with following(hakika, "/v1/events/stream") as live:
        await hakika.post(path, result("ws_CO_1"))
        first = await live.next()
        assert (first["event"], first.body["payment"]) == ("payment.completed", asked["id"])
    head = await hakika.house.store.read(read_head)
    assert first["id"] == f"{head.store}-2"
    assert first.body == (await hakika.api.get("/v1/events?after=1")).json()["data"][0]
    await hakika.ask(phone="0722000001", reference="order-2")
    async with following(hakika, "/v1/events/stream?after=0", {**KEY, "Last-Event-ID": first["id"]}) as live:
        assert (await live.next()).body["number"] == 3
    async with following(hakika, "/v1/events/stream?after=0&type=payment.completed") as live:
        assert (await live.next()).body["number"] == 2


async def test_stages_are_streamed_on_request(hakika: Open) -> None:
    """As `payment.stage`, without an id: they are not repeated later."""
    asked = await hakika.ask()
    async with following(hakika, "/v1/events/stream?stages=1") as live:
        await hakika.worker.run_once()
        message = await live.next()
        assert (message["event"], "id" in message) == ("payment.stage", False)
        assert (message.body["id"], message.body["payment"], message.body["data"]["stage"]) == (
            None, asked["id"], "sending",
        )  # fmt: skip


async def test_a_quiet_stream_beats_and_ends_after_an_hour(hakika: Open) -> None:
    """So that no proxy takes it for dead, and a key that was revoked is worth an hour at most."""
    asked = await hakika.ask()
    for path in ("/v1/events/stream?after=0", f"/v1/payments/{asked['id']}/stream"):
        async with following(hakika, path) as live:
            await live.next()
            reading = asyncio.ensure_future(live.next())
            while not reading.done():
                hakika.clock.pass_s(BEAT_MS / 1000)
                await asyncio.sleep(0)
            assert isinstance(reading.exception(), StopAsyncIteration)
            assert live.beats in range(2, LASTS_MS // BEAT_MS + 1)


async def test_who_stops_reading_is_dropped(lite: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """A send that does not end within its time ends the stream; nothing is left behind."""
    monkeypatch.setattr(stream, "STALLED_S", 0.0)
    await lite.ask()
    stuck, sent = asyncio.Event(), []

    async def receive() -> dict[str, Any]:
        await stuck.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if message["type"] == "http.response.body":
            await stuck.wait()

    first = {"type": "http.request", "body": b"", "more_body": False}

    async def receive_all() -> Any:
        return first if not sent else await receive()

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/v1/events/stream", "raw_path": b"", "query_string": b"after=0", "root_path": "",
        "headers": [(b"authorization", f"Bearer {API_KEY}".encode())], "client": ("127.0.0.1", 1), "server": ("x", 80),
    }  # fmt: skip
    await lite.asgi(scope, receive_all, send)
    assert sent == ["http.response.start", "http.response.body"]
    assert lite.house.feed._subscriptions == set()


async def test_what_breaks_under_way_is_the_last_message(lite: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database away: `event: problem` with the problem document; the client comes back with its cursor."""
    await lite.ask()

    async def fail(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(lite.house.feed, "read", fail)
    async with following(lite, "/v1/events/stream?after=0") as live:
        message = await live.next()
        assert (message["event"], message.body["code"]) == ("problem", "store_unavailable")
        with pytest.raises(StopAsyncIteration):
            await live.next()


async def test_the_server_stops_and_streams_end(hakika: Open) -> None:
    """Nobody holds up a server that stops."""
    asked = await hakika.ask()
    for path in ("/v1/events/stream?after=0", f"/v1/payments/{asked['id']}/stream"):
        hakika.house.ledger.notices.ended = False
        async with following(hakika, path) as live:
            await live.next()
            hakika.house.ledger.notices.end()
            with pytest.raises(StopAsyncIteration):
                await live.next()


def test_a_message_is_written_as_the_standard_says() -> None:
    """An id only where there is a cursor; one line of data."""
    assert as_message("a", b"{}", "x-1") == b"id: x-1\nevent: a\ndata: {}\n\n"
    assert as_message("a", b"{}") == b"event: a\ndata: {}\n\n"
    assert EventStream.media_type == "text/event-stream"
