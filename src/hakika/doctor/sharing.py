"""What several checks want to know is asked once, and names are looked up where a hung one holds nobody up."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from hakika.engine.aside import run_aside

T = TypeVar("T")

KEPT_S = 10.0
"""Longer than an examination; an answer from before it would be about another world."""


class Shared:
    """The answers of one examination. Who asks while somebody asks already gets the same answer."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[float, asyncio.Task[Any]]] = {}

    async def once(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask, unless that was asked just now. → the answer; who is cancelled takes nothing from the others."""
        now_s = time.monotonic()
        asked_s, asking = self._asked.get(key, (0.0, None))
        if asking is None or now_s - asked_s > KEPT_S:
            asking = asyncio.ensure_future(_run(ask))
            asking.add_done_callback(_notice)
            self._asked[key] = now_s, asking
        answer: T = await asyncio.shield(asking)
        return answer


async def _run(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()


def _notice(asking: asyncio.Task[Any]) -> None:
    if not asking.cancelled():
        asking.exception()  # seen, also where every check that asked has given up


async def look_up_aside(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, as this machine's own DNS says. Raises OSError."""

    def job() -> Sequence[str]:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    return await run_aside(job)
