"""Whether callbacks arrive, account by account: what decides when Daraja is asked.

While they do, the first query waits until a callback would be overdue; where somebody waits for the payment, a few come
before that, as far as the budget has plenty left (docs/decisions/0011). When they do not (localhost, a broken
tunnel, an outage), and before anything is known, queries start early. Where a tunnel says that no address leads to
us, or that it changed since a prompt was sent, nobody waits for callbacks to be missed first.
"""

from collections.abc import Callable

from hakika.domain.schedule import CALLBACK_OVERDUE_MS, SECOND_MS
from hakika.store.payments import count_callbacks
from hakika.store.transaction import Transaction

LATEST = 20  # payments that are looked at
ENOUGH = 3  # fewer than this say nothing
SETTLING_MS = 15 * SECOND_MS  # a callback may come this long after a query settled its payment
ARRIVING_SHARE = 0.8


class CallbackHealth:
    """What is known of each account's callbacks, renewed from the store by `look`."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._arrive: dict[str, bool] = {}
        self._open_since: Callable[[], int | None] = lambda: 0
        self._looked_through: dict[str, int | None] = {}  # account → since when the address was open, at the last look

    def watch(self, open_since: Callable[[], int | None]) -> None:
        """Let a tunnel say since when the address that pushes carry has led to us; None: no address does."""
        self._open_since = open_since

    def arrive(self, account: str) -> bool:
        """Whether the account's callbacks arrive, as far as we know."""
        return self._open_since() is not None and self._arrive.get(account, False)

    def expect(self, account: str, sent_at_ms: int) -> bool:
        """Whether the callback of a prompt sent then can be expected: one to an address that is gone cannot."""
        since_ms = self._open_since()
        return since_ms is not None and sent_at_ms >= since_ms and self._arrive.get(account, False)

    def look(self, tx: Transaction, account: str) -> bool:
        """Look again. → True when callbacks just stopped arriving, so that queries must hurry."""
        since_ms = self._open_since()
        now_ms, before = self._clock(), self._arrive.get(account, False)
        # A query for one who waits may end a payment long before its callback would be overdue: that is not missed yet.
        missed_ms = now_ms - CALLBACK_OVERDUE_MS if before else now_ms
        ended, called_back = count_callbacks(tx, account, since_ms or 0, missed_ms, now_ms - SETTLING_MS, LATEST)
        now = since_ms is not None and ended >= ENOUGH and called_back >= ended * ARRIVING_SHARE
        moved = self._looked_through.get(account, since_ms) != since_ms
        self._arrive[account], self._looked_through[account] = now, since_ms
        return before and (moved or not now)
