"""What a router can be told: one Protocol, whatever it speaks. The rest of `network/` implements it.

Who wants something of a router never calls it: a row in `network_tasks` is owed (tasks.py) in the transaction that
changed the books, and the network's worker acts on it until the router confirmed. What a task asks for is read anew
from the books when it is acted on, so that a late one tells the state of now.
"""

from typing import NamedTuple, Protocol

from hakika_hotspot.domain.access import Access, Session


class Device(NamedTuple):
    """A device that may go on the air: where it was last seen."""

    mac: str
    address: str
    router: str


class RouterUnreachable(Exception):
    """It did not answer: the task stays owed."""


class RouterRefused(Exception):
    """It answered no: the session is not there, or the settings are wrong. Its words say which."""


class Network(Protocol):
    """One router."""

    async def open(self, device: Device, access: Access, /) -> None:
        """Let a device through that has no session. Where the router asks by itself (RADIUS), nothing."""

    async def change(self, session: Session, access: Access, /) -> None:
        """Give a live session another end, speed or volume."""

    async def close(self, session: Session, /) -> None:
        """End a live session. One that is gone already is closed."""
