"""Stopping: what is under way is finished and recorded, nothing new is begun, and nobody is left waiting."""

import asyncio
from typing import Any

import pytest

from hakika.daraja.protocol import PushOrder, PushOutcome, Shortcode
from hakika.domain.evidence import PushAccepted
from hakika.engine.stopping import Stopping
from hakika.main import at_work
from tests.api.house import Open, unused_phone
from tests.api.test_wait import until, until_watched

pytestmark = pytest.mark.anyio


class SlowDaraja:
    """A Daraja that answers a push when a test says so."""

    def __init__(self, hakika: Open, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked, self.answers, self._clock = 0, asyncio.Event(), hakika.clock
        monkeypatch.setattr(hakika.daraja, "push", self.push)

    async def push(self, _: str, __: Shortcode, ___: PushOrder, attempt: int) -> PushOutcome:
        """See engine.collect.Daraja."""
        self.asked += 1
        await self.answers.wait()
        return PushOutcome(PushAccepted(self._clock(), attempt, f"ws_CO_{self.asked}", f"29115-{self.asked}"))


@pytest.fixture
def slow(hakika: Open, monkeypatch: pytest.MonkeyPatch) -> SlowDaraja:
    """A Daraja that takes its time."""
    return SlowDaraja(hakika, monkeypatch)


async def run_until_pushed(hakika: Open, slow: SlowDaraja) -> tuple[dict[str, Any], "asyncio.Task[None]"]:
    """Ask for money and have a worker push it. → the payment, and the worker's run."""
    running = asyncio.create_task(hakika.worker.run())
    payment = await hakika.ask(phone=unused_phone())
    await until(lambda: slow.asked == 1)
    return payment, running


async def test_a_push_under_way_is_finished_and_recorded(hakika: Open, slow: SlowDaraja) -> None:
    """A prompt that is on the phone keeps its CheckoutRequestID; what is asked meanwhile is left for the next start."""
    payment, running = await run_until_pushed(hakika, slow)
    finishing = asyncio.create_task(hakika.worker.finish(40_000))
    await asyncio.sleep(0)
    later = await hakika.ask(phone=unused_phone(), reference="order-2")
    for _ in range(50):
        await asyncio.sleep(0)
    assert not finishing.done()
    slow.answers.set()
    await finishing
    await running
    assert (await hakika.read(payment["id"]))["stage"] == "prompted"
    assert (await hakika.read(later["id"]))["stage"] == "queued"
    assert slow.asked == 1


async def test_what_takes_too_long_is_let_go(hakika: Open, slow: SlowDaraja) -> None:
    """After the time that stopping may take, and not before it."""
    _, running = await run_until_pushed(hakika, slow)
    finishing = asyncio.create_task(hakika.worker.finish(40_000))
    await asyncio.sleep(0)
    hakika.clock.pass_s(39)
    await asyncio.sleep(0)
    assert not finishing.done()
    hakika.clock.pass_s(1)
    await finishing
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not hakika.worker._under_way


async def test_whoever_is_in_a_hurry_waits_for_nothing(hakika: Open, slow: SlowDaraja) -> None:
    """A second signal ends the wait at once; a first one alone claims no more, also before the server is shut down."""
    stopping, over = Stopping(), asyncio.Event()

    async def serve() -> None:
        async with at_work(hakika.house, hakika.worker, stopping):
            await over.wait()

    serving = asyncio.create_task(serve())
    await hakika.ask(phone=unused_phone())
    await until(lambda: slow.asked == 1)
    stopping.ask()
    await until(lambda: hakika.worker._retired)
    over.set()
    for _ in range(50):
        await asyncio.sleep(0)
    assert not serving.done()
    stopping.hurry()
    await serving


async def test_who_waits_when_the_server_stops_is_answered(hakika: Open) -> None:
    """200 and the payment as it is: it goes on, and the caller may ask the next server."""
    payment, _ = await hakika.prompt()
    waiting = asyncio.create_task(hakika.api.get(f"/v1/payments/{payment['id']}/wait?timeout=300"))
    await until_watched(hakika, 1)
    hakika.house.ledger.notices.end()
    answer = await waiting
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    again = await hakika.api.get(f"/v1/payments/{payment['id']}/wait?timeout=300")
    assert (again.status_code, again.json()["status"]) == (200, "pending")
