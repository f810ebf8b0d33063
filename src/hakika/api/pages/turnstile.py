"""How often one address may press: the pages are open to everybody, and phones ring."""

from collections.abc import Callable

from starlette.requests import Request

from hakika.api.callbacks import AddressBook
from hakika.api.door import MINUTE_MS, Limit, network_of

# Kenyan mobile networks put many payers behind one address, so it may press far more often than one person would;
# what protects a phone is its own limit (`engine.prompting`).
PRESSES, LINKS, LOGINS = 30, 30, 10


class Turnstile:
    """Counts by address, in this process."""

    def __init__(self, addresses: AddressBook, clock: Callable[[], int]) -> None:
        self._addresses = addresses
        self._limits = {
            "press": Limit(PRESSES, MINUTE_MS, clock),
            "link": Limit(LINKS, MINUTE_MS, clock),
            "login": Limit(LOGINS, MINUTE_MS, clock),
        }

    def admit(self, request: Request, act: str) -> None:
        """Count one `press`, `link` or `login`. Raises TooManyRequests."""
        self._limits[act].take(network_of(self._addresses.find_sender(request.scope)))
