"""Payments that somebody waits for are asked about first, and sooner: marked in the database, some at a time."""

import asyncio
from functools import partial

import structlog

from hakika.domain.errors import StoreUnavailable
from hakika.engine.clock import Clock
from hakika.engine.live.notices import Notices
from hakika.store.opening import Store
from hakika.store.payments import set_awaited
from hakika.store.transaction import Transaction

EVERY_MS = 2_000
MARKED_MS = 30_000
"""How long a mark lasts. Whoever leaves early has its payment asked about a little sooner, that is all."""
MARKS_AT_ONCE = 50  # on SQLite they are written in the event loop: 500 kept all others waiting for 30 ms

log = structlog.get_logger("hakika.awaited")


class Awaited:
    """Marks them, as long as somebody waits."""

    def __init__(self, store: Store, notices: Notices, clock: Clock) -> None:
        self._store, self._notices, self._clock = store, notices, clock
        self._marked: dict[str, int] = {}

    async def run(self) -> None:
        """Mark until cancelled."""
        while True:
            try:
                await self.mark()
            except StoreUnavailable as error:
                log.warning("marking_waits", error=str(error))
            except Exception as error:
                log.error("marking_failed", exc_info=error)
            await asyncio.sleep(self._clock.seconds(EVERY_MS))

    async def mark(self) -> int:
        """Mark what is awaited and not marked for long enough. → how many."""
        now_ms = self._clock()
        watched = self._notices.all_watched()
        self._marked = {one: until_ms for one, until_ms in self._marked.items() if one in watched}
        due = [one for one in watched if self._marked.get(one, 0) <= now_ms + 2 * EVERY_MS]
        for first in range(0, len(due), MARKS_AT_ONCE):
            some = due[first : first + MARKS_AT_ONCE]
            marked = await self._store.write(partial(_mark, some, now_ms))
            # What was being folded is tried again at the next turn: it is most likely still waited for.
            self._marked |= dict.fromkeys(some, now_ms + 3 * EVERY_MS) | dict.fromkeys(marked, now_ms + MARKED_MS)
        return len(due)


def _mark(payment_ids: list[str], now_ms: int, tx: Transaction) -> list[str]:
    return set_awaited(tx, payment_ids, now_ms, now_ms + MARKED_MS)
