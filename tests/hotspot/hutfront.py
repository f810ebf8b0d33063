"""A hotspot in a thread of its own, with a router in front, for a real browser to visit."""

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from hakika_hotspot.domain.access import Happened
from tests.api.serving import listening
from tests.hotspot.hut import PACKAGES, Hut, open_hut

T = TypeVar("T")


class Hutfront:
    """Opens at the beginning of a block and closes at its end. `mac` is that of the phone at its router."""

    def __init__(self, hakika_url: str, folder: Path, **changes: Any) -> None:
        self._hakika_url, self._folder, self._changes = hakika_url, folder, changes
        self._open, self._loop = threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.hut: Hut
        self.url, self.router_url, self.mac = "", "", ""
        self.online: list[str] = []

    def __enter__(self) -> "Hutfront":
        self._thread.start()
        assert self._open.wait(20), "it did not open"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(20)

    def do(self, act: Coroutine[Any, Any, T]) -> T:
        """Do something where the hotspot runs."""
        return asyncio.run_coroutine_threadsafe(act, self._loop).result(20)

    def join(self, mac: str, **more: str) -> str:
        """A phone joins. → where the router's redirect leads it."""
        self.mac = mac
        extra = "".join(f"&{name}={value}" for name, value in more.items())
        return f"{self.url}/?mac={mac}&ip=10.5.9.9&router=gate{extra}"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._closing = asyncio.Event()
        router = Starlette(routes=[Route("/login", self._log_in, methods=["POST"])])
        async with listening(router) as self.router_url:
            gate = {"name": "gate", "site": "westlands", "login_url": f"{self.router_url}/login"}
            changes = {"routers": [gate], "packages": PACKAGES[:3]} | self._changes
            database = f"sqlite:///{self._folder / 'hotspot.db'}"
            async with (
                open_hut(self._hakika_url, database, self._folder, **changes) as self.hut,
                listening(self.hut.app) as self.url,
            ):
                self._open.set()
                await self._closing.wait()

    async def _log_in(self, request: Request) -> Response:
        """What a MikroTik does with a login: it asks RADIUS, and sends the browser on."""
        form = dict(await request.form())
        access = await self.hut.ask(self.mac, str(form["username"]), str(form["password"]))
        if not access.allowed:
            return PlainTextResponse(access.reason, 403)
        self.online.append(self.mac)
        await self.hut.tell(Happened.START, f"s{len(self.online)}", self.mac, address="10.5.9.9")
        return RedirectResponse(str(form["dst"]).replace("http://wifi.test", self.url), 303)
