"""A receiver that costs little: answers 200 at once, or under /hang never. A process of its own, one line a start."""

import asyncio
import sys
from typing import Any

import uvloop

TAKEN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Receiver(asyncio.Protocol):
    """Reads whole requests from a connection and answers each."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            start = head.index(b"content-length: ") + 16
            length = int(head[start:].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
            if not head.startswith(b"post /hang"):
                self._transport.write(TAKEN)
            self._buffer = self._buffer[end + 4 + length :]


async def serve() -> None:
    """Serve until killed; the port stands on standard output."""
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    sys.exit(uvloop.run(serve()))
