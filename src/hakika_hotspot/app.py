"""Puts the hotspot together: one web application, and the loops behind it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from hakika.client import AsyncHakika, HakikaError
from hakika_hotspot.config import Settings
from hakika_hotspot.kept import keep, read_kept
from hakika_hotspot.network.radius_rest import RadiusDesk
from hakika_hotspot.network.worker import NetworkWorker
from hakika_hotspot.owner.pages import OwnersPages
from hakika_hotspot.portal.captive import CaptiveApi
from hakika_hotspot.portal.pages import Portal
from hakika_hotspot.purchases import Asking
from hakika_hotspot.receiver import Reader, Receiver
from hakika_hotspot.store import Store, Transaction
from hakika_hotspot.tries import forget_tries
from hakika_hotspot.waits import Waits

SECRET, SECRET_OF = "webhook_secret", "webhook_url"
EVENTS = ["payment.*"]
AFTER_TROUBLE_S = 5.0
ASK_AGAIN_S = 5.0
log = structlog.get_logger()


def read_clock() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Hotspot:
    """All parts, and how they live."""

    def __init__(
        self, settings: Settings, store: Store, client: AsyncHakika, clock: Callable[[], int] = read_clock
    ) -> None:
        self.settings, self.store, self.client, self.clock = settings, store, client, clock
        self.asking = Asking(client, store)
        self.receiver = Receiver(store, settings.webhook_secret, settings.mode, clock)
        self.reader = Reader(store, client, settings.mode, clock)
        self.waits = Waits(client)
        self.portal = Portal(settings, store, self.asking, self.waits, clock)
        self.network = NetworkWorker(store, settings, clock)

    def create_app(self) -> Starlette:
        """The web application; its loops run as long as it does."""
        radius = RadiusDesk(self.store, self.settings, self.clock)
        return Starlette(
            routes=[
                *self.portal.routes(),
                *CaptiveApi(self.settings, self.store, self.clock).routes(),
                *OwnersPages(self.settings, self.store, self.clock).routes(),
                *radius.routes(),
                Route("/hook", self.receiver.receive, methods=["POST"]),
                Route("/health", self.show_health),
            ],
            lifespan=self._live,
        )

    async def show_health(self, _: Request) -> Response:
        """Whether the database answers."""
        await self.store.read(lambda tx: read_kept(tx, "schema"))
        return PlainTextResponse("ok")

    async def listen_to_hakika(self) -> None:
        """Have Hakika's events posted to us. Where that fails they are read, a little later, and nothing is lost."""
        if self.settings.webhook_secret:
            return
        url = self.settings.hook_url
        kept = await self.store.read(lambda tx: (read_kept(tx, SECRET), read_kept(tx, SECRET_OF)))
        if kept[0] and kept[1] == url:
            self.receiver.secret = kept[0]
            return
        made = await self.client.endpoints.create(url=url, event_types=EVENTS, description="Hotspot")
        secret = made.secret or ""

        def keep_it(tx: Transaction) -> None:
            keep(tx, SECRET, secret)
            keep(tx, SECRET_OF, url)

        await self.store.write(keep_it)
        self.receiver.secret = secret

    async def run(self) -> None:
        """Everything that runs behind the pages, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.network.run())
            group.create_task(self.waits.run())
            group.create_task(self._again(self.reader.read_once, self.settings.poll_s))
            group.create_task(self._again(self._tidy, ASK_AGAIN_S))
            group.create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            try:
                return await self.listen_to_hakika()
            except HakikaError as error:
                log.warning("no_webhooks", why=error.detail, instead="events are read", every_s=self.settings.poll_s)
                await asyncio.sleep(60)

    async def _tidy(self) -> None:
        await self.asking.ask_again(self.clock())
        await self.store.write(lambda tx: forget_tries(tx, self.clock()))

    async def _again(self, work: Callable[[], Awaitable[object]], every_s: float) -> None:
        while True:
            try:
                await work()
                await asyncio.sleep(every_s)
            except HakikaError as error:
                log.warning("hakika_out_of_reach", why=error.detail)
                await asyncio.sleep(AFTER_TROUBLE_S)
            except Exception:
                log.exception("work_failed")
                await asyncio.sleep(AFTER_TROUBLE_S)

    @contextlib.asynccontextmanager
    async def _live(self, _: Starlette) -> AsyncIterator[None]:
        running = asyncio.create_task(self.run())
        try:
            yield
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            await self.client.close()
            await self.store.close()
