"""The simulator as a web application: Daraja's paths, the control interface, and the page with the phones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from hakika.simulator.clock import Clock, receipts_from_now
from hakika.simulator.connection import cut
from hakika.simulator.control import EXPLANATIONS, Control
from hakika.simulator.network import Network
from hakika.simulator.pages import page_routes
from hakika.simulator.poster import Poster
from hakika.simulator.settings import Settings
from hakika.simulator.wire import Answer

LARGEST_BODY = 65_536


def create_app(network: Network | None = None, clock: Clock | None = None) -> Starlette:
    """Put a network on the web, with a clock to drive it."""
    network, clock = network or Network(Settings(first_receipt=receipts_from_now())), clock or Clock()
    poster = Poster(network, clock)

    @asynccontextmanager
    async def posting(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(poster.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    routes = [
        *Control(network, clock, poster).routes(),
        *page_routes(),
        Mount("", app=daraja(network, clock, poster)),
    ]
    return Starlette(routes=routes, lifespan=posting, exception_handlers=EXPLANATIONS)


def daraja(network: Network, clock: Clock, poster: Poster) -> ASGIApp:
    """Answer every other path as Daraja would, at the time that the network says, or not at all."""

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            body = await read_body(request)
        except ClientDisconnect:
            return
        target = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
        answer = network.handle(request.method, target, dict(request.headers), body, clock.now_ms())
        poster.wake()
        await hold_back(answer, clock, poster)
        if answer.cut:
            await cut(scope, receive)
            return
        await Response(answer.body, answer.status, dict(answer.headers))(scope, receive, send)

    return respond


async def hold_back(answer: Answer, clock: Clock, poster: Poster) -> None:
    """Wait as long as an answer is delayed, and longer if a callback must overtake it."""
    posted = asyncio.create_task(poster.wait_posted(answer.after_callback)) if answer.after_callback else None
    if answer.delay_ms:
        await asyncio.sleep(clock.wall_s(answer.delay_ms))
    if posted:
        await posted


async def read_body(request: Request) -> bytes:
    """Read a body up to the largest that Daraja could mean; the rest is dropped and will not be JSON."""
    body = b""
    async for chunk in request.stream():
        body = (body + chunk)[:LARGEST_BODY]
    return body
