"""Patience: a time-out for very many short waits. `asyncio.timeout` makes a timer for each; here one serves all."""

import asyncio
from collections import deque
from types import TracebackType

LASTS_S = 1.0
"""Daraja wants an answer to its callback within 5 s (daraja.md §2.3); the disk takes the rest."""


class _Wait:
    """One wait of one task."""

    __slots__ = ("_patience", "since_s", "spent", "task")

    def __init__(self, patience: "Patience") -> None:
        self._patience, self.since_s, self.spent = patience, 0.0, False
        self.task: asyncio.Task[object] | None = None

    def __enter__(self) -> None:
        self.task = asyncio.current_task()
        self._patience.enter(self)

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        task, self.task = self.task, None
        if self.spent and task is not None and task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise TimeoutError  # it was us; where somebody else cancelled as well, that goes on


class Patience:
    """Interrupts whoever waits longer than `LASTS_S`, and at most twice as long."""

    def __init__(self) -> None:
        self._waits: deque[_Wait] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def limit(self) -> _Wait:
        """A block in which the task raises TimeoutError when its time is over."""
        return _Wait(self)

    def enter(self, wait: _Wait) -> None:
        """Count the time of a wait from now on."""
        loop = asyncio.get_running_loop()
        wait.since_s = loop.time()
        self._waits.append(wait)
        if self._timer is None:
            self._timer = loop.call_later(LASTS_S, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        waits, over_s = self._waits, loop.time() - LASTS_S
        while waits and (waits[0].task is None or waits[0].since_s <= over_s):
            wait = waits.popleft()
            if wait.task is not None:
                wait.spent = True
                wait.task.cancel()
        self._timer = loop.call_at(waits[0].since_s + LASTS_S, self._look, loop) if waits else None
