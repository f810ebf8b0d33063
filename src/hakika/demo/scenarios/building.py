"""Putting the world of the scenarios together: database, simulator, server, and those who talk to them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from hakika.demo.hosted import hosting
from hakika.demo.scenarios.backstage import Backstage
from hakika.demo.scenarios.database import Database, open_database
from hakika.demo.scenarios.forger import Forger
from hakika.demo.scenarios.merchant import Merchant
from hakika.demo.scenarios.scene import World
from hakika.demo.scenarios.server import Server
from hakika.demo.surroundings import (
    LOOPBACK,
    clean_environment,
    find_free_port,
    listen,
    make_api_key,
    port_of,
    settings_for_simulator,
)
from hakika.simulator import Clock, Network, Settings, build_server, receipts_from_now

START_WITHIN_S = 30
CALLS_PER_MINUTE = 1_200
"""All rows share one account and begin at once, as no single shop's payers do."""


class CannotPlay(RuntimeError):
    """The scenarios cannot begin: the message says why and what to do."""


@asynccontextmanager
async def build_world(database_url: str | None, speed: float, directory: Path) -> AsyncIterator[World]:
    """Run a simulator here and a server as a child, with one time for both. Raises CannotPlay."""
    anchor_ms, api_key = int(time.time() * 1000), make_api_key()
    opened, port = listen(LOOPBACK, 0), find_free_port()
    simulator_url, base_url = f"http://{LOOPBACK}:{port_of(opened)}", f"http://{LOOPBACK}:{port}"
    network = Network(Settings(first_receipt=receipts_from_now()))  # the database may be an old one
    simulator = build_server(network, Clock(speed, anchor_ms)).config
    async with (
        open_database(database_url, directory) as database,
        hosting(simulator, opened),
        # A server is killed and started again: a connection kept to the old one is nothing to ask the new one on.
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
    ):
        settings = settings_for_simulator(simulator_url) | {
            "CALLBACK_BASE_URL": base_url,
            "DATABASE_URL": database.url,
            "HAKIKA_API_KEY": api_key,
            "HAKIKA_DATA_DIR": str(directory / "data"),
            "HAKIKA_CALLS_PER_MINUTE": str(CALLS_PER_MINUTE),
            "HAKIKA_CLOCK_SPEED": str(speed),
            "HAKIKA_CLOCK_ANCHOR_MS": str(anchor_ms),
            "HAKIKA_LOG_FORMAT": "json",
        }
        server = Server(port, clean_environment(settings), directory)
        merchant = Merchant(session, base_url, api_key)
        try:
            await server.start()
            await _begin(server, merchant, database)
            yield World(merchant, Backstage(session, simulator_url), Forger(session, base_url), server, database)
        finally:
            await server.stop()


async def _begin(server: Server, merchant: Merchant, database: Database) -> None:
    """Wait until the server can work, and make sure that nobody's payments are in its database."""
    alive, dead = asyncio.create_task(merchant.until_alive()), asyncio.create_task(server.until_dead())
    await asyncio.wait({alive, dead}, timeout=START_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
    started = alive.done()
    for task in (alive, dead):
        task.cancel()
    await asyncio.gather(alive, dead, return_exceptions=True)
    if not started:
        raise CannotPlay(f"The server did not start: {server.log} says why.")
    if await merchant.find(limit="1"):
        raise CannotPlay(f"There are payments in {database.name}. The scenarios need a database of their own: empty.")
