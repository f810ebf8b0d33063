"""Where Safaricom posts results: a plain ASGI application in front of the framework, because it is the hot path.

Always answered 200 `{"ResultCode":0,"ResultDesc":"Accepted"}` once the bytes are durable, whatever they are.
"""

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from hakika.engine.case import Origin
from hakika.engine.desk import Desk, Posted

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

TOKEN_PATH = "/c/"  # noqa: S105 - a path, not a token
OPEN_PATHS = frozenset(
    {
        "/mpesa/callback",
        "/api/v1/payments/mpesa/callback",
        "/api/payments/mpesa/callback",
        "/api/payment/callback",
    }
)
"""Paths that integrations gave Daraja before they had a secret in them: what comes there is a claim."""

BODY_LIMIT_BYTES = 64 * 1024
DRAINED_BYTES = 1024 * 1024  # of what is over the limit, before we stop reading
TOKEN_LENGTH = 64

_ACCEPTED = b'{"ResultCode":0,"ResultDesc":"Accepted"}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_ACCEPTED)).encode())]
_START: dict[int, MutableMapping[str, Any]] = {
    status: {"type": "http.response.start", "status": status, "headers": _HEADERS} for status in (200, 403)
}
_BODY: MutableMapping[str, Any] = {"type": "http.response.body", "body": _ACCEPTED}


class AddressBook:
    """Which addresses are Safaricom's, and which are proxies of ours."""

    def __init__(self, expected: Sequence[str], proxies: Sequence[str], *, refuse: bool) -> None:
        """Without `expected` nobody is foreign."""
        self._expected, self._proxies = _networks(expected), _networks(proxies)
        self.refuse = refuse
        self._known: dict[str, bool] = {}

    def find_sender(self, scope: Scope) -> str:
        """The address that posted; X-Forwarded-For counts only as far back as our own proxies wrote it."""
        client = scope.get("client")
        sender = str(client[0]) if client else ""
        if not self._proxies or not _is_among(sender, self._proxies):
            return sender
        for hop in reversed(_header(scope, b"x-forwarded-for").split(",")):
            sender = hop.strip() or sender
            if not _is_among(sender, self._proxies):
                break
        return sender

    def is_foreign(self, sender: str) -> bool:
        """Whether Safaricom does not post from there."""
        if not self._expected:
            return False
        known = self._known.get(sender)
        if known is None:
            known = not _is_among(sender, self._expected)
            if len(self._known) < 10_000:
                self._known[sender] = known
        return known


class Callbacks:
    """Takes callback posts; hands every other request on."""

    def __init__(self, desk: Desk, addresses: AddressBook, clock: Callable[[], int], others: Asgi) -> None:
        self._desk, self._addresses, self._clock, self._others = desk, addresses, clock, others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            path = scope["path"]
            if path.startswith(TOKEN_PATH):
                return await self._take(path[len(TOKEN_PATH) :], scope, receive, send)
            if path in OPEN_PATHS:
                return await self._take("", scope, receive, send)
        return await self._others(scope, receive, send)

    async def _take(self, token: str, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        body, truncated = message.get("body", b""), False
        if message.get("more_body") or len(body) > BODY_LIMIT_BYTES:
            body, truncated = await _read_rest(message, receive)
        sender = self._addresses.find_sender(scope)
        foreign = self._addresses.is_foreign(sender)
        refused = foreign and self._addresses.refuse
        path = f"{TOKEN_PATH}…" if token else scope["path"]
        origin = Origin(sender, path, _header(scope, b"businessshortcode")[:16], truncated)
        posted = Posted(body, token[:TOKEN_LENGTH], origin, self._clock(), foreign, refused)
        await self._desk.receive(posted)
        await send(_START[403 if refused else 200])
        await send(_BODY)


async def _read_rest(message: MutableMapping[str, Any], receive: Receive) -> tuple[bytes, bool]:
    """Read on. → the first 64 KiB, and whether there was more or the sender went away."""
    body, read = bytearray(message.get("body", b"")), len(message.get("body", b""))
    while message.get("more_body") and read < DRAINED_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body[:BODY_LIMIT_BYTES]), True
        read += len(message.get("body", b""))
        if len(body) < BODY_LIMIT_BYTES:
            body += message.get("body", b"")
    return bytes(body[:BODY_LIMIT_BYTES]), read > BODY_LIMIT_BYTES


def _header(scope: Scope, name: bytes) -> str:
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return ""


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(addresses: Sequence[str]) -> list[_Network]:
    return [ipaddress.ip_network(address, strict=False) for address in addresses]


def _is_among(sender: str, networks: Sequence[_Network]) -> bool:
    try:
        address = ipaddress.ip_address(sender)
    except ValueError:
        return False
    return any(address in network for network in networks)
