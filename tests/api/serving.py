"""A real uvicorn on a loopback port of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import uvicorn


@asynccontextmanager
async def serving(build: Callable[[str], Any], *, lifespan: bool) -> AsyncIterator[str]:
    """Serve what `build` makes of its own origin; the socket listens at once, so nobody need wait."""
    listener = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        build(origin),
        log_config=None,
        access_log=False,
        proxy_headers=False,
        lifespan="on" if lifespan else "off",
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    # Not `serve`, which takes the signals of the whole process for itself.
    running = asyncio.create_task(server._serve(sockets=[listener]))
    try:
        yield origin
    finally:
        server.should_exit = True
        await running


def listening(asgi: Any) -> AbstractAsyncContextManager[str]:
    """Serve an application that was started already."""
    return serving(lambda _: asgi, lifespan=False)
