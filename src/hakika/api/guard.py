"""In front of every endpoint: the API key first, then a body of bounded size, and an answer whatever breaks.

Nothing is read from whoever has no key, and nothing is looked up in the database while a body is still coming.
"""

import logging
import re
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog
from starlette.requests import Request
from structlog.contextvars import bound_contextvars

from hakika.api.access import require_key
from hakika.api.door import is_drop_in
from hakika.api.problems import RequestTooLarge, answer
from hakika.domain.errors import HakikaError

log = structlog.get_logger("hakika.api")

BODY_LIMIT_BYTES = 64 * 1024
FRAMES_LOGGED = 6
_PAYMENT = re.compile(r"pay_[0-9a-hjkmnp-tv-z]{26}")
_ASKS_FOR_MONEY = re.compile(r"/v1/payments|/api/v1/payments|/api/payments?/|/payment/")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class _SenderLeft(Exception):
    """The sender went away in the middle of its body."""


class Guard:
    """Lets requests through that have a key where one is needed, and a body that fits."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        named = _PAYMENT.search(scope["path"])
        if named is None:
            return await self._serve(scope, receive, send)
        with bound_contextvars(payment=named[0]):
            return await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            if not started:
                started = True
                log.debug("answered", method=scope["method"], path=scope["path"], status=message.get("status"))
            await send(message)

        try:
            if needs_key(scope["path"]):
                scope["hakika.key"] = await require_key(Request(scope))
            elif is_drop_in(scope["path"]):
                scope["hakika.key"] = await scope["app"].state.door.admit(Request(scope))
            await self._app(scope, await _read_body(scope, receive), send_and_note)
        except _SenderLeft:
            return None
        except HakikaError as error:
            return await answer(error)(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - a caller gets an answer, never a traceback
            log_unplanned(scope, error)
            if not started:
                await answer(HakikaError())(scope, receive, send)
        return None


def needs_key(path: str) -> bool:
    """Everything under /v1 does, whether it exists or not; only what explains errors is open."""
    return (path == "/v1" or path.startswith("/v1/")) and not (path == "/v1/errors" or path.startswith("/v1/errors/"))


async def _read_body(scope: Scope, receive: Receive) -> Receive:
    """Read the whole body. → a `receive` that gives it at once, then what really comes. Raises RequestTooLarge."""
    stated = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if stated.isdigit() and int(stated) > BODY_LIMIT_BYTES:
        raise RequestTooLarge
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _SenderLeft
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > BODY_LIMIT_BYTES:
            raise RequestTooLarge
    if log.is_enabled_for(logging.DEBUG):
        _note_request(scope, bytes(body))
    whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def give() -> Message:
        return whole.pop() if whole else await receive()

    return give


def _note_request(scope: Scope, body: bytes) -> None:
    """Log what was asked, where somebody debugs. Bodies of other routes than payments' may hold credentials."""
    shown = body.decode("utf-8", "replace") if _ASKS_FOR_MONEY.match(scope["path"]) else f"{len(body)} bytes"
    log.debug("request", method=scope["method"], path=scope["path"], body=shown)


def log_unplanned(scope: Scope, error: Exception) -> None:
    """Say where it broke. The error's own words stay out: a database driver's hold whole rows."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_LOGGED:]
    where = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    log.error("unplanned", method=scope["method"], path=scope["path"], error=type(error).__name__, where=where)
