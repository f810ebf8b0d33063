"""Ordinary code that waits for the event loop: it runs in a greenlet of the loop's own thread."""

import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

T = TypeVar("T")


class _Fiber(greenlet):  # type: ignore[misc]
    """One that somebody awaits."""


async def run_in_fiber(job: Callable[..., T], *arguments: object) -> T:
    """Run `job`. Wherever it calls `wait_for`, the loop goes on with other things. Raises what it raises."""
    fiber = _Fiber(job)
    fiber.gr_context = getcurrent().gr_context  # whatever it logs is about the same payment
    given: Any = fiber.switch(*arguments)
    while not fiber.dead:
        try:
            answer = await given
        except BaseException:  # noqa: BLE001 - it is the job's to handle, a cancellation too
            given = fiber.throw(*sys.exc_info())
        else:
            given = fiber.switch(answer)
    result: T = given
    return result


def is_in_fiber() -> bool:
    """Whether `wait_for` may be called here."""
    return isinstance(getcurrent(), _Fiber)


def wait_for(awaitable: Awaitable[T]) -> T:
    """Await it, from ordinary code in a fiber."""
    awaited_by = getcurrent().parent
    assert awaited_by is not None, "the main greenlet is no fiber"
    answer: T = awaited_by.switch(awaitable)
    return answer
