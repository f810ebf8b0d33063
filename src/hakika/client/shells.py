"""The two shells: they carry out steps over httpx2, one at once, one by awaiting. Nothing is decided here."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar, final

import httpx2

from hakika.client.steps import Answer, Ended, Give, Giving, Hear, Listen, Lost, Message, Pause, Request, Send, Steps

T = TypeVar("T")
NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
STREAM = "text/event-stream"


@final
class Blocking:
    """Carries out steps at once."""

    def __init__(self, http: httpx2.Client, sleep: Callable[[float], None] = time.sleep) -> None:
        self.http, self._sleep = http, sleep

    def run(self, steps: Steps[T]) -> T:
        """Carry out a call, to its answer."""
        came: Any = None
        while True:
            try:
                step = steps.send(came)
            except StopIteration as end:
                answer: T = end.value
                return answer
            came = self._take(step, [])

    def iterate(self, steps: Giving[T]) -> Iterator[T]:
        """Carry out a call that gives many things; leaving the loop closes its connection."""
        came: Any = None
        opened: list[tuple[httpx2.Response, Iterator[httpx2.ServerSentEvent]]] = []
        try:
            while True:
                try:
                    step = steps.send(came)
                except StopIteration:
                    return
                if isinstance(step, Give):
                    yield step.thing
                    came = None
                else:
                    came = self._take(step, opened)
        finally:
            while opened:
                self._close(opened)

    def _take(self, step: Send | Pause | Listen | Hear, opened: list[Any]) -> Any:
        match step:
            case Pause(seconds):
                return self._sleep(seconds)
            case Hear():
                try:
                    return _message(next(opened[0][1], None))
                except httpx2.TransportError as error:
                    return _ended(error)
            case Send(request) | Listen(request):
                while isinstance(step, Listen) and opened:
                    self._close(opened)
                try:
                    response = self.http.send(_built(self.http, request), stream=isinstance(step, Listen))
                    if isinstance(step, Listen) and _is_stream(response):
                        opened.append((response, iter(httpx2.EventSource(response))))
                        return _answer(response, b"")
                    return _answer(response, response.read())
                except httpx2.RequestError as error:
                    return _lost(error)

    def _close(self, opened: list[Any]) -> None:
        response, messages = opened.pop()
        messages.close()
        response.close()


@final
class Awaiting:
    """Carries out steps by awaiting them."""

    def __init__(self, http: httpx2.AsyncClient, sleep: Callable[[float], Awaitable[None]] | None = None) -> None:
        self.http, self._sleep = http, sleep or _sleep

    async def run(self, steps: Steps[T]) -> T:
        """Carry out a call, to its answer."""
        came: Any = None
        while True:
            try:
                step = steps.send(came)
            except StopIteration as end:
                answer: T = end.value
                return answer
            came = await self._take(step, [])

    async def iterate(self, steps: Giving[T]) -> AsyncIterator[T]:
        """Carry out a call that gives many things; leaving the loop closes its connection."""
        came: Any = None
        opened: list[tuple[httpx2.Response, AsyncIterator[httpx2.ServerSentEvent]]] = []
        try:
            while True:
                try:
                    step = steps.send(came)
                except StopIteration:
                    return
                if isinstance(step, Give):
                    yield step.thing
                    came = None
                else:
                    came = await self._take(step, opened)
        finally:
            while opened:
                await self._close(opened)

    async def _take(self, step: Send | Pause | Listen | Hear, opened: list[Any]) -> Any:
        match step:
            case Pause(seconds):
                return await self._sleep(seconds)
            case Hear():
                try:
                    return _message(await anext(opened[0][1], None))
                except httpx2.TransportError as error:
                    return _ended(error)
            case Send(request) | Listen(request):
                while isinstance(step, Listen) and opened:
                    await self._close(opened)
                try:
                    response = await self.http.send(_built(self.http, request), stream=isinstance(step, Listen))
                    if isinstance(step, Listen) and _is_stream(response):
                        opened.append((response, aiter(httpx2.EventSource(response))))
                        return _answer(response, b"")
                    return _answer(response, await response.aread())
                except httpx2.RequestError as error:
                    return _lost(error)

    async def _close(self, opened: list[Any]) -> None:
        response, messages = opened.pop()
        await messages.aclose()
        await response.aclose()


async def _sleep(seconds: float) -> None:
    from asyncio import sleep  # noqa: PLC0415 - who blocks need not wait for the import of it

    await sleep(seconds)


def _built(http: httpx2.Client | httpx2.AsyncClient, request: Request) -> httpx2.Request:
    timeout = httpx2.USE_CLIENT_DEFAULT if request.timeout_s is None else httpx2.Timeout(request.timeout_s, connect=10)
    return http.build_request(
        request.method,
        request.path,
        params=request.params or None,
        content=request.body,
        headers=request.headers,
        timeout=timeout,
    )


def _is_stream(response: httpx2.Response) -> bool:
    return response.status_code == 200 and response.headers.get("content-type", "").startswith(STREAM)


def _answer(response: httpx2.Response, body: bytes) -> Answer:
    return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body)


def _lost(error: httpx2.RequestError) -> Lost:
    return Lost(str(error) or type(error).__name__, sent=not isinstance(error, NEVER_SENT))


def _message(came: httpx2.ServerSentEvent | None) -> Message | Ended:
    return Ended(silent=False) if came is None else Message(came.event, came.data, came.id)


def _ended(error: httpx2.TransportError) -> Ended:
    return Ended(silent=isinstance(error, httpx2.ReadTimeout))
