"""HTTP with the least possible work: what loads a server on two cores must cost little beside it."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

Handle = Callable[[int, bytes, bytes], bytes]
"""What a listener does with a request: (when its first byte came, head, body) → the body of the answer."""

BACKLOG = 4096
TAKEN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Answer(NamedTuple):
    """What came back, and when the last byte of the request had been handed over, in ns."""

    status: int
    body: bytes
    sent_ns: int


def build_request(method: str, path: str, headers: str = "", body: bytes = b"") -> bytes:
    """A request. Each header ends with a line break."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}"
    if method == "POST":
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body


class Line(asyncio.Protocol):
    """A connection to a server: one request at a time."""

    def __init__(self) -> None:
        self._buffer, self._sent_ns, self.is_open = b"", 0, True
        self._answer: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport: Any = transport

    async def ask(self, request: bytes) -> Answer:
        """Send a request. → its answer."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._sent_ns = time.monotonic_ns()
        self._transport.write(request)
        return await answer

    def data_received(self, data: bytes) -> None:
        """Wait until the answer is whole."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if found and len(body) == read_length(head) and self._answer is not None and not self._answer.done():
            self._buffer = b""
            self._answer.set_result(Answer(int(head[9:12]), body, self._sent_ns))

    def connection_lost(self, error: Exception | None) -> None:
        """Whoever waits is told."""
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(error or "closed"))


class Lines:
    """Kept connections to one server, and no more than `most` of them."""

    def __init__(self, port: int, most: int) -> None:
        self._port, self._idle, self._room = port, deque[Line](), asyncio.Semaphore(most)

    async def ask(self, request: bytes) -> Answer:
        """Send a request on a connection that is free."""
        async with self._room:
            line = self._take() or await self._open()
            answer = await line.ask(request)
            self._idle.append(line)
            return answer

    def _take(self) -> Line | None:
        """A free one, the last used first, or None. The server closes what was not used for some seconds."""
        while self._idle:
            line = self._idle.pop()
            if line.is_open:
                return line
        return None

    async def _open(self) -> Line:
        _, line = await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", self._port)
        return line


class Listener(asyncio.Protocol):
    """The other side: answers every whole request with 200."""

    def __init__(self, handle: Handle) -> None:
        self._handle, self._buffer, self._began_ns = handle, b"", 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        if not self._buffer:
            self._began_ns = time.monotonic_ns()
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head, whole = self._buffer[:end], end + 4 + read_length(self._buffer[:end])
            if len(self._buffer) < whole:
                return
            answer = self._handle(self._began_ns, head, self._buffer[end + 4 : whole])
            self._transport.write(TAKEN % len(answer) + answer)
            self._buffer = self._buffer[whole:]


async def listen(handle: Handle) -> int:
    """Listen on loopback for as long as the process lives. → the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Listener(handle), "127.0.0.1", 0, backlog=BACKLOG)
    return int(server.sockets[0].getsockname()[1])


def read_length(head: bytes) -> int:
    """The length of the body that follows a head."""
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0
