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
    """The same, without a request.

    The job runs in the caller's own task: what ends it is answered at once, not after tasks have told each other.
    """
    task, gone, over = asyncio.current_task(), False, False
    assert task is not None

    def leave(_: object) -> None:
        nonlocal gone
        gone = not over  # it may be on its way here already when the job ends
        if gone:
            task.cancel()

    leaving = asyncio.create_task(see_off(receive))
    leaving.add_done_callback(leave)
    try:
        return await job
    except asyncio.CancelledError:
        if gone and task.uncancel() == 0:
            return None
        raise  # somebody else cancelled as well
    finally:
        over = True
        leaving.cancel()


async def see_off(receive: Receive) -> None:
    """Return when the caller has gone away."""
    while (await receive())["type"] not in {"http.disconnect", "websocket.disconnect"}:
        pass
