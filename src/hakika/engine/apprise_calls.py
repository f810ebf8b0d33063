"""Sending one text to one payer through apprise: e-mail, WhatsApp, and SMS by others than Africa's Talking.

Apprise blocks, so each call has a thread of its own, which a server that stops does not wait for. It answers yes or
no, and says why only to its log; its log names recipients and texts, so it is heard here and goes nowhere else.
"""

import asyncio
import functools
import logging
import threading
import warnings
from collections.abc import Callable
from typing import Any

from hakika.engine.apprise_urls import host_of, scrub
from hakika.engine.fates import Fate

# What it says of a connection that was never opened, and of one that was and broke.
_NEVER_LEFT = (
    "refused",
    "name or service not known",
    "temporary failure in name resolution",
    "no route to host",
    "network is unreachable",
    "getaddrinfo",
    "certificate verify failed",
)
_BROKE = ("timed out", "unexpectedly closed", "connection aborted", "reset by peer", "broken pipe", "eof occurred")
_DETAIL_LENGTH = 300
_LINES = 20
_log = logging.getLogger("apprise")


class _Hearing(logging.Handler):
    """Keeps what apprise logs, for each thread its own."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line, if it says why."""
        lines: list[str] | None = getattr(self.heard, "lines", None)
        if lines is None or len(lines) > _LINES:
            return
        said = record.getMessage()
        if record.levelno >= logging.WARNING or said.startswith("Socket Exception"):
            lines.append(said)


_hearing = _Hearing()


def _listen() -> list[str]:
    """Begin to hear what apprise says in this thread. → where it is gathered."""
    if _hearing not in _log.handlers:
        _log.addHandler(_hearing)
    _log.propagate = False
    _log.setLevel(logging.DEBUG)  # the reasons stand there alone
    lines: list[str] = []
    _hearing.heard.lines = lines
    return lines


@functools.cache
def _load() -> Any:
    """Apprise with all its plugins, some of which use modules that Python will drop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise  # noqa: PLC0415 - it has a hundred plugins, and few servers send messages
        import apprise.plugins  # noqa: PLC0415

        apprise.plugins.url_to_dict("mailto://localhost")  # type: ignore[no-untyped-call] # at the first URL they load
    return apprise


def instantiate(url: str, recipient: str) -> Any:
    """Apprise's object for one recipient and one attempt. Slow the first time. Raises ValueError."""
    apprise = _load()
    parsed: dict[str, Any] | None = apprise.plugins.url_to_dict(url)
    if parsed is None:
        raise ValueError("it is none that can be sent to")
    # One recipient, and never twice: whatever else the URL says.
    parsed |= {"targets": [recipient], "retry": 0}
    asset = apprise.AppriseAsset(
        app_id="Hakika",
        app_desc="M-Pesa payments",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        http_redirects=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,  # nothing of it on this machine's disk
    )
    made = apprise.Apprise.instantiate(parsed, asset=asset, suppress_exceptions=True)
    if made is None or not getattr(made, "targets", None):
        raise ValueError("it is not complete, or the recipient is none")
    return made


def find_host(url: str) -> str:
    """The mail server that a URL leads to. Raises ValueError."""
    return str(host_of(instantiate(url, "a@b.example"), url))


async def send(url: str, recipient: str, subject: str, text: str, within_s: float) -> Fate:
    """Send it, once. What has no answer in time is unknown, and its thread is left to itself."""
    try:
        async with asyncio.timeout(within_s):
            return await _in_thread(lambda: _send_now(url, recipient, subject, text, within_s))
    except TimeoutError:
        return Fate("unknown", f"no answer within {within_s:g} s")


def _send_now(url: str, recipient: str, subject: str, text: str, within_s: float) -> Fate:
    lines = _listen()
    try:
        made = instantiate(url, recipient)
    except ValueError as error:
        return Fate("failed", f"its URL: {error}")
    made.socket_connect_timeout = made.socket_read_timeout = within_s
    if made.notify(body=text, title=subject, notify_type="info", body_format="text"):
        return Fate("sent")
    detail = " ".join(lines)
    for hidden in (text, recipient, recipient.lstrip("+")):
        detail = detail.replace(hidden, "…")
    return _judge(scrub(" ".join(detail.split()), url)[:_DETAIL_LENGTH])


def _judge(detail: str) -> Fate:
    said = detail.lower()
    if any(words in said for words in _BROKE):
        return Fate("unknown", detail)
    never_left = any(words in said for words in _NEVER_LEFT)
    return Fate("unsent" if never_left else "failed", detail or "the service did not take it, and does not say why")


async def _in_thread(job: Callable[[], Fate]) -> Fate:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Fate] = loop.create_future()

    def settle(fate: Fate | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        elif fate is not None:
            answer.set_result(fate)

    def run() -> None:
        fate, failure = None, None
        try:
            fate = job()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            failure = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, fate, failure)

    threading.Thread(target=run, name="message", daemon=True).start()
    return await answer
