"""Sending to URLs that strangers gave: resolved, checked and connected anew at every attempt.

The name is resolved here, every address that it has is checked, and the connection is made to a checked address,
with the name in Host and SNI: nobody resolves it a second time, so a name that changes its mind leads nowhere else.
"""

import asyncio
import contextlib
import functools
import ipaddress
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import aiohttp
from yarl import URL

from hakika.engine.webhooks.addresses import AddressRule

SENT_WITHIN_S = 15.0
ANSWER_KEPT_BYTES = 4096
ADDRESSES_TRIED = 3
LOOKUPS_AT_ONCE = 64
KEPT_OPEN_S = 1.8  # shorter than servers keep theirs (2 s and more): what they close under us would be a failure
ERROR_LENGTH = 300

_BEFORE_SENDING = (aiohttp.ClientConnectorError, aiohttp.ClientConnectorCertificateError, socket.gaierror)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class Reply(NamedTuple):
    """What came of one attempt. `status_code` 0: no answer; `retry_after_s`: as the receiver asked.

    `never_left`: no connection was made, so surely nothing was sent.
    """

    status_code: int
    error: str
    answer: bytes
    took_ms: int
    retry_after_s: float = 0.0
    never_left: bool = False

    @property
    def taken(self) -> bool:
        """Whether the receiver took it."""
        return 200 <= self.status_code < 300


class Refused(Exception):
    """We do not send there."""


class Resolver:
    """Asks the system for a host's addresses. Who asks while somebody asks already gets the same answer."""

    def __init__(self) -> None:
        # Threads of its own: a name server that hangs must not keep anything else waiting.
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, "resolve")
        self._asking: dict[tuple[str, int], asyncio.Future[Sequence[str]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """→ all addresses. Raises OSError."""
        if _is_address(host):
            return [host]
        key = (host, port)
        asking = self._asking.get(key)
        if asking is None:
            asking = asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)
            self._asking[key] = asking
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(asking)

    def close(self) -> None:
        """Let go of the threads, also of those that wait for a name server."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@functools.lru_cache(4096)
def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Sender:
    """Posts to URLs."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        rule: AddressRule,
        resolve: Resolve,
        *,
        tls: ssl.SSLContext | bool = True,
        within_s: float = SENT_WITHIN_S,
    ) -> None:
        self._session, self._rule, self._resolve = session, rule, resolve
        self._tls, self._within_s = tls, within_s

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Post a body. Never raises: whatever happened is in the reply."""
        started = time.monotonic()
        progress = _Progress()
        error, never_left = "", False
        try:
            async with asyncio.timeout(self._within_s):
                await self._post(URL(url), body, headers, progress)
        except TimeoutError:
            error = f"no whole answer within {self._within_s:g} s"
        except Refused as refusal:
            error, never_left = str(refusal), True
        except Exception as failure:  # noqa: BLE001 - whatever a stranger answers: a failed attempt, and recorded as one
            error, never_left = _describe(failure), isinstance(failure, _BEFORE_SENDING)
        took_ms = round((time.monotonic() - started) * 1000)
        if not error and 300 <= progress.status_code < 400:
            error = "redirects are not followed"
        return Reply(progress.status_code, error, bytes(progress.answer), took_ms, progress.retry_after_s, never_left)

    async def _post(self, url: URL, body: bytes, headers: Mapping[str, str], progress: "_Progress") -> None:
        addresses = await self._find_addresses(url)
        sent = {**headers, "Host": url.host_port_subcomponent or ""}
        for place, address in enumerate(addresses, start=1):
            try:
                async with self._session.post(
                    url.with_host(address),
                    data=body,
                    headers=sent,
                    allow_redirects=False,
                    ssl=self._tls,
                    server_hostname=url.raw_host if url.scheme == "https" else None,
                ) as response:
                    await progress.read(response)
                    return
            except aiohttp.ClientConnectorError as failure:
                if place == len(addresses) or isinstance(failure, aiohttp.ClientConnectorCertificateError):
                    raise

    async def _find_addresses(self, url: URL) -> Sequence[str]:
        host = (url.raw_host or "").partition("%")[0]
        addresses = await self._resolve(host, url.port or 443)
        if not addresses:
            raise Refused(f"{host} has no address")
        for address in addresses:
            refusal = self._rule.refuse(host, address)
            if refusal:
                raise Refused(refusal)
        return addresses[:ADDRESSES_TRIED]


class _Progress:
    """What has been heard so far: kept even when the rest never comes."""

    def __init__(self) -> None:
        self.status_code, self.retry_after_s = 0, 0.0
        self.answer = bytearray()

    async def read(self, response: aiohttp.ClientResponse) -> None:
        """Read the status and the first 4 KiB; the connection of a longer answer is closed."""
        self.status_code = response.status
        self.retry_after_s = read_retry_after(response.headers.get("Retry-After", ""), time.time())
        while len(self.answer) < ANSWER_KEPT_BYTES:
            chunk = await response.content.read(ANSWER_KEPT_BYTES - len(self.answer))
            if not chunk:
                return
            self.answer += chunk
        if not response.content.at_eof():
            response.close()


def read_retry_after(value: str, now_s: float) -> float:
    """Seconds of a Retry-After header, which may be a date; 0 where it is neither."""
    seconds = value.strip()
    if seconds.isascii() and seconds.isdigit():
        return float(seconds[:9])
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now_s)


@asynccontextmanager
async def open_sender(
    rule: AddressRule,
    *,
    resolve: Resolve | None = None,
    tls: ssl.SSLContext | bool = True,
    within_s: float = SENT_WITHIN_S,
) -> AsyncIterator[Sender]:
    """Open a sender. It keeps connections to the checked addresses, and no cookies; it uses no proxy."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_OPEN_S, use_dns_cache=False)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),  # ours is around all of it, the resolving included
        auto_decompress=False,
        trust_env=False,
    ) as session:
        resolver = Resolver()
        with contextlib.closing(resolver):
            yield Sender(session, rule, resolve or resolver, tls=tls, within_s=within_s)


def _describe(failure: Exception) -> str:
    if isinstance(failure, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not valid: {failure.certificate_error}"[:ERROR_LENGTH]
    if isinstance(failure, socket.gaierror):
        return f"the name has no address: {failure.strerror}"[:ERROR_LENGTH]
    return f"{type(failure).__name__}: {failure}"[:ERROR_LENGTH]
