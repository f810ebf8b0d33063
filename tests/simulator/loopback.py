"""A real simulator and a real merchant's receiver, each on a loopback port of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from hakika.simulator import Clock, Network, build_server
from tests.simulator.merchant import CALLBACK_URL, PAYER, PUSH, TOKEN, basic, push_body


@asynccontextmanager
async def running(network: Network, clock: Clock | None = None) -> AsyncIterator[str]:
    """Run a simulator and give its origin; the socket listens before the server starts, so nobody need wait."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = build_server(network, clock or Clock())
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


class Receiver:
    """A merchant's callback URL: it answers 200 and remembers the bodies and headers that came."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[tuple[bytes, dict[str, str]]] = asyncio.Queue()
        self.url = ""

    async def receive(self, request: web.Request) -> web.Response:
        """Take a callback."""
        self.received.put_nowait((await request.read(), dict(request.headers)))
        return web.json_response({"ResultCode": 0, "ResultDesc": "Accepted"})


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Run a receiver."""
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/c/token", receiver.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/c/token"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@asynccontextmanager
async def shopping(origin: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a client session that holds a token."""
    async with aiohttp.ClientSession(origin) as session:
        async with session.get(TOKEN, headers=basic()) as answer:
            token = (await answer.json())["access_token"]
        session.headers["Authorization"] = f"Bearer {token}"
        yield session


async def push(
    session: aiohttp.ClientSession, url: str = CALLBACK_URL, msisdn: str = PAYER, reference: str = "INV-1"
) -> int:
    """Push and say how Daraja answered."""
    body = push_body(msisdn=msisdn) | {"CallBackURL": url, "AccountReference": reference}
    async with session.post(PUSH, json=body) as answer:
        await answer.read()
        return answer.status
