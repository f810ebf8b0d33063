"""A client of either colour on a scripted wire: what it sends is seen, what it waits is counted, nothing sleeps."""

import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx2

from hakika.client import AsyncHakika, Hakika, Retries

Reply = httpx2.Response | Exception
PAYMENT: dict[str, Any] = {
    "id": "pay_1", "object": "payment", "status": "pending", "amount": 100, "phone": "254712345678", "reference": "o-1",
}  # fmt: skip


class Wire:
    """Answers each request with the next reply of the script; the last one goes on. Time passes only here."""

    def __init__(self, colour: type[Hakika] | type[AsyncHakika], *script: Reply, chance: float = 1.0) -> None:
        self.script, self.requests, self.paused = [*script], list[httpx2.Request](), list[float]()
        self.now_s = 1_000.0
        self.taken_s = 0.0  # by each request
        given: dict[str, Any] = {
            "retries": Retries(chance=lambda: chance),
            "transport": httpx2.MockTransport(self._answer),
            "clock": lambda: self.now_s,
            "sleep": self._sleep if colour is Hakika else self._sleep_async,
        }
        self.client: Any = colour("hk_test", "http://hakika.test", **given)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        self.now_s += self.taken_s
        reply = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply.stream, Pieces):
            return httpx2.Response(reply.status_code, headers=reply.headers, stream=reply.stream)
        return httpx2.Response(reply.status_code, headers=reply.headers, content=reply.content)

    def _sleep(self, seconds: float) -> None:
        self.paused.append(seconds)
        self.now_s += seconds

    async def _sleep_async(self, seconds: float) -> None:
        self._sleep(seconds)

    async def do(self, ask: Callable[[Any], Any]) -> Any:
        """Carry out a call, in the client's colour."""
        came = ask(self.client)
        return await came if inspect.isawaitable(came) else came

    async def take(self, ask: Callable[[Any], Any], number: int) -> list[Any]:
        """Take so many things of a stream, and leave it."""
        things = ask(self.client)
        if isinstance(things, AsyncIterator):
            return [await anext(things) for _ in range(number)]
        return [next(things) for _ in range(number)]

    def sent(self, header: str) -> list[str | None]:
        """What each request had in a header."""
        return [request.headers.get(header) for request in self.requests]


class Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body that comes in pieces; an exception among them is raised when its turn comes."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces, self.closed = pieces, 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        """Count the closing."""
        self.closed += 1

    async def aclose(self) -> None:
        """Count the closing."""
        self.closed += 1


def ok(code: int = 200, /, **fields: Any) -> httpx2.Response:
    """A payment, as the API answers it."""
    return httpx2.Response(code, json=PAYMENT | fields)


def problem(status: int, code: str, retry_after: int | None = None, **extra: Any) -> httpx2.Response:
    """A problem document."""
    document = {"title": "T", "status": status, "detail": "D.", "code": code, "money": "M.", "cure": "C."} | extra
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    return httpx2.Response(status, json=document, headers=headers)


def lost() -> Exception:
    """The answer did not come."""
    return httpx2.ReadError("the connection broke")


def unreachable() -> Exception:
    """No connection came to be."""
    return httpx2.ConnectError("refused")


def streamed(*pieces: bytes | Exception) -> httpx2.Response:
    """An event stream."""
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Pieces(*pieces))


def event(number: int, kind: str = "payment.completed") -> dict[str, Any]:
    """An event, as the API tells it."""
    return {
        "id": f"evt_{number}", "object": "event", "type": kind, "timestamp": "2026-11-21T06:30:00.123Z",
        "number": number, "sequence": 2, "mode": "test", "payment": "pay_1", "checkout": None, "data": PAYMENT,
    }  # fmt: skip


def message(number: int, kind: str = "payment.completed") -> bytes:
    """The same as a message of a stream."""
    return f"id: 00c0ffee-{number}\nevent: {kind}\ndata: {json.dumps(event(number, kind))}\n\n".encode()
