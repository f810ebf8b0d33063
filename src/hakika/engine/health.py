"""Whether callbacks arrive, account by account: what decides when Daraja is asked.

While they do, the first query waits until a callback would be overdue. When they do not (localhost, a broken
tunnel, an outage), and before anything is known, queries start early.
"""

from collections.abc import Callable

from hakika.domain.schedule import SECOND_MS
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

    def arrive(self, account: str) -> bool:
        """Whether the account's callbacks arrive, as far as we know."""
        return self._arrive.get(account, False)

    def look(self, tx: Transaction, account: str) -> bool:
        """Look again. → True when callbacks just stopped arriving, so that queries must hurry."""
        ended, called_back = count_callbacks(tx, account, self._clock() - SETTLING_MS, LATEST)
        before, now = self.arrive(account), ended >= ENOUGH and called_back >= ended * ARRIVING_SHARE
        self._arrive[account] = now
        return before and not now
