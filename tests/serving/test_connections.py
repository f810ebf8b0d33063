"""Connections: a request arrives whole within seconds, and callbacks get through when there are too many."""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hakika.api.callbacks import Asgi
from hakika.engine.stopping import Stopping
from hakika.serving import connections
from hakika.serving.server import _Server

pytestmark = pytest.mark.anyio
POST = b"POST /c/token HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n"


async def app(scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[..., Any]) -> None:
    """Reads a body, and answers."""
    assert scope["type"] == "http"
    message = await receive()
    while message.get("more_body"):
        message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def open_server(connections_at_most: int = 100, app: Asgi = app) -> AsyncIterator[tuple[_Server, int]]:
    """Run the server as `hakika serve` does, without an engine. → it, and its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = _Server(app, lambda: None, Stopping(), connections_at_most)
    running = asyncio.create_task(server._serve(sockets=[listener]))
    try:
        yield server, listener.getsockname()[1]
    finally:
        server.should_exit = True
        await running


async def ask(port: int, *parts: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect, and send that."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    return reader, writer


async def settle(server: _Server, wanted: int) -> None:
    """Let the server see that so many are connected."""
    async with asyncio.timeout(10):
        while len(server.server_state.connections) != wanted:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    "half",
    [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ", POST, POST + b"{", POST + b"{}\r\n"],
    ids=["nothing", "line", "head", "no body", "half a body", "a newline after the answer"],
)
async def test_what_stands_half_way_is_closed(half: bytes) -> None:
    """Wherever a client stops: after fifteen seconds it is closed, and not before."""
    async with open_server() as (server, port):
        reader, writer = await ask(port, half)
        if half.endswith(b"}\r\n"):
            await reader.readuntil(b"ok")
        await settle(server, 1)
        (connection,) = server.server_state.connections
        assert isinstance(connection, connections.PatientProtocol)
        for _ in range(100):
            await asyncio.sleep(0)
        began_s = connection.waits_since
        assert connections.close_overdue(server.server_state.connections, began_s + 14) == 0
        assert connections.close_overdue(server.server_state.connections, began_s + 16) == 1
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(100_000)
        await settle(server, 0)
        writer.close()


async def test_who_waits_for_an_answer_is_left_alone() -> None:
    """A request that came whole may take its time: waiting for a payment takes minutes."""
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        asked.set()
        await answer.wait()
        await app(scope, receive, send)

    async with open_server(app=slow) as (server, port):
        reader, writer = await ask(port, POST + b"{}")
        await asked.wait()
        (connection,) = server.server_state.connections
        now_s = asyncio.get_running_loop().time()
        assert connections.close_overdue([connection], now_s + 1_000) == 0
        answer.set()
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_callbacks_get_through_where_nobody_else_does() -> None:
    """At the limit whoever waits for its client gives way, oldest first; other requests are told 503."""
    async with open_server(connections_at_most=3) as (server, port):
        idle = [await ask(port) for _ in range(3)]
        await settle(server, 3)
        reader, writer = await ask(port, POST + b"{}")
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await idle[0][0].readexactly(1)
        await settle(server, 3)
        other, others = await ask(port, b"GET /v1/payments HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await other.readline()).startswith(b"HTTP/1.1 503")
        for one in (writer, others, *(closing for _, closing in idle)):
            one.close()


def test_a_server_opens_as_many_files_as_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """The soft limit becomes the hard one; some are kept for what is no connection."""
    limits, given = [(256, 4096), (256, 256)], []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits.pop(0))
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: given.append(both))
    assert connections.raise_file_limit() == 4096 - 512
    assert given == [(4096, 4096)]
    assert connections.raise_file_limit() == 128
