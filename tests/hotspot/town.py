"""A town with WiFi: its books, its clock, its routers; without the portal, which the network does not need."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import uvicorn
from starlette.applications import Starlette

from hakika_hotspot.config import Router, Settings, Site
from hakika_hotspot.domain.access import AccountingRecord, Happened, Nas, Session
from hakika_hotspot.domain.package import Package
from hakika_hotspot.entitlements import Place, bind_device, code_of, grant
from hakika_hotspot.network.hearing import hear
from hakika_hotspot.network.radius_rest import RadiusDesk
from hakika_hotspot.network.worker import NetworkWorker
from hakika_hotspot.sessions import list_live
from hakika_hotspot.store import Store, open_store
from hakika_hotspot.tasks import Task, list_waiting
from tests.hotspot.freeradius import COA_SECRET, TOKEN

PHONE = "AA:BB:CC:00:00:01"
OTHER = "AA:BB:CC:00:00:02"
THIRD = "AA:BB:CC:00:00:03"

HOUR = Package(id="hour", name="One hour", seconds=3600, rate_up_kbps=512, rate_down_kbps=2048)
FAST = Package(id="fast", name="Fast hour", seconds=3600, rate_up_kbps=2000, rate_down_kbps=8000)
HEAVY = Package(id="heavy", name="5 GB", seconds=86_400, bytes_limit=5_000_000_000)
FAMILY = Package(id="family", name="Family", seconds=86_400, devices=2)
COAST = Package(id="coast", name="At the coast", seconds=3600, sites=("coast",))


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    at_ms: int = 1_800_000_000_000

    def __call__(self) -> int:
        """Read it."""
        return self.at_ms

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.at_ms += round(seconds * 1000)


@dataclass
class Town:
    """The books and who works on them."""

    store: Store
    settings: Settings
    clock: Clock
    url: str

    def __post_init__(self) -> None:
        """Put a worker and a desk to the books."""
        self._build()

    async def restart(self) -> None:
        """Begin anew with nothing but the database, as after a crash."""
        await self.store.close()
        self.store = open_store(self.url)
        self._build()

    def _build(self) -> None:
        self.worker = NetworkWorker(self.store, self.settings, self.clock)
        self.desk = RadiusDesk(self.store, self.settings, self.clock)

    def grant(self, package: Package, mac: str = PHONE, source: str = "", router: str = "", address: str = "") -> str:
        """Grant as a payment does; the next one has another source."""
        where = Place(mac=mac, router=router, address=address, told=True)
        name = source or f"payment:{mac}:{package.id}:{self.clock.at_ms}"
        return self.store.write_now(lambda tx: grant(tx, name, package, where, self.clock.at_ms))

    def code_of(self, entitlement: str) -> str:
        """The code that opens an entitlement on another device."""
        return self.store.read_now(lambda tx: code_of(tx, entitlement))

    def bind(self, entitlement: str, *macs: str) -> None:
        """Let devices go by an entitlement."""
        for mac in macs:
            self.store.write_now(
                partial(bind_device, entitlement=entitlement, place=Place(mac), now_ms=self.clock.at_ms)
            )

    def tell(self, happened: Happened, session: str, mac: str = PHONE, **more: Any) -> None:
        """A router tells of a session."""
        nas = Nas(more.pop("router", "gate-town"), "town")
        told = {"username": mac, "address": "10.5.50.9", "nas_address": "10.8.0.2"} | more
        record = AccountingRecord(happened, nas, self.clock.at_ms, session, mac, **told)
        self.store.write_now(lambda tx: hear(tx, record))

    def live(self) -> list[Session]:
        """Who is on the air, by the books."""
        return list(self.store.read_now(lambda tx: list_live(tx, self.clock.at_ms)))

    def owed(self) -> list[Task]:
        """What routers have yet to do."""
        return list(self.store.read_now(list_waiting))


@asynccontextmanager
async def opened_town(url: str, *routers: Router, clock: Clock | None = None) -> AsyncIterator[Town]:
    """Open a town with two sites."""
    sites = (Site(id="town"), Site(id="coast"))
    settings = Settings(radius_token=TOKEN, sites=sites, routers=routers)
    town = Town(open_store(url), settings, clock or Clock(), url)
    try:
        yield town
    finally:
        await town.store.close()


def gate(name: str = "gate-town", site: str = "town", **changes: Any) -> Router:
    """A router that speaks RADIUS, on loopback."""
    return Router(name=name, site=site, address="127.0.0.1", secret=COA_SECRET, **changes)


def serving(town: Town, port: int) -> AbstractAsyncContextManager[None]:
    """Serve a town's RADIUS desk on a port."""
    return serving_app(Starlette(routes=town.desk.routes()), port)


@asynccontextmanager
async def serving_app(app: Starlette, port: int, lifespan: Literal["on", "off"] = "off") -> AsyncIterator[None]:
    """Serve an application on a port that others know beforehand."""
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan=lifespan, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await running
