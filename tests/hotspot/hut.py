"""A hotspot beside a whole Hakika, in process, with time and Daraja handed in: what a test speaks to, and looks at."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from sqlalchemy import Row, select
from starlette.applications import Starlette

from hakika.client import AsyncHakika, Event
from hakika_hotspot.accounts import decide_access, record_accounting
from hakika_hotspot.app import Hotspot
from hakika_hotspot.config import Settings
from hakika_hotspot.domain.access import Access, AccountingRecord, Happened, Nas
from hakika_hotspot.store import open_store
from hakika_hotspot.store.tables import purchases
from tests.api.house import API_KEY, Open, open_house, result, settings_for

NAS = Nas("gate", "westlands")
OTHER_NAS = Nas("market-gate", "market")
PHONE = "0712345678"
MAC, OTHER_MAC, THIRD_MAC = "AA:BB:CC:DD:EE:01", "02:11:22:33:44:55", "AA:BB:CC:DD:EE:03"
PACKAGES = [
    {"id": "hour", "name": "1 hour", "name_sw": "Saa 1", "price": 20, "time": "1h", "down": "5M", "up": "2M"},
    {"id": "day", "name": "1 day", "name_sw": "Siku 1", "price": 50, "time": "1d", "down": "3M", "devices": 2},
    {"id": "data", "name": "500 MB", "price": 30, "time": "1d", "data_mb": 500},
    {"id": "market-day", "name": "Market day", "price": 40, "time": "1d", "sites": ["market"]},
]


def hut_settings(**changes: Any) -> Settings:
    """Settings with two sites and two routers."""
    given = {
        "name": "Jamii WiFi",
        "support": "0700 000 111",
        "public_url": "http://wifi.test",
        "hakika_api_key": API_KEY,
        "webhook_secret": "whsec_aGFraWthLWhha2lrYS1oYWtpa2EtaGFraWth",
        "owner_password": "a long owner's password",
        "radius_token": "radius-token",
        "sites": [
            {"id": "westlands", "name": "Westlands", "networks": ["10.5.0.0/16"]},
            {"id": "market", "name": "Market", "networks": ["10.6.0.0/16"]},
        ],
        "routers": [
            {"name": "gate", "site": "westlands", "address": "10.5.0.1", "login_url": "http://10.5.50.1/login"},
            {"name": "market-gate", "site": "market", "address": "10.6.0.1"},
        ],
        "packages": PACKAGES,
    }
    return Settings.model_validate(given | changes)


class Hut:
    """A hotspot, open for tests."""

    def __init__(self, hotspot: Hotspot, app: Starlette, hakika: Open) -> None:
        self.hotspot, self.app, self.hakika = hotspot, app, hakika
        self.store, self.clock = hotspot.store, hakika.clock
        self._receipts = 0

    def visit(self, address: str = "10.5.9.9", **headers: str) -> httpx2.AsyncClient:
        """A browser that joined the WiFi, without script."""
        transport = httpx2.ASGITransport(self.app, client=(address, 4711))
        return httpx2.AsyncClient(
            transport=transport, base_url="http://wifi.test", headers=headers, follow_redirects=True
        )

    # ── what payers and M-Pesa do ──────────────────────────────

    async def begin(self, package: str = "hour", mac: str = MAC, phone: str = PHONE, **fields: str) -> Row[Any]:
        """Ask for a package on the portal, in a browser of its own; the phone rings. → the purchase."""
        form = {"package": package, "phone": phone, "mac": mac, "router": "gate", "ip": "10.5.9.9"} | fields
        async with self.visit() as browser:
            answer = await browser.post("/buy", data=form)
        assert answer.status_code == 200, answer.text
        await self.settle()
        return await self.latest()

    async def settle(self) -> None:
        """Let what runs behind the pages come to rest, and the phone ring."""
        await self.hotspot.portal.rest()
        await self.hakika.worker.run_once()

    async def latest(self) -> Row[Any]:
        """The latest purchase."""
        newest = select(purchases).order_by(purchases.c.created_at_ms.desc(), purchases.c.id).limit(1)
        return await self.store.read(lambda tx: tx.execute(newest).one())

    async def purchase(self, row: Row[Any]) -> Row[Any]:
        """Read a purchase again."""
        same = select(purchases).where(purchases.c.id == row.id)
        return await self.store.read(lambda tx: tx.execute(same).one())

    async def pay(self, row: Row[Any], code: object = 0, **changes: Any) -> str:
        """Let the payer answer the latest prompt. → the receipt."""
        push = self.hakika.daraja.pushes[-1]
        checkout_id = f"ws_CO_{len(self.hakika.daraja.pushes)}"
        self._receipts += 1
        told = {"amount": row.price, "receipt": f"NLJ7RT{self._receipts:04}"} | changes
        path = push.callback_url.removeprefix("https://pay.example.com")
        await self.hakika.post(path, result(checkout_id, code=code, **told))
        return str(told["receipt"])

    async def buy(self, package: str = "hour", mac: str = MAC, phone: str = PHONE, **fields: str) -> Row[Any]:
        """Ask, pay, and let the hotspot hear of it. → the purchase."""
        row = await self.begin(package, mac, phone, **fields)
        await self.pay(row)
        await self.hotspot.reader.read_once()
        self.clock.pass_s(121)  # so that the same phone may be asked for the same amount again
        return await self.purchase(row)

    async def events(self) -> list[Event]:
        """All that Hakika published."""
        return list((await self.hotspot.client.events.list(after=0, limit=500)).data)

    # ── what routers do ──────────────────────────────

    async def ask(self, mac: str = MAC, username: str = "", password: str = "", nas: Nas = NAS) -> Access:
        """Ask as a router does when a device comes."""
        name = username or mac
        return await self.store.write(lambda tx: decide_access(tx, mac, name, password, nas, self.clock()))

    async def tell(self, happened: Happened, session: str = "s1", mac: str = MAC, **fields: Any) -> None:
        """Tell as a router does."""
        at_ms = fields.pop("at_ms", self.clock())
        nas = fields.pop("nas", NAS)
        record = AccountingRecord(happened, nas, at_ms, session, mac, **fields)
        await self.store.write(lambda tx: record_accounting(tx, record))


@asynccontextmanager
async def open_hut(hakika_url: str, hotspot_url: str, folder: Path, **changes: Any) -> AsyncIterator[Hut]:
    """Open a hotspot with nothing that runs by itself."""
    async with open_house(settings_for(hakika_url, folder, public_url="https://pay.example.com")) as hakika:
        transport = httpx2.ASGITransport(hakika.asgi)
        client = AsyncHakika(API_KEY, "http://hakika.test", transport=transport)
        hotspot = Hotspot(hut_settings(**changes), open_store(hotspot_url), client, hakika.clock)
        hut = Hut(hotspot, hotspot.create_app(), hakika)
        try:
            yield hut
        finally:
            await hotspot.portal.rest()
            await client.close()
            await hotspot.store.close()


def as_json(event: Event) -> bytes:
    """An event as a webhook carries it."""
    return json.dumps({**json.loads(msgspec.json.encode(event)), "object": "event"}).encode()
