"""How things stand for all nodes together, read at most every ten seconds: whoever asks more often loads nothing."""

import asyncio
from functools import partial
from typing import NamedTuple

import msgspec

from hakika.domain.budget import Budget, refill
from hakika.domain.errors import StoreUnavailable
from hakika.engine.accounts import Accounts
from hakika.engine.clock import Clock
from hakika.store.opening import Store
from hakika.store.watching.gauges import Gauges, read_gauges

KEPT_MS = 10_000
WITHIN_S = 2.0
_DECODE = msgspec.json.Decoder(Budget).decode


class Standing(NamedTuple):
    """What the store says, and each account's budget by the account's name."""

    gauges: Gauges
    budgets: dict[str, Budget]
    accounts: dict[str, str]  # id → name


class Gauging:
    """Reads the gauges, one reading at a time."""

    def __init__(self, store: Store, accounts: Accounts, clock: Clock) -> None:
        self._store, self._accounts, self._clock = store, accounts, clock
        self._kept: Standing | None = None
        self._read_at_ms = 0
        self._reading = asyncio.Lock()

    def now(self) -> int:
        """The time, by the clock of everything here."""
        return self._clock()

    async def read(self) -> Standing | None:
        """→ how things stand, or None where the store does not say so within two seconds."""
        async with self._reading:
            age_ms = self._clock() - self._read_at_ms
            if self._kept is None or not 0 <= age_ms < KEPT_MS * self._clock.speed:
                self._read_at_ms = self._clock()
                self._kept = await self._look()
            return self._kept

    async def _look(self) -> Standing | None:
        now_ms = self._clock()
        try:
            async with asyncio.timeout(WITHIN_S):
                gauges = await self._store.read(partial(read_gauges, now_ms=now_ms))
        except (StoreUnavailable, TimeoutError):
            return None
        names = {account.id: account.name for account in self._accounts.known()}
        budgets = {names.get(account, account): _DECODE(state) for account, state in gauges.budgets.items()}
        return Standing(gauges, {name: refill(budget, now_ms) for name, budget in budgets.items()}, names)
