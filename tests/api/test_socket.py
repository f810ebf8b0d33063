"""`/v1/events/ws`: the same events over a WebSocket."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from hakika.store.events import read_head
from tests.api.house import API_KEY, Open, result
from tests.api.serving import listening

pytestmark = pytest.mark.anyio
KEY = {"Authorization": f"Bearer {API_KEY}"}


@asynccontextmanager
async def talking(
    hakika: Open, query: str = "", headers: dict[str, str] | None = KEY
) -> AsyncIterator[ClientConnection]:
    """Open a WebSocket."""
    async with listening(hakika.asgi) as origin:
        url = origin.replace("http", "ws") + "/v1/events/ws" + query
        async with connect(url, additional_headers=headers or {}) as socket:
            yield socket


async def hear(socket: ClientConnection) -> dict[str, Any]:
    """The next message."""
    async with asyncio.timeout(10):
        return dict(json.loads(await socket.recv()))


async def test_the_websocket_tells_the_same_events(hakika: Open) -> None:
    """First where it begins, then each event as the API shows it; `after`, `type` and `stages` as in the stream."""
    asked, path = await hakika.prompt()
    head = await hakika.house.store.read(read_head)
    async with talking(hakika, "?after=0&type=payment.*") as socket:
        assert await hear(socket) == {"object": "hello", "cursor": f"{head.store}-0"}
        assert (await hear(socket))["type"] == "payment.created"
        await hakika.post(path, result("ws_CO_1"))
        completed = await hear(socket)
    assert completed == (await hakika.api.get("/v1/events?after=1")).json()["data"][0]
    assert completed["payment"] == asked["id"]
    async with asyncio.timeout(10):
        while hakika.house.feed._subscriptions:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0)


async def test_who_can_set_no_header_says_its_key_first(hakika: Open) -> None:
    """As the first message."""
    async with talking(hakika, headers=None) as socket:
        await socket.send(json.dumps({"authorization": f"Bearer {API_KEY}"}))
        assert (await hear(socket))["object"] == "hello"


REFUSED = {
    "no key": ("", '{"hello": 1}', "not_authenticated"),
    "a wrong key": ("", '{"authorization": "Bearer hk_wrong"}', "not_authenticated"),
    "nonsense": ("", "[", "not_authenticated"),
    "a number": ("", "1", "not_authenticated"),
    "another database": ("?after=deadbeef-1", None, "invalid_cursor"),
    "the future": ("?after=999", None, "invalid_cursor"),
    "no type": ("?type=x", None, "invalid_request"),
}


@pytest.mark.parametrize(("query", "said", "code"), REFUSED.values(), ids=REFUSED)
async def test_a_websocket_is_refused_with_a_problem(lite: Open, query: str, said: str | None, code: str) -> None:
    """As its last message; then it is closed, with the code as the reason."""
    async with talking(lite, query, KEY if said is None else None) as socket:
        if said is not None:
            await socket.send(said)
        assert (await hear(socket))["code"] == code
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, code)


@pytest.mark.parametrize("said", ['{"authorization": "Bearer hk_wrong"}', "[", None])
async def test_who_leaves_before_being_refused_is_no_error(lite: Open, said: str | None) -> None:
    """Nothing is left that a log would have to tell, however many do so."""
    came: list[dict[str, Any]] = [{"type": "websocket.connect"}]
    came.append({"type": "websocket.receive", "text": said} if said else {"type": "websocket.disconnect", "code": 1006})
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return came.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if message["type"] != "websocket.accept":
            raise OSError("gone")

    scope = {"type": "websocket", "path": "/v1/events/ws", "query_string": b"", "headers": [], "subprotocols": []}
    await lite.asgi({**scope, "client": ("203.0.113.9", 4711)}, receive, send)
    assert sent == ["websocket.accept", "websocket.send"][: 1 if said is None else 2]


async def test_a_client_secret_opens_no_websocket(lite: Open) -> None:
    """It is a key to one payment."""
    asked = await lite.ask()
    async with talking(lite, headers={"Authorization": f"Bearer {asked['client_secret']}"}) as socket:
        assert (await hear(socket))["code"] == "not_authenticated"
    with contextlib.suppress(ConnectionClosed):
        await socket.recv()
