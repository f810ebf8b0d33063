"""Server-sent events: an answer that goes on. Who stops reading is dropped, and costs nothing meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, MutableMapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Protocol

import msgspec
import structlog
from starlette.responses import Response, StreamingResponse

from hakika.api.listening import NOBODY_LISTENS, see_off, while_received
from hakika.api.problems import answer, describe
from hakika.domain.errors import HakikaError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BEAT_MS = 15_000  # proxies close what is silent for a minute, some for less
LASTS_MS = 60 * 60 * 1000
"""A stream ends after an hour, and its client comes back with its cursor: so a revoked key is worth an hour at most."""
STALLED_S = 45.0
OUTLASTING = "hakika.outlasting"
Later = Callable[[], Awaitable[None]]
RETRY = b"retry: 2000\n\n"
BEAT = b": ok\n\n"
END = b"event: end\ndata: {}\n\n"
EXAMPLE = (
    'retry: 2000\n\nid: 5f0c2a91-123\nevent: payment.completed\ndata: {"id":"evt_…","type":"payment.completed",…}\n\n'
)

log = structlog.get_logger("hakika.stream")


class Follower(Protocol):
    """One who waits for messages, and can be told that none will come."""

    def end(self) -> None: ...  # noqa: D102


Opened = AbstractContextManager[tuple[Follower, AsyncGenerator[bytes, None]]]


def as_message(event: str, data: bytes, cursor: str = "") -> bytes:
    """One server-sent event. `data` is JSON, which has no line breaks as we write it."""
    name = f"id: {cursor}\nevent: {event}\n" if cursor else f"event: {event}\n"
    return name.encode() + b"data: " + data + b"\n\n"


class EventStream(StreamingResponse):
    """The answer. What goes wrong before the first message is an ordinary problem; later it is the last message."""

    media_type = "text/event-stream"

    def __init__(self, opened: Opened) -> None:
        super().__init__((), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._opened = opened

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Send the first message here, the others when the framework is done with the request, if that is possible."""
        with contextlib.ExitStack() as opened:
            follower, messages = opened.enter_context(self._opened)
            first = await anext(messages)
            start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await send(start)
            later = partial(_go_on, opened.pop_all(), follower, messages, first, receive, send)
        outlasting: list[Later] | None = scope.get(OUTLASTING)
        if outlasting is None:
            await later()
        else:
            outlasting.append(later)


class LateAnswer(Response):
    """An answer that somebody waits for, for as long as it is listened for, when the framework is done with it."""

    def __init__(self, answering: Coroutine[Any, Any, Response]) -> None:
        super().__init__()
        self._answering = answering

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer here, or when the framework is done."""
        later = partial(_answer_late, self._answering, scope, receive, send)
        outlasting: list[Later] | None = scope.get(OUTLASTING)
        if outlasting is None:
            await later()
        else:
            outlasting.append(later)


async def _answer_late(
    answering: Coroutine[Any, Any, Response], scope: MutableMapping[str, Any], receive: Receive, send: Send
) -> None:
    try:
        response = await while_received(receive, answering)
    except HakikaError as error:
        response = answer(error)
    response = response or Response(status_code=NOBODY_LISTENS)
    await response(scope, receive, send)


class Outlasting:
    """In front of the framework: what of an answer goes on, goes on here, where it holds no more than it needs.

    A request that is inside the framework holds 20 kB of its frames; ten thousand streams would hold 200 MB.
    """

    def __init__(self, app: Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        outlasting: list[Later] = []
        given = frozenset(scope)
        scope[OUTLASTING] = outlasting
        await self._app(scope, receive, send)
        if outlasting:
            for added in scope.keys() - given:
                del scope[added]  # the server keeps the scope until the answer ends
            await outlasting.pop()()
        return None


async def _go_on(
    opened: contextlib.ExitStack,
    follower: Follower,
    messages: AsyncGenerator[bytes, None],
    message: bytes,
    receive: Receive,
    send: Send,
) -> None:
    """Send messages until they end, or the reader leaves or stops reading."""
    with opened:
        leaving = asyncio.ensure_future(see_off(receive))
        leaving.add_done_callback(lambda _: follower.end())
        try:
            await _send(send, message)
            await _send_all(messages, send)
        except TimeoutError:
            log.info("reader_stalled")  # the connection is closed: there is no way to say anything
        finally:
            leaving.cancel()
            await messages.aclose()


async def _send_all(messages: AsyncGenerator[bytes, None], send: Send) -> None:
    try:
        async for message in messages:
            await _send(send, message)
    except HakikaError as error:
        await _send(send, as_message("problem", msgspec.json.encode(describe(error))))
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(send: Send, message: bytes) -> None:
    async with asyncio.timeout(STALLED_S):
        await send({"type": "http.response.body", "body": message, "more_body": True})
