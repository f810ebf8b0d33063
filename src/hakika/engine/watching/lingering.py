"""Payments that are pending for longer than two minutes, told in the log once each: something may be amiss."""

from functools import partial

import structlog

from hakika.domain.schedule import MINUTE_MS, SECOND_MS
from hakika.engine.clock import Clock
from hakika.store.opening import Store
from hakika.store.watching.gauges import list_lingering

log = structlog.get_logger("hakika.lingering")

LONG_MS = 2 * MINUTE_MS
"""Longer than any prompt lives and any usual callback takes; what seed 004's integration logs, too."""

LOOK_EVERY_MS = 10 * SECOND_MS
BACK_MS = 10 * MINUTE_MS  # how old what a server that starts looks at may be: older ones are told by alerts
TOLD_AT_ONCE = 50


class Lingering:
    """Looks for them. The time up to which it has looked only moves on, so that none is told twice."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._looked_at_ms = 0
        self._told_upto_ms = clock() - LONG_MS - BACK_MS

    async def look(self) -> int:
        """Tell of those that are pending too long since the last look. → how many. Raises StoreUnavailable."""
        now_ms = self._clock()
        if now_ms - self._looked_at_ms < LOOK_EVERY_MS:
            return 0
        self._looked_at_ms = now_ms
        upto_ms = now_ms - LONG_MS
        # One more than is told: whether there are more.
        looking = partial(list_lingering, after_ms=self._told_upto_ms, upto_ms=upto_ms, limit=TOLD_AT_ONCE + 1)
        found = await self._store.read(looking)
        for payment, reference, stage, since_ms in found[:TOLD_AT_ONCE]:
            pending_s = (now_ms - since_ms) // 1000
            log.warning("long_pending", payment=payment, reference=reference, stage=stage, pending_s=pending_s)
        if len(found) > TOLD_AT_ONCE:
            log.warning("long_pending", more=True, asked="`hakika payments list --status pending` lists them")
        self._told_upto_ms = max(self._told_upto_ms, upto_ms)
        return len(found)
