"""Browsers: what a page of the merchant's may ask us itself, with a payment's client secret alone.

`HAKIKA_CORS_ORIGINS` says from which sites. A secret that comes in the query is taken out of it before anything else
sees the request, so that it gets into no log; and no page that is reached from the answer is told the address.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hakika.api.access import PAYERS_PATH

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

PARAMETER = "client_secret"
MAX_AGE_S = 600
_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET"),
    (b"access-control-allow-headers", b"Authorization, Accept-Language, Cache-Control, Last-Event-ID"),
    (b"access-control-max-age", str(MAX_AGE_S).encode()),
]


class Browsers:
    """In front of everything under /v1."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"].startswith("/v1/"):
            take_secret(scope)
            if PAYERS_PATH.fullmatch(scope["path"]):
                return await self._serve(scope, receive, send)
        return await self._app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name: value for name, value in scope["headers"] if name.startswith((b"origin", b"access-control-"))}
        allowed = _allow(headers.get(b"origin"), scope["app"].state.cors_origins)
        if allowed and scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await send({"type": "http.response.start", "status": 204, "headers": [*allowed, *_PREFLIGHT]})
            return await send({"type": "http.response.body", "body": b""})
        added = [*allowed, (b"referrer-policy", b"no-referrer")]
        if scope["app"].state.cors_origins:
            added.append((b"vary", b"Origin"))  # also where it is not allowed: a cache must not give that to others

        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        return await self._app(scope, receive, send_more)


def _allow(origin: bytes | None, origins: tuple[str, ...]) -> Headers:
    if "*" in origins:
        # Without cookies or other credentials of the browser's own: the secret is the only authority.
        return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"Retry-After")]
    if origin is None or origin.decode("latin-1") not in origins:
        return []
    return [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", b"Retry-After")]


def take_secret(scope: Scope) -> None:
    """Take a client secret out of the query."""
    if PARAMETER.encode() not in scope["query_string"]:
        return
    given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    scope["query_string"] = urlencode([(name, value) for name, value in given if name != PARAMETER]).encode()
    scope["hakika.client_secret"] = next((value for name, value in given if name == PARAMETER), "")
