"""Cutting a connection without an answer, which ASGI has no word for.

The server's own protocol puts its transport into the state of each request; the application takes it from there.
"""

import asyncio
from typing import Any

from starlette.types import Receive, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

STATE_KEY = "simulator_transport"


class CuttableProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, whose connections the simulator can cut."""

    def connection_made(self, transport: Any) -> None:
        """Hand the transport to the requests of this connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, STATE_KEY: transport}


async def cut(scope: Scope, receive: Receive) -> None:
    """Reset the connection of a request, and wait until the server knows that the client is gone."""
    transport: asyncio.Transport | None = scope.get("state", {}).get(STATE_KEY)
    if transport is None:
        raise RuntimeError("this server cannot cut a connection: run it with http=CuttableProtocol")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
