"""The probe: whether the database takes a write, which reading alone does not tell (a full disk, a held lock)."""

import asyncio
import time

import structlog

from hakika.domain.errors import HakikaError
from hakika.store.opening import Store
from hakika.store.transaction import Transaction

log = structlog.get_logger("hakika.probe")

WITHIN_S = 1.0
KEPT_S = 1.0
"""Whoever asks more often than this gets the last answer: asking must not load what is asked about."""


class Probe:
    """Tries a tiny write, one at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._trial: asyncio.Task[str] | None = None
        self._began_s = 0.0

    async def look(self) -> str:
        """`ok`, or why what is written would not be kept; within a second."""
        misplaced = self._store.find_misplaced()
        if misplaced:
            return misplaced
        now_s = time.monotonic()
        if self._trial is None or (self._trial.done() and now_s - self._began_s >= KEPT_S):
            self._trial, self._began_s = asyncio.create_task(self._try()), now_s
        trial = self._trial
        await asyncio.wait({trial}, timeout=WITHIN_S)
        if trial.done() and not trial.cancelled():
            return trial.result()
        return f"It takes no write: none was done within {WITHIN_S:g} s. Look for a lock on it, and at its disk."

    async def _try(self) -> str:
        try:
            await self._store.write(Transaction.touch)
        except HakikaError as error:
            return error.detail
        except Exception as error:
            log.error("probe_failed", exc_info=error)
            return f"It takes no write: {type(error).__name__}."
        return "ok"
