"""Patience: a time-out for very many short waits. `asyncio.timeout` makes a timer for each; here one serves all."""

import asyncio
from collections import deque
from typing import Any
from weakref import ref

LASTS_S = 1.0
"""Daraja wants an answer to its callback within 5 s (daraja.md §2.3); the disk takes the rest."""


class Patience:
    """Gives TimeoutError to whoever waits longer than `LASTS_S`, and at most twice as long."""

    def __init__(self) -> None:
        # Weakly: an answer that came is not kept for the second that it might have taken.
        self._waits: deque[tuple[float, ref[asyncio.Future[Any]]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def limit(self, answer: asyncio.Future[Any]) -> None:
        """Count the time of an answer from now on; what is not there in time becomes a TimeoutError."""
        loop = answer.get_loop()
        self._waits.append((loop.time(), ref(answer)))
        if self._timer is None:
            self._timer = loop.call_later(LASTS_S, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        waits, over_s = self._waits, loop.time() - LASTS_S
        while waits:
            since_s, awaited = waits[0]
            answer = awaited()
            if answer is not None and not answer.done():
                if since_s > over_s:
                    break
                answer.set_exception(TimeoutError())
            waits.popleft()
        self._timer = loop.call_at(waits[0][0] + LASTS_S, self._look, loop) if waits else None
