"""A hotspot with all its loops and two kinds of router, in a thread of its own: it can be stopped and started again."""

import asyncio
import threading
from pathlib import Path

import httpx2

from hakika.client import AsyncHakika
from hakika_hotspot.app import Hotspot
from hakika_hotspot.store import open_store
from tests.examples.world import SPEED, World
from tests.hotspot.freeradius import COA_SECRET, TOKEN
from tests.hotspot.hut import hut_settings
from tests.hotspot.mikrotik import ADMIN, MikroTik, running_mikrotik
from tests.hotspot.town import serving_app


class Street:
    """Open in a block. `gate-town` asks FreeRADIUS; at `gate-api` is a MikroTik that we log in to."""

    def __init__(self, world: World, folder: Path, port: int, mikrotik_port: int) -> None:
        self._world, self._folder, self._port, self._mikrotik_port = world, folder, port, mikrotik_port
        self.mikrotik = MikroTik(world.clock.now_ms)

    def __enter__(self) -> "Street":
        self._loop, self._open, self._closing = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()), daemon=True)
        self._thread.start()
        assert self._open.wait(20), "it did not open"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(20)
        self._loop.close()

    async def _serve(self) -> None:
        user, password = ADMIN
        api = {"address": "127.0.0.1", "api_port": self._mikrotik_port, "api_user": user, "api_password": password}
        settings = hut_settings(
            hakika_api_key=self._world.key,
            webhook_secret="",
            radius_token=TOKEN,
            public_url=f"http://127.0.0.1:{self._port}",
            poll_s=3 / SPEED,
            routers=[
                {"name": "gate-town", "site": "westlands", "address": "127.0.0.1", "secret": COA_SECRET},
                {"name": "gate-api", "site": "westlands", "kind": "routeros", **api},
            ],
        )
        store = open_store(f"sqlite:///{self._folder / 'hotspot.db'}")
        client = AsyncHakika(self._world.key, self._world.url)
        app = Hotspot(settings, store, client, self._world.clock.now_ms).create_app()
        async with running_mikrotik(self.mikrotik, self._mikrotik_port), serving_app(app, self._port, lifespan="on"):
            self._open.set()
            await self._closing.wait()

    def on_air(self) -> list[str]:
        """Who is logged in at the MikroTik; the answer waits a little for somebody to be."""
        self.mikrotik.moved.wait(0.05)
        self.mikrotik.moved.clear()
        return self.mikrotik.on_air()

    def buy(self, mac: str, router: str) -> str:
        """Join, ask for an hour on the portal, and wait until the phone rings. → its number."""
        phone = self._world.phone()
        self.mikrotik.add_host(mac, f"10.5.9.{int(mac[-2:], 16)}")
        form = {"package": "hour", "phone": phone, "mac": mac, "router": router}
        answer = httpx2.post(f"http://127.0.0.1:{self._port}/buy", data=form, trust_env=False)
        assert answer.status_code == 303, answer.text
        return phone
