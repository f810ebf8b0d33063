"""How often one address may press, and how many pages it may hold: they are open to everybody, and phones ring."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.requests import Request

from hakika.api.callbacks import AddressBook
from hakika.api.door import MINUTE_MS, Limit, network_of

# Kenyan mobile networks put many payers behind one address, so it may press far more often than one person would;
# what protects a phone is its own limit (`engine.checkout.prompting`).
PRESSES, LINKS, LOGINS = 30, 30, 10
# Pages that wait for news. More are answered at once, and ask again: nobody fills the server with them.
HELD_AT_ONCE = 500


class Turnstile:
    """Counts by address, in this process."""

    def __init__(self, addresses: AddressBook, clock: Callable[[], int]) -> None:
        self._addresses = addresses
        self._held: Counter[str] = Counter()
        self._limits = {
            "press": Limit(PRESSES, MINUTE_MS, clock),
            "link": Limit(LINKS, MINUTE_MS, clock),
            "login": Limit(LOGINS, MINUTE_MS, clock),
        }

    def admit(self, request: Request, act: str) -> None:
        """Count one `press`, `link` or `login`. Raises TooManyRequests."""
        self._limits[act].take(network_of(self._addresses.find_sender(request.scope)))

    @contextmanager
    def hold(self, request: Request) -> Iterator[bool]:
        """Whether one more page of that address may wait for news; it does until the block ends."""
        address = network_of(self._addresses.find_sender(request.scope))
        may = self._held[address] < HELD_AT_ONCE
        self._held[address] += may
        try:
            yield may
        finally:
            self._held[address] -= may
            if not self._held[address]:
                del self._held[address]
