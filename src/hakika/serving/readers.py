"""Readers: a client that stops reading its answer is let go, with whatever was written for it.

Streams stay open for an hour. One that nobody reads would hold what the system's buffers and ours take, for as long as
its client likes.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

STALLED_S = 30.0


class Reader:
    """A protocol that knows since when its client takes nothing."""

    loop: asyncio.AbstractEventLoop
    stalled_since = 0.0

    def pause_writing(self) -> None:
        """The buffers are full."""
        self.stalled_since = self.loop.time()
        super().pause_writing()  # type: ignore[misc]

    def resume_writing(self) -> None:
        """The client reads again."""
        self.stalled_since = 0.0
        super().resume_writing()  # type: ignore[misc]


class ReaderSocket(Reader, WebSocketsSansIOProtocol):
    """Uvicorn's WebSocket, which knows it."""


def drop_stalled(connections: Iterable[Any], now_s: float) -> int:
    """Close those that took nothing for long. → how many."""
    stalled = [
        one
        for one in connections
        if isinstance(one, Reader) and one.stalled_since and now_s - one.stalled_since > STALLED_S
    ]
    for connection in stalled:
        connection.transport.abort()  # type: ignore[attr-defined]
    return len(stalled)
