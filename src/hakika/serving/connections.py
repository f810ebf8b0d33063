"""Connections: a request must arrive whole within seconds, and callbacks get through when there are too many.

What a slow or hostile client costs is an open file, and a process has few of them. A proxy in front does more: this is
what holds without one.
"""

import asyncio
import contextlib
import resource
from collections.abc import Iterable
from typing import Any

import anyio.lowlevel
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hakika.api.callbacks import OPEN_PATHS, TOKEN_PATH
from hakika.serving.readers import Reader

ARRIVES_WITHIN_S = 15.0
KEEP_ALIVE_S = 5
CONNECTIONS_AT_MOST = 20_000  # ten thousand who wait, and room for all others
FILES_KEPT = 512
"""For all that is not a connection of a client: the database, the spool, and a socket for each push under way."""

_CALLBACKS = (TOKEN_PATH.encode(), *(path.encode() for path in OPEN_PATHS))


class PatientProtocol(Reader, HttpToolsProtocol):
    """Uvicorn's HTTP, which knows since when it waits for the rest of a request.

    At the limit on connections the one that has waited longest for its client gives way; requests that are no
    callbacks are answered 503.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection is open, and nothing was sent on it."""
        self.waits_since = self.loop.time()
        self._at_most = self.limit_concurrency
        super().connection_made(transport)
        if self._at_most is not None and len(self.connections) > self._at_most:
            give_way(self.connections)

    def on_message_begin(self) -> None:
        """The first bytes of a request are here."""
        self.waits_since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A request may be answered from here on: callbacks always are."""
        self.limit_concurrency = None if self.url.startswith(_CALLBACKS) else self._at_most
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        cycle: Any = self.cycle  # a WebSocket's handshake has none
        self.waits_since = self.loop.time() if cycle is not None and cycle.response_complete else 0.0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """It is the client's turn again, unless it sent the next request ahead."""
        if not self.pipeline:
            self.waits_since = self.loop.time()
        super().on_response_complete()

    def waits(self) -> bool:
        """Whether it is the client that has to go on; not where we stopped reading."""
        return self.waits_since > 0 and not self.flow.read_paused and not self.transport.is_closing()


def close_overdue(connections: Iterable[Any], now_s: float) -> int:
    """Close those on which a request began, or should have, and is not whole. → how many."""
    overdue = [one for one in connections if _waits(one) and now_s - one.waits_since > ARRIVES_WITHIN_S]
    for connection in overdue:
        connection.transport.abort()
    return len(overdue)


def give_way(connections: Iterable[Any]) -> None:
    """Close the one that has waited longest for its client, if any does."""
    waiting = [one for one in connections if _waits(one)]
    if waiting:
        min(waiting, key=lambda one: one.waits_since).transport.abort()


def _waits(connection: Any) -> bool:
    return isinstance(connection, PatientProtocol) and connection.waits()


async def load_what_requests_need() -> None:
    """Import now what is else imported by the first request: with no file left to open, that request would fail."""
    await anyio.lowlevel.checkpoint()  # anyio loads its half for this event loop
    "localhost".encode("idna")  # and Python the codec for names of hosts


def raise_file_limit() -> int:
    """Let this process open as many files as it may at all. → how many connections that leaves room for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # macOS names a hard limit that it does not grant
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    if soft == resource.RLIM_INFINITY:
        return CONNECTIONS_AT_MOST
    return min(CONNECTIONS_AT_MOST, max(soft // 2, soft - FILES_KEPT))
