"""The notifier: it tells people of events by Apprise, in threads, through the same lanes as webhooks.

Apprise connects by itself: the host that a URL chose is resolved and checked first, and redirects are not followed.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hakika.engine.alerts.wording import put_in_words
from hakika.engine.aside import run_aside
from hakika.engine.messages.apprise_calls import Calls, Crowded, check_host, notify, open_plugin
from hakika.engine.messages.apprise_urls import host_of, scrub
from hakika.engine.webhooks.addresses import AddressRule
from hakika.engine.webhooks.outbound import ERROR_LENGTH, SENT_WITHIN_S, Refused, Reply, Resolve, Resolver
from hakika.store.events import EventRow

TAKEN = 200  # how a message that its service took is shown among attempts


class Notifier:
    """Sends messages."""

    def __init__(self, rule: AddressRule, resolve: Resolve, within_s: float = SENT_WITHIN_S) -> None:
        self._rule, self._resolve, self._within_s = rule, resolve, within_s
        self._calls = Calls()

    async def send(self, url: str, event: EventRow) -> Reply:
        """Tell of an event. Never raises: whatever happened is in the reply."""
        started = time.monotonic()
        error = ""
        try:
            async with asyncio.timeout(self._within_s):
                error = await self._send(url, event)
        except TimeoutError:
            error = f"no answer within {self._within_s:g} s"
        except (Refused, Crowded) as refusal:
            error = str(refusal)
        except Exception as failure:  # noqa: BLE001 - plugins raise what they like
            error = f"{type(failure).__name__}: {failure}"
        took_ms = round((time.monotonic() - started) * 1000)
        return Reply(0 if error else TAKEN, scrub(error, url)[:ERROR_LENGTH], b"", took_ms)

    async def _send(self, url: str, event: EventRow) -> str:
        """→ what went wrong, or `""`."""
        plugin = await run_aside(lambda: open_plugin(url))
        if plugin is None:
            raise Refused("its URL is none that can be sent to any more")
        host = host_of(plugin, url)
        try:
            if host:
                await check_host(self._rule, self._resolve, host)
        except OSError as error:
            raise Refused(f"the name {host} has no address") from error
        title, body = put_in_words(event)
        taken, heard = await self._calls.run(url, lambda: notify(plugin, title, body, self._within_s), self._within_s)
        return "" if taken else "; ".join(heard) or "the service did not take it"


@asynccontextmanager
async def open_notifier(
    rule: AddressRule, *, resolve: Resolve | None = None, within_s: float = SENT_WITHIN_S
) -> AsyncIterator[Notifier]:
    """Open a notifier."""
    with contextlib.closing(Resolver()) as resolver:
        yield Notifier(rule, resolve or resolver, within_s)
