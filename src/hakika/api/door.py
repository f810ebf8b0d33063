"""Who may use the drop-in routes: whoever has a key; without one, programs on this machine alone.

The clients of the integrations that Hakika replaces send no key of ours, and ring phones. So the door is open to
the machine itself, and to nobody who was merely handed on by it: a proxy or a tunnel in front of the server also comes
from loopback, and a page of another site comes from the developer's own browser.

A setting that names the risk opens it to anyone, within limits for each address and each phone.
"""

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.requests import Request

from hakika.api.access import Caller, Gate, is_loopback
from hakika.api.callbacks import AddressBook, Scope
from hakika.domain.errors import NotAuthenticated, TooManyRequests

DROP_IN = ("/api", "/payment")
HERE, ANYONE = "this machine", "anyone"

# A shop's server polls each of its open payments every few seconds, from one address; it prompts far less often.
READS, ACTS, MINUTE_MS = 300, 20, 60_000
# Three tries to pay are a payer's own; a fourth within ten minutes is somebody who plays with the phone.
PROMPTS, PROMPTS_MS = 3, 600_000
SO_MUCH_WITHOUT_A_KEY = "Without an API key no more may be asked from one address, or of one phone."
NAMES_KEPT = 100_000  # some 10 MB: beyond them strangers wait until others have been quiet

_HANDED_ON = frozenset(
    {
        *(b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip", b"forwarded", b"via"),
        *(b"cf-connecting-ip", b"true-client-ip", b"x-client-ip"),
    }
)
"""Headers that proxies and tunnels add: whose request it was, loopback no longer tells."""

_WHO_ASKS = frozenset({b"origin", b"x-real-ip", b"cf-connecting-ip", b"true-client-ip", b"x-client-ip"})
"""Headers that name who asks: a page of another site in a browser of this machine, or whom a tunnel lets in."""


def is_drop_in(path: str) -> bool:
    """Whether a path is, or could be, one of the drop-in routes."""
    return path in DROP_IN or path.startswith(tuple(f"{root}/" for root in DROP_IN))


class Limit:
    """At most so many in a while for each name, counted by this process."""

    def __init__(self, times: int, span_ms: int, clock: Callable[[], int]) -> None:
        self._apart_ms, self._span_ms, self._clock = span_ms / times, span_ms, clock
        self._spent_until_ms: dict[str, float] = {}

    def take(self, name: str) -> None:
        """Count one. Raises TooManyRequests, with the seconds until there is room."""
        now_ms = self._clock()
        spent_until_ms = max(now_ms, self._spent_until_ms.get(name, 0)) + self._apart_ms
        over_ms = spent_until_ms - now_ms - self._span_ms
        if over_ms > 0 or (name not in self._spent_until_ms and not self._has_room(now_ms)):
            raise TooManyRequests(SO_MUCH_WITHOUT_A_KEY, retry_after=max(1, -(-int(over_ms) // 1000)))
        self._spent_until_ms[name] = spent_until_ms

    def _has_room(self, now_ms: int) -> bool:
        if len(self._spent_until_ms) >= NAMES_KEPT:
            self._spent_until_ms = {name: at_ms for name, at_ms in self._spent_until_ms.items() if at_ms > now_ms}
        return len(self._spent_until_ms) < NAMES_KEPT


class Door:
    """Opens the drop-in routes, or does not."""

    def __init__(
        self, gate: Gate, addresses: AddressBook, clock: Callable[[], int], mode: str, *, to_anyone: bool
    ) -> None:
        """`mode`: of the payments that are asked for without a key."""
        self._gate, self._addresses, self._mode, self._to_anyone = gate, addresses, mode, to_anyone
        self._reads, self._acts = Limit(READS, MINUTE_MS, clock), Limit(ACTS, MINUTE_MS, clock)
        self._prompts = Limit(PROMPTS, PROMPTS_MS, clock)

    async def admit(self, request: Request) -> Caller:
        """→ who calls. Raises NotAuthenticated, TooManyRequests."""
        sender = request.client.host if request.client else ""
        try:
            return await self._gate.identify(request.headers.get("authorization", ""), sender)
        except NotAuthenticated:
            # Their clients may well send a token, of an app that is no longer there: it is as good as none.
            if self.is_here(request.scope):
                return Caller(HERE, self._mode)
            if not self._to_anyone:
                raise
        limit = self._reads if request.method == "GET" else self._acts
        limit.take(network_of(self._addresses.find_sender(request.scope)))
        return Caller(ANYONE, self._mode)

    def spare(self, phone: str, caller: Caller) -> None:
        """Count a prompt that just anyone asks for. Raises TooManyRequests."""
        if caller.key == ANYONE:
            self._prompts.take(phone)

    def is_here(self, scope: Scope) -> bool:
        """Whether a program on this machine asks, on its own behalf."""
        if not is_loopback(self._addresses.find_sender(scope)):
            return False
        said = [(name, value.decode("latin-1")) for name, value in scope["headers"]]
        if not all(_names_loopback(value) for name, value in said if name in _WHO_ASKS):
            return False
        if self._addresses.is_from_proxy(scope):
            return b"forwarded" not in dict(said)  # X-Forwarded-For alone is read
        # A name that leads here by a stranger's DNS, or that a proxy without these headers kept, is not ours.
        hosts = [value for name, value in said if name == b"host"]
        return not _HANDED_ON & dict(said).keys() and bool(hosts) and all(map(_names_loopback, hosts))


def _names_loopback(url: str) -> bool:
    try:
        host = urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        return False
    return host == "localhost" or host.endswith(".localhost") or is_loopback(host)


def network_of(sender: str) -> str:
    """One caller's addresses: over IPv6 everybody has 2⁶⁴ of them."""
    try:
        address = ipaddress.ip_address(sender)
    except ValueError:
        return sender
    return sender if address.version == 4 else str(ipaddress.ip_network((int(address), 64), strict=False))
