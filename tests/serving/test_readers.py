"""A client that stops reading is let go: over HTTP and over WebSocket."""

import asyncio
import socket
from typing import Any

import pytest
import uvicorn

from hakika.serving.connections import PatientProtocol
from hakika.serving.readers import Reader, ReaderSocket, drop_stalled

pytestmark = pytest.mark.anyio
PIECE = b"x" * 65_536
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.mark.parametrize(("request_bytes", "kind"), [(GET, PatientProtocol), (UPGRADE, ReaderSocket)])
async def test_who_stops_reading_is_dropped(request_bytes: bytes, kind: type) -> None:
    """Half a minute after the buffers filled, and not before; the application learns that its reader has left."""
    over = asyncio.Event()

    async def pour(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        else:
            await send({"type": "websocket.accept"})
        gone = asyncio.ensure_future(_see_off(receive))
        while not gone.done():
            body = {"type": "http.response.body", "body": PIECE, "more_body": True}
            try:
                await send(body if scope["type"] == "http" else {"type": "websocket.send", "bytes": PIECE})
            except Exception:  # noqa: BLE001 - it has left, in uvicorn's own words
                break
            await asyncio.sleep(0)
        over.set()

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(pour, http=PatientProtocol, ws=ReaderSocket, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve(sockets=[listener]))
    with listener, socket.create_connection(listener.getsockname()) as client:
        client.sendall(request_bytes)
        connection = await _stalled(server, kind)
        assert drop_stalled(server.server_state.connections, connection.stalled_since + 29) == 0
        assert drop_stalled(server.server_state.connections, connection.stalled_since + 31) == 1
        async with asyncio.timeout(10):
            await over.wait()
        server.should_exit = True
        await running


async def _see_off(receive: Any) -> None:
    while not (await receive())["type"].endswith("disconnect"):
        pass


async def _stalled(server: uvicorn.Server, kind: type) -> Any:
    async with asyncio.timeout(20):
        while True:
            for one in server.server_state.connections:
                if isinstance(one, Reader) and isinstance(one, kind) and one.stalled_since:
                    return one
            await asyncio.sleep(0)
