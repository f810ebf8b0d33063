"""Telling Hakika that somebody stands at the portal: once for each payment, and nothing that fails ends it."""

import asyncio

import httpx2
import pytest

from hakika.client import AsyncHakika
from hakika_hotspot.waits import Waits
from tests.api.house import API_KEY
from tests.hotspot.hut import MAC, PHONE, Hut

pytestmark = pytest.mark.anyio


class Answering:
    """A Hakika that keeps a wait until it is let go, and then answers with an error."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.asked, self.let_go = asyncio.Event(), asyncio.Event()

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        self.paths.append(request.url.path)
        self.asked.set()
        await self.let_go.wait()
        return httpx2.Response(404, json={"code": "not_found", "detail": "There is no such payment.", "status": 404})


async def test_each_payment_is_waited_for_once_at_a_time(anyio_backend: str) -> None:
    """A page that asks again and again holds one wait; after that has ended, even badly, the next is held."""
    hakika = Answering()
    client = AsyncHakika(API_KEY, "http://hakika.test", transport=httpx2.MockTransport(hakika.answer))
    waits = Waits(client)
    running = asyncio.create_task(waits.run())
    for _ in range(3):
        waits.hold("pay_1")
    await asyncio.wait_for(hakika.asked.wait(), 5)
    assert hakika.paths == ["/v1/payments/pay_1/wait"]
    hakika.let_go.set()
    while waits.holds("pay_1"):  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0)
    hakika.asked.clear()
    waits.hold("pay_1")
    await asyncio.wait_for(hakika.asked.wait(), 5)
    assert len(hakika.paths) == 2
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.close()


async def test_an_open_page_is_somebody_who_waits(hut: Hut) -> None:
    """Who looks at a purchase whose phone rings waits for its payment; who looks at one that has ended does not."""
    async with hut.visit() as browser:
        answer = await browser.post("/buy", data={"package": "hour", "phone": PHONE, "mac": MAC})
        await hut.settle()
        row = await hut.latest()
        await browser.get(str(answer.url))
        assert hut.hotspot.waits.holds(row.payment)
        await hut.pay(row)
        await hut.hotspot.reader.read_once()
        hut.hotspot.waits._held.clear()
        await browser.get(str(answer.url))
        assert not hut.hotspot.waits.holds(row.payment)
