"""Lanes: each endpoint has its own. What one does to us the others never feel; it is probed, told of, and drained."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hakika.domain.errors import StoreUnavailable
from hakika.domain.lane import FAILING_AFTER, HEALTHY, PROBES, Lane, fail, must_tell, succeed
from hakika.domain.schedule import DELIVERY_LEASE_MS, RETRY_DELIVERY_AFTER_MS, retry_delivery_at
from hakika.engine.clock import Clock
from hakika.store.webhooks.endpoints import EndpointRow
from hakika.store.webhooks.resending import Resend
from tests.engine.receiver import Post, Received, Receiver, posting, spell
from tests.engine.till import HeldClock

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


async def fail_until_told(post: Post, receiver: Receiver) -> None:
    """Let the receiver fail until the operator knows."""
    receiver.status = 500
    while not post.announced:
        await post.work(after_s=6)


async def test_a_failing_lane_is_probed_with_one_event_at_a_time(
    post: Post, receiver: Receiver, hook: EndpointRow
) -> None:
    """However many events wait: one attempt, then nothing until the schedule says so."""
    receiver.status = 500
    await post.publish(50)
    await post.work()
    assert len(receiver.got) <= FAILING_AFTER + 1
    before = len(receiver.got)
    await post.publish(50)
    for _ in range(20):
        await post.work(after_s=60)
    assert len(receiver.got) - before <= 5
    assert set(await post.statuses()) == {"waiting"}


async def test_the_operator_is_told_once_and_again_when_it_recovers(
    post: Post, receiver: Receiver, hook: EndpointRow
) -> None:
    """`endpoint.failing`, then `endpoint.recovered`; the endpoint itself gets neither."""
    await post.publish(20)
    await fail_until_told(post, receiver)
    for _ in range(30):
        await post.work(after_s=600)
    receiver.status = 200
    await post.work(after_s=7_300 * 2)
    await post.drain()
    assert [event.type for event in post.announced] == ["endpoint.failing", "endpoint.recovered"]
    assert (await post.endpoint(hook)).lane == HEALTHY
    assert all(one.event["type"] == "payment.completed" for one in receiver.got)
    assert set(await post.statuses()) == {"delivered"}


async def test_what_waited_arrives_in_the_order_of_its_numbers(
    post: Post, receiver: Receiver, hook: EndpointRow
) -> None:
    """When a failing endpoint answers again, the oldest first."""
    await post.publish(30)
    await fail_until_told(post, receiver)
    await post.publish(30)
    receiver.status, receiver.got = 200, []
    await post.work(after_s=150)
    await post.drain()
    numbers = receiver.numbers
    assert len(numbers) == 60
    # Of those that are sent at once, one may overtake another.
    assert all(abs(number - place) <= 32 for place, number in enumerate(numbers, start=1))
    assert numbers[0] == 1


async def test_one_that_hangs_delays_nobody(post: Post, receiver: Receiver, hook: EndpointRow) -> None:
    """While one endpoint holds every request, the other has all of its events."""
    freed = asyncio.Event()

    async def hang(received: Received) -> bytes:
        if received.path == "/hangs":
            await freed.wait()
        return spell(200)

    post.hurry()
    receiver.answer = hang
    _, hanging = await post.add(f"http://127.0.0.1:{receiver.port}/hangs")
    await post.publish(100)
    running = asyncio.create_task(post.deliverer.run_once())
    while len([one for one in receiver.got if one.path == "/hook"]) < 8:  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0)
    assert not running.done()
    await running
    await post.drain()
    assert len(await post.deliveries(endpoint=hook.id, status="delivered")) == 100
    assert len(await post.deliveries(endpoint=hanging.id, status="waiting")) == 100
    freed.set()


async def test_an_event_that_is_never_taken_does_not_stop_the_others(
    post: Post, receiver: Receiver, hook: EndpointRow
) -> None:
    """The receiver refuses one event for ever: those after it arrive all the same."""

    async def refuse_the_first(received: Received) -> bytes:
        return spell(500 if received.event["number"] == 1 else 200)

    receiver.answer = refuse_the_first
    await post.publish()
    for _ in range(30):
        await post.work(after_s=120)
    await post.publish(5)
    for _ in range(40):
        await post.work(after_s=120)
    assert (await post.statuses())[1:] == ["delivered"] * 5


async def test_time_while_it_is_off_does_not_count(post: Post, receiver: Receiver, hook: EndpointRow) -> None:
    """Off for a month: nothing is sent and nothing exhausted; on again, all of it comes."""
    row = await post.store.write(lambda tx: post.endpoints.change(tx, hook, active=False))
    await post.publish(3)
    assert await post.work(after_s=30 * 24 * 3600) == {}
    await post.store.write(lambda tx: post.endpoints.change(tx, row, active=True))
    await post.drain()
    assert sorted(receiver.ids) == ["evt_1", "evt_2", "evt_3"]


async def test_what_waited_through_a_whole_schedule_is_exhausted(
    post: Post, receiver: Receiver, hook: EndpointRow
) -> None:
    """Also what was never sent itself: the lane was probed for it for 75 hours. Sent again by hand it arrives."""
    receiver.status = 500
    await post.publish(20)
    for _ in range(60):
        await post.work(after_s=2 * 3600 * 1.3)
    assert set(await post.statuses()) == {"exhausted"}
    receiver.status, receiver.got = 200, []
    await post.publish()
    await post.work(after_s=3 * 3600)
    assert await post.resend(Resend("test", status="exhausted")) == 20
    await post.drain()
    assert set(await post.statuses()) == {"delivered"}
    assert len(set(receiver.ids)) == 21


def test_the_schedule_is_75_hours_and_spreads() -> None:
    """43 delays of 75 hours in all; each a fifth shorter or longer by chance."""
    assert sum(RETRY_DELIVERY_AFTER_MS) == 75 * 3600 * 1000
    assert RETRY_DELIVERY_AFTER_MS[:7] == tuple(s * 1000 for s in (5, 30, 120, 600, 1800, 3600, 7200))
    assert [retry_delivery_at(1, 0, chance) for chance in (0, 0.5, 1)] == [4_000, 5_000, 6_000]
    assert retry_delivery_at(len(RETRY_DELIVERY_AFTER_MS) + 1, 0, 0.5) is None


def test_a_lane_fails_by_failures_in_a_row() -> None:
    """Three; a success between begins anew. What was under way when it began to fail counts for nothing."""
    lane = HEALTHY
    for _ in range(FAILING_AFTER - 1):
        lane = fail(lane, 0, 0.5, probe=False)
    assert not lane.failing
    assert succeed(lane) == HEALTHY
    lane = fail(lane, 0, 0.5, probe=False)
    assert lane.failing
    assert fail(lane, 0, 0.5, probe=False) == lane
    assert not must_tell(lane)
    probed = fail(lane, 5_000, 0.5, probe=True)
    assert must_tell(probed)
    assert probed.next_at_ms == 35_000
    assert not must_tell(probed._replace(told_at_ms=1))
    assert Lane(FAILING_AFTER + PROBES).spent


# ── killed ──────────────────────────────


def run_mortal(url: str, port: int, gap: str, ahead_ms: int) -> subprocess.Popen[str]:
    """Deliver in a process of its own, which says when it is in that gap and then waits for its end."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.engine.mortal", url, str(port), gap, str(ahead_ms)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
    )  # fmt: skip


@pytest.mark.parametrize("gap", ["taken", "sent"])
async def test_whoever_is_killed_in_a_gap_delivers_all_the_same(
    migrated_database_url: str, clock: HeldClock, receiver: Receiver, gap: str
) -> None:
    """SIGKILL between commit and send, or between send and recording: after the lease each event has arrived.

    At least once, with its id, and none that was never published.
    """
    async with posting(migrated_database_url, clock) as post:
        await post.add(f"http://127.0.0.1:{receiver.port}/hook")
        published = {event.id for event in await post.publish(5)}
        process = run_mortal(migrated_database_url, receiver.port, gap, clock())
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == f"{gap}\n"
        os.kill(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.wait, 30)
        process.stdout.close()
        assert set(receiver.ids) == (published if gap == "sent" else set())
        assert await post.work(after_s=1) == {}
        clock.pass_ms(DELIVERY_LEASE_MS)
        await post.drain()
        assert set(receiver.ids) == published
        assert set(await post.statuses()) == {"delivered"}


# ── the loop ──────────────────────────────


async def test_the_loop_delivers_at_once_and_finishes_what_is_being_sent(
    migrated_database_url: str, receiver: Receiver
) -> None:
    """A commit wakes it; told to stop, it waits for the answer under way, records it, and gives back what it took."""
    arrived, may_answer = asyncio.Event(), asyncio.Event()

    async def take_time(_: Received) -> bytes:
        arrived.set()
        await may_answer.wait()
        return spell(200)

    async with posting(migrated_database_url, HeldClock(), within_s=5) as post:
        post.deliverer._clock = Clock()
        post.clock.now_ms = Clock()()
        receiver.answer = take_time
        await post.add(f"http://127.0.0.1:{receiver.port}/hook")
        running = asyncio.create_task(post.deliverer.run())
        post.deliverer.notice(await post.publish(10))
        async with asyncio.timeout(10):
            await arrived.wait()
        running.cancel()
        asyncio.get_running_loop().call_soon(may_answer.set)
        await asyncio.gather(running, return_exceptions=True)
        statuses = await post.statuses()
        assert statuses.count("delivered") == len(receiver.got) > 0
        due = [told.delivery.due_at_ms for told in await post.deliveries(status="waiting")]
        assert all(at_ms is not None and at_ms <= Clock()() for at_ms in due)


async def test_what_a_stopped_database_could_not_record_is_recorded_later(
    post: Post, receiver: Receiver, hook: EndpointRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outcome is kept until the store takes it; nothing is sent a second time."""
    write = post.deliverer._write

    async def fail_once(*given: Any) -> None:
        monkeypatch.setattr(post.deliverer, "_write", write)
        raise StoreUnavailable

    monkeypatch.setattr(post.deliverer, "_write", fail_once)
    await post.publish()
    with pytest.raises(StoreUnavailable):
        await post.work()
    await post.work()
    assert await post.statuses() == ["delivered"]
    assert len(receiver.got) == 1


async def test_two_nodes_share_the_work_and_send_nothing_twice(
    post: Post, receiver: Receiver, hook: EndpointRow
) -> None:
    """Each takes under a lease what the other has not; a failing endpoint is probed by one of them."""
    async with posting(post.store.url, post.clock) as other:
        await post.publish(60)
        while any(await asyncio.gather(post.work(), other.work())):
            pass
        assert sorted(receiver.numbers) == list(range(1, 61))
        receiver.status = 500
        await post.publish(40)
        while not (await post.endpoint(hook)).lane.failing:
            await asyncio.gather(post.work(after_s=7), other.work())
        receiver.got = []
        post.clock.pass_s(7)
        await asyncio.gather(post.work(), other.work())
        assert len(receiver.got) <= 1
