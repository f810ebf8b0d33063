"""What tunnel programs have in common: where they tell about themselves, how they are started, what a look shows."""

from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from hakika.serving.tunnels.local import LocalApi


class Target(NamedTuple):
    """Where a tunnel must lead: to us."""

    upstream: str  # http://127.0.0.1:8000
    port: int
    plain: bool = False  # whether an http address will do: the simulator posts there, Safaricom does not


class Sighting(NamedTuple):
    """What a look at a tunnel program showed: addresses that lead to us, the best first, or why there is none."""

    origins: tuple[str, ...] = ()
    why: str = ""
    cure: str = ""
    mute: bool = False  # it is there and did not answer in time: nothing is known


ABSENT = Sighting()
MUTE = Sighting(mute=True)


class Said(NamedTuple):
    """What a line of a program's log told: the address, where it tells more, or what troubles it."""

    origin: str = ""
    api: str = ""
    trouble: str = ""


class Agent(Protocol):
    """A tunnel program."""

    name: str  # of the program as well
    addresses: tuple[str, ...]  # where one that runs usually tells about itself
    note: str  # what to know of its addresses

    def command(self, program: str, target: Target) -> list[str]:
        """How it is started, so that it leads to us and writes its log to a pipe."""

    def read_line(self, line: str) -> Said:
        """What a line of its log tells."""

    async def look(self, api: LocalApi, address: str, target: Target) -> Sighting:
        """Ask one that runs. Raises LocalApi's Absent and Mute."""


def leads_to(target: Target, address: str) -> bool:
    """Whether an upstream address as a person writes it (8000, localhost:8000, http://localhost:8000) is ours.

    The port decides: a tunnel in a container calls this machine by other names.
    """
    text = f"localhost:{address}" if address.isdigit() else address
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port or 80
    except ValueError:
        return False
    return parts.scheme == "http" and port == target.port
