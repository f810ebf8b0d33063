"""`Hakika` and `AsyncHakika`: the same calls, answered at once or awaited."""

import ipaddress
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic
from urllib.parse import urlsplit

import httpx2

from hakika.client.checkouts import Checkouts, Links
from hakika.client.codes import NotAuthenticated
from hakika.client.endpoints import Endpoints
from hakika.client.errors import NotHakika
from hakika.client.events import Events
from hakika.client.exchange import Exchange
from hakika.client.payments import Payments
from hakika.client.retries import Retries
from hakika.client.server import Server
from hakika.client.shells import Awaiting, Blocking
from hakika.client.steps import Shell

SERVER = "http://localhost:8000"
ANSWER_S = 30.0


class _Client(Generic[Shell]):
    """The calls, in groups, of one colour."""

    def __init__(self, exchange: Exchange, shell: Shell) -> None:
        self._shell = shell
        self.payments: Payments[Shell] = Payments(exchange, shell)
        self.events: Events[Shell] = Events(exchange, shell)
        self.endpoints: Endpoints[Shell] = Endpoints(exchange, shell)
        self.checkouts: Checkouts[Shell] = Checkouts(exchange, shell)
        self.links: Links[Shell] = Links(exchange, shell)
        self.server: Server[Shell] = Server(exchange, shell)


class Hakika(_Client[Blocking]):
    """A Hakika server. Safe to share between threads; close it, or use it in a `with`.

    `server` and `api_key` are, when not given, HAKIKA_SERVER (http://localhost:8000) and HAKIKA_API_KEY. `language`
    (`en`, `sw`) is that of the words for payers. The rest is for tests, and for those who know why.
    """

    def __init__(
        self,
        api_key: str | None = None,
        server: str | None = None,
        *,
        language: str = "en",
        timeout_s: float = ANSWER_S,
        retries: Retries = Retries(),  # noqa: B008 - it is frozen
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        make_key: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        http = httpx2.Client(**_settings(api_key, server, language, timeout_s), transport=transport)
        super().__init__(Exchange(retries, clock, make_key), Blocking(http, sleep))

    def close(self) -> None:
        """Close its connections."""
        self._shell.http.close()

    def __enter__(self) -> "Hakika":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncHakika(_Client[Awaiting]):
    """A Hakika server, for asyncio: see `Hakika`. Every call is awaited; streams are for `async for`."""

    def __init__(
        self,
        api_key: str | None = None,
        server: str | None = None,
        *,
        language: str = "en",
        timeout_s: float = ANSWER_S,
        retries: Retries = Retries(),  # noqa: B008
        transport: httpx2.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        make_key: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        http = httpx2.AsyncClient(**_settings(api_key, server, language, timeout_s), transport=transport)
        super().__init__(Exchange(retries, clock, make_key), Awaiting(http, sleep))

    async def close(self) -> None:
        """Close its connections."""
        await self._shell.http.aclose()

    async def __aenter__(self) -> "AsyncHakika":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _settings(api_key: str | None, server: str | None, language: str, timeout_s: float) -> dict[str, Any]:
    key = api_key or os.environ.get("HAKIKA_API_KEY", "")
    url = (server or os.environ.get("HAKIKA_SERVER", "") or SERVER).rstrip("/")
    if not key:
        raise NotAuthenticated("There is no API key: give `api_key=` or set HAKIKA_API_KEY.")
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise NotHakika(f"{url!r} is no address of a server: give `server=` or set HAKIKA_SERVER.")
    return {
        "base_url": url,
        "headers": {"Authorization": f"Bearer {key}", "Accept-Language": language, "User-Agent": "hakika-python"},
        "timeout": httpx2.Timeout(timeout_s, connect=min(timeout_s, 10.0)),
        "trust_env": not _is_loopback(url),  # a proxy of the environment is for the internet, not for this machine
        "limits": httpx2.Limits(max_connections=None, max_keepalive_connections=20),  # each wait holds one
    }


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
