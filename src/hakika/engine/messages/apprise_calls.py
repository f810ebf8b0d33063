"""Apprise, called: the same for people who are told of events, and for payers who get messages.

It blocks, so each call has a thread of its own, which a server that stops does not wait for. It answers yes or no, and
says why only to its log; its log names recipients, texts and secrets, so it is heard here and goes nowhere else.
"""

import asyncio
import functools
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from hakika.engine.aside import run_aside
from hakika.engine.webhooks.addresses import AddressRule
from hakika.engine.webhooks.outbound import Refused, Resolve

T = TypeVar("T")

AT_ONCE = 8  # calls of one URL: a service that never ends its answers holds so many threads, and nobody else up
LINES_KEPT = 20

_ALWAYS = {"retry": 0, "verify": True, "redirect": False}
"""Said of every plugin, whatever its URL says: each call is one attempt, and goes where it was checked to go."""


class Crowded(Exception):
    """So many calls of that URL are under way that there was no room for another in time: nothing was sent."""


# ── opening ──────────────────────────────


def open_plugin(url: str, recipient: str = "") -> Any:
    """Apprise's part for a URL, or None where it is none; with `recipient`, whatever the URL says, for that one alone.

    Slow the first time: call it in a thread.
    """
    apprise, parsed = _load(), _parse(url)
    if not parsed:
        return None
    parsed |= _ALWAYS | ({"targets": [recipient]} if recipient else {})
    try:
        made = apprise.Apprise.instantiate(parsed, asset=_make_asset(apprise), suppress_exceptions=True)
    except Exception:  # noqa: BLE001 - plugins raise what they like at a URL that is wrong
        return None
    return made if made and (not recipient or getattr(made, "targets", None)) else None


def list_parameters(url: str) -> frozenset[str]:
    """The names of the parameters of a URL, as Apprise reads them: it splits at `;` too, and strips and unquotes names.

    Who reads them in another way would let pass what he means to refuse.
    """
    return frozenset(_parse(url).get("qsd", ()))


def _parse(url: str) -> dict[str, Any]:
    """What Apprise reads in a URL; nothing where that is none of its."""
    try:
        return _load().plugins.url_to_dict(url) or {}
    except Exception:  # noqa: BLE001 - as above
        return {}


def _make_asset(apprise: Any) -> Any:
    return apprise.AppriseAsset(
        app_id="Hakika",
        app_desc="M-Pesa payments",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        http_redirects=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,  # nothing of it on this machine's disk
    )


@functools.cache
def _load() -> Any:
    """Apprise with all its plugins, some of which use modules that Python will drop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise  # noqa: PLC0415 - it has a hundred plugins, and few servers send messages
        import apprise.plugins  # noqa: PLC0415

        apprise.plugins.url_to_dict("mailto://localhost")  # type: ignore[no-untyped-call] # at the first URL they load
    _quieten()
    return apprise


# ── calling ──────────────────────────────


class Calls:
    """Calls that are under way, by their URLs."""

    def __init__(self) -> None:
        self._rooms: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def run(self, url: str, job: Callable[[], T], within_s: float) -> T:
        """Run a job of that URL's in a thread. Raises Crowded, TimeoutError; then the thread is left to itself."""
        room = self._rooms.setdefault(url, asyncio.Semaphore(AT_ONCE))
        try:
            async with asyncio.timeout(within_s):
                await room.acquire()
        except TimeoutError:
            raise Crowded(f"{AT_ONCE} calls of it hang") from None

        def leave(call: "asyncio.Future[T]") -> None:
            room.release()
            if not call.cancelled():
                call.exception()  # seen, also where whoever asked has given up

        call = asyncio.ensure_future(run_aside(job))
        call.add_done_callback(leave)
        async with asyncio.timeout(within_s):
            return await asyncio.shield(call)


def notify(plugin: Any, title: str, body: str, within_s: float) -> tuple[bool, list[str]]:
    """Send, and wait for it. → whether the service took it, and what was said of it meanwhile."""
    plugin.socket_connect_timeout = plugin.socket_read_timeout = within_s
    with _ears.listen() as heard:
        taken = plugin.notify(body=body, title=title, notify_type="info", body_format="text")
    return bool(taken), heard


async def check_host(rule: AddressRule, resolve: Resolve, host: str) -> None:
    """Raise Refused for a host that is not sent to, OSError for one that has no address."""
    for address in await resolve(host, 0):
        refusal = rule.refuse(host, address)
        if refusal:
            raise Refused(refusal)


# ── hearing ──────────────────────────────


class _Ears(logging.Handler):
    """Hears why: thread by thread, and nothing of it reaches our own log."""

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
