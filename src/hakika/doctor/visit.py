"""A visit to a URL, as its callers make it: resolved, connected to a looked-up address, answered or not.

Certificates are not verified on visits to the callback URL: that is the matter of one check, and the others must still
see what answers behind a bad one. Nothing secret is sent on them.
"""

import asyncio
import functools
import re
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from hakika import __version__
from hakika.doctor.ground import Ground
from hakika.engine.webhooks.addresses import name_kind

CONNECTED_WITHIN_S = 2.5
WITHIN_S = 4.0  # less than a check may take: so the finding is the check's own
KEPT_BYTES = 16 * 1024
ERROR_LENGTH = 200
USER_AGENT = f"Hakika/{__version__} (doctor)"

_NEVER = frozenset({"link-local", "a multicast one", "no machine's", "a cloud's metadata"})
"""What no public name has a reason to lead to; what answers there must not be quoted in a finding."""


class Trouble(StrEnum):
    """Why there is no answer."""

    NONE = ""
    NAME = "the name leads nowhere"
    UNREACHABLE = "no connection"
    TLS = "no TLS"
    SLOW = "no answer in time"
    BROKEN = "no whole answer"


class Visit(NamedTuple):
    """What came of it. `status` 0: no answer; header names are in lower case."""

    url: str
    status: int = 0
    headers: Mapping[str, str] = {}
    body: bytes = b""
    trouble: Trouble = Trouble.NONE
    error: str = ""
    took_ms: int = 0

    @property
    def text(self) -> str:
        """The beginning of the body."""
        return self.body.decode("utf-8", "replace")


class Nowhere(OSError):
    """The name leads to nothing that is visited."""


async def find_places(ground: Ground, host: str, port: int) -> Sequence[tuple[str, int]]:
    """Where to connect for a host: (address, port). Raises OSError."""
    fixed = ground.resolve.get(host)
    if fixed:
        address, _, fixed_port = fixed.rpartition(":")
        return [(address, int(fixed_port))]
    addresses = await ground.look_up(host, port)
    for address in addresses:
        kind = name_kind(address)
        if kind in _NEVER:
            raise Nowhere(f"{address} is {kind}: not visited")
    if not addresses:
        raise Nowhere("it has no address")
    return [(address, port) for address in addresses]


class _Resolver(AbstractResolver):
    """The ground's, for aiohttp, which connects to what it is told and keeps the name for Host and SNI."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - as aiohttp calls it
    ) -> list[ResolveResult]:
        """All places, of either family. Raises OSError."""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=place_port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address, place_port in await find_places(self._ground, host, port)
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def visit(
    ground: Ground,
    method: str,
    url: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    verified: bool = False,
    within_s: float = 0,
) -> Visit:
    """Ask once; redirects are not followed. Never raises: whatever happened is in the answer.

    `verified`: the certificate must hold, and the environment's proxy is used, as for Daraja.
    """
    began_s, within_s = time.monotonic(), within_s or WITHIN_S
    tls = trust(ground) if verified else False
    try:
        async with (
            asyncio.timeout(within_s),
            _open(ground, proxied=verified) as session,
            session.request(method, url, data=body or None, headers=headers, allow_redirects=False, ssl=tls) as answer,
        ):
            begun = await _read(answer)
            named = {name.lower(): value for name, value in answer.headers.items()}
            return Visit(url, answer.status, named, begun, took_ms=_since(began_s))
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Visit(url, trouble=_name(error), error=explain(error, within_s), took_ms=_since(began_s))


def _open(ground: Ground, *, proxied: bool) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=_Resolver(ground), use_dns_cache=False, force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, connect=CONNECTED_WITHIN_S),
        headers={"User-Agent": USER_AGENT},
        trust_env=proxied,
    )


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    while len(body) < KEPT_BYTES:
        chunk = await answer.content.read(KEPT_BYTES - len(body))
        if not chunk:
            break
        body += chunk
    return bytes(body)


def trust(ground: Ground) -> ssl.SSLContext:
    """What a caller trusts: the system's authorities, and those that were handed in."""
    return _load_trust(ground.certificates)


@functools.lru_cache(4)  # reading all authorities takes 20 ms
def _load_trust(certificates: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if certificates is not None:
        context.load_verify_locations(certificates)
    return context


def explain(error: BaseException, within_s: float = CONNECTED_WITHIN_S) -> str:
    """What stood in the way, in a line."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no connection within {CONNECTED_WITHIN_S:g} s"
    if isinstance(error, TimeoutError) and not error.args:
        return f"no whole answer within {within_s:.1f} s"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the certificate is not valid: {error.certificate_error}"[:ERROR_LENGTH]
    if isinstance(error, aiohttp.ClientConnectorError):
        return explain(error.os_error)
    strerror = getattr(error, "strerror", None)
    return (str(strerror or "") or str(error) or type(error).__name__)[:ERROR_LENGTH]


def _name(error: BaseException) -> Trouble:
    if isinstance(error, aiohttp.ClientConnectorDNSError | socket.gaierror | Nowhere):
        return Trouble.NAME
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return Trouble.TLS
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Trouble.UNREACHABLE
    return Trouble.SLOW if isinstance(error, TimeoutError) else Trouble.BROKEN


def _since(began_s: float) -> int:
    return round((time.monotonic() - began_s) * 1000)


def quote(seen: Visit, length: int = 80) -> str:
    """An answer in a line: `HTTP 404 from nginx: "Not Found"`."""
    server = f" from {seen.headers['server'][:40]}" if seen.headers.get("server") else ""
    said = " ".join(_strip(seen.text).split())[:length]
    return f"HTTP {seen.status}{server}" + (f": “{said}”" if said else ", empty")


def _strip(page: str) -> str:
    """The title of a page of HTML, else its words; anything else as it is."""
    titled = re.search(r"<title>([^<]+)</title>", page, re.IGNORECASE)
    if titled:
        return titled[1]
    return re.sub(r"<[^>]*>?", " ", page) if page.lstrip()[:1] == "<" else page


def host_of(url: str) -> tuple[str, int]:
    """(host, port) of a URL. Raises ValueError."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
