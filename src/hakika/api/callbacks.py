"""Where Safaricom posts results: a plain ASGI application in front of the framework, because it is the hot path.

Always answered 200 `{"ResultCode":0,"ResultDesc":"Accepted"}` once the bytes are durable, whatever they are.
"""

import functools
import ipaddress
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import structlog

from hakika.api.problems import MethodNotAllowed, answer
from hakika.engine.case import Origin, Recorded
from hakika.engine.desk import Desk, Posted

log = structlog.get_logger("hakika.callbacks")

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
ADDRESS_LENGTH = 64  # an IPv6 address has at most 45 characters: more is garbage, of which a piece is enough
DRAINED_BYTES = 1024 * 1024  # of what is over the limit, before we stop reading
_TOKEN = re.compile(r"[0-9A-Za-z_-]{1,64}")

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
        sender = _bare_address(str(client[0])) if client else ""
        if not self._proxies or not _is_among(sender, self._proxies):
            return sender
        for hop in reversed(_headers(scope, b"x-forwarded-for").split(",")):
            sender = _bare_address(hop) or sender
            if not _is_among(sender, self._proxies):
                break
        return sender

    def is_from_proxy(self, scope: Scope) -> bool:
        """Whether a proxy of ours handed the request on and says for whom."""
        client = scope.get("client")
        near = _bare_address(str(client[0])) if client else ""
        return _is_among(near, self._proxies) and bool(_headers(scope, b"x-forwarded-for").strip(" ,"))

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
        if scope["type"] == "http":
            path = scope["path"]
            if path.startswith(TOKEN_PATH):
                return await self._admit(path[len(TOKEN_PATH) :], scope, receive, send)
            if path in OPEN_PATHS or path.removesuffix("/") in OPEN_PATHS:
                return await self._admit("", scope, receive, send)
        return await self._others(scope, receive, send)

    async def _admit(self, token: str, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            return await self._take(token, scope, receive, send)
        error = MethodNotAllowed("Results are posted here.")  # nothing of ours or Safaricom's does anything else
        return await answer(error, {"Allow": "POST"})(scope, receive, send)

    async def _take(self, token: str, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        body, truncated = message.get("body", b""), message["type"] == "http.disconnect"
        if message.get("more_body") or len(body) > BODY_LIMIT_BYTES:
            body, truncated = await _read_rest(message, receive)
        sender = self._addresses.find_sender(scope)
        foreign = self._addresses.is_foreign(sender)
        refused = foreign and self._addresses.refuse
        path = f"{TOKEN_PATH}…" if token else scope["path"]
        token = token.removesuffix("/")
        if not _TOKEN.fullmatch(token):
            token = ""  # not one of ours, and not fit for a database: what came is a claim at most
        origin = Origin(sender, path, _headers(scope, b"businessshortcode")[:16], truncated)
        posted = Posted(body, token, origin, self._clock(), foreign, refused)
        recorded = await self._desk.receive(posted)
        await send(_START[403 if refused else 200])
        await send(_BODY)
        if log.is_enabled_for(logging.DEBUG):
            _note_raw(scope, posted, recorded)


def _note_raw(scope: Scope, posted: Posted, recorded: Recorded | None) -> None:
    """Log a callback as it came, where somebody debugs."""
    log.debug(
        "callback_raw",
        payment=recorded.payment.id if recorded and recorded.payment else "",
        path=posted.origin.path,
        sender=posted.origin.remote,
        headers={key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]},
        body=posted.body.decode("utf-8", "replace"),
    )


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


def _headers(scope: Scope, name: bytes) -> str:
    """All headers of that name as one, in order: a proxy may add a line of its own below a forged one."""
    return ",".join([value.decode("latin-1") for key, value in scope["headers"] if key == name])


def _bare_address(text: str) -> str:
    """`196.201.212.69:443`, `[2001:db8::1]:443`, `::ffff:196.201.212.69` → the address alone, in its one spelling."""
    return _spell_address(text.strip()[:ADDRESS_LENGTH])


@functools.lru_cache(4096)
def _spell_address(text: str) -> str:
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(addresses: Sequence[str]) -> list[_Network]:
    return [ipaddress.ip_network(address, strict=False) for address in addresses]


def _is_among(sender: str, networks: Sequence[_Network]) -> bool:
    try:
        address = ipaddress.ip_address(sender)
    except ValueError:
        return False
    return any(address in network for network in networks)
