"""Waiting on behalf of a caller, for as long as the caller is there."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, TypeVar

from starlette.requests import Request

NOBODY_LISTENS = 499
"""The status of an answer that nobody reads."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_T = TypeVar("_T")


async def while_listened(request: Request, job: Coroutine[Any, Any, _T]) -> _T | None:
    """Do the job. → what comes of it, or None where the caller went away first."""
    return await while_received(request.receive, job)


async def while_received(receive: Receive, job: Coroutine[Any, Any, _T]) -> _T | None:
    """The same, without a request."""
    waiting = asyncio.create_task(job)
    leaving = asyncio.create_task(see_off(receive))
    try:
        await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
        return waiting.result() if waiting.done() else None
    finally:
        waiting.cancel()
        leaving.cancel()
        await asyncio.gather(waiting, leaving, return_exceptions=True)


async def see_off(receive: Receive) -> None:
    """Return when the caller has gone away."""
    while (await receive())["type"] not in {"http.disconnect", "websocket.disconnect"}:
        pass
