"""The notifier: it tells people of events by Apprise, in threads, through the same lanes as webhooks.

Apprise connects by itself: the host that a URL chose is resolved and checked first, and redirects are not followed.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from hakika.engine.addresses import AddressRule
from hakika.engine.alerts.wording import put_in_words
from hakika.engine.apprise_urls import host_of, open_plugin, scrub
from hakika.engine.outbound import ERROR_LENGTH, SENT_WITHIN_S, Refused, Reply, Resolve, Resolver
from hakika.store.events import EventRow

AT_ONCE = 8
LINES_KEPT = 5
TAKEN = 200  # how a message that its service took is shown among attempts


class Notifier:
    """Sends messages."""

    def __init__(self, rule: AddressRule, resolve: Resolve, within_s: float = SENT_WITHIN_S) -> None:
        self._rule, self._resolve, self._within_s = rule, resolve, within_s
        self._threads = ThreadPoolExecutor(AT_ONCE, "messages")
        _quieten()

    async def send(self, url: str, event: EventRow) -> Reply:
        """Tell of an event. Never raises: whatever happened is in the reply."""
        started = time.monotonic()
        error = ""
        try:
            async with asyncio.timeout(self._within_s):
                error = await self._send(url, event)
        except TimeoutError:
            error = f"no answer within {self._within_s:g} s"
        except Refused as refusal:
            error = str(refusal)
        except Exception as failure:  # noqa: BLE001 - plugins raise what they like
            error = f"{type(failure).__name__}: {failure}"
        took_ms = round((time.monotonic() - started) * 1000)
        return Reply(0 if error else TAKEN, scrub(error, url)[:ERROR_LENGTH], b"", took_ms)

    async def _send(self, url: str, event: EventRow) -> str:
        loop = asyncio.get_running_loop()
        plugin = await loop.run_in_executor(self._threads, open_plugin, url)
        if plugin is None:
            raise Refused("its URL is none that can be sent to any more")
        host = host_of(plugin, url)
        if host:
            await self._check_host(host)
        title, body = put_in_words(event)
        return await loop.run_in_executor(self._threads, _notify, plugin, title, body, self._within_s)

    async def _check_host(self, host: str) -> None:
        try:
            addresses = await self._resolve(host, 0)
        except OSError as error:
            raise Refused(f"the name {host} has no address") from error
        for address in addresses:
            refusal = self._rule.refuse(host, address)
            if refusal:
                raise Refused(refusal)

    def close(self) -> None:
        """Let go of the threads, also of those that wait for a service."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@asynccontextmanager
async def open_notifier(
    rule: AddressRule, *, resolve: Resolve | None = None, within_s: float = SENT_WITHIN_S
) -> AsyncIterator[Notifier]:
    """Open a notifier."""
    with contextlib.closing(Resolver()) as resolver:
        notifier = Notifier(rule, resolve or resolver, within_s)
        with contextlib.closing(notifier):
            yield notifier


def _notify(plugin: Any, title: str, body: str, within_s: float) -> str:
    """Send, and wait for it. → what went wrong, or `""`."""
    plugin.socket_connect_timeout = plugin.socket_read_timeout = within_s
    with _ears.listen() as heard:
        taken = plugin.notify(body=body, title=title, body_format="text")
    return "" if taken else "; ".join(heard) or "the service did not take it"


class _Ears(logging.Handler):
    """Hears why: Apprise only logs it. Thread by thread, and nothing of it reaches our own log: it may name secrets."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._heard = threading.local()

    @contextmanager
    def listen(self) -> Iterator[list[str]]:
        """What is logged in this thread meanwhile."""
        lines: list[str] = []
        self._heard.lines = lines
        try:
            yield lines
        finally:
            self._heard.lines = None

    def emit(self, record: logging.LogRecord) -> None:
        """One line of Apprise's log."""
        lines = getattr(self._heard, "lines", None)
        if lines is None or len(lines) == LINES_KEPT:
            return
        said = record.getMessage()
        if record.levelno >= logging.WARNING or said.startswith("Socket Exception"):  # why, of a connection
            lines.append(" ".join(said.split()))


_ears = _Ears()


def _quieten() -> None:
    """Have nothing of Apprise, nor of what it posts with, in the log: URLs of services hold secrets."""
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)  # some reasons stand there alone
    if _ears not in logger.handlers:
        logger.addHandler(_ears)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
