"""A tunnel that dies, moves and comes back in the middle of payments: each reaches its end, and soon."""

import pytest

from hakika.domain.schedule import CALLBACK_OVERDUE_MS, EARLY_QUERIES_AFTER_MS
from hakika.engine.tunnel import Tunnel, TunnelState
from tests.engine.test_querying import query_times_s, settle_by_callback
from tests.engine.till import HeldClock, ScriptedDaraja, Till, say

pytestmark = pytest.mark.anyio

FIRST, SECOND = "https://first.trycloudflare.com", "https://second.trycloudflare.com"
EARLY_S = [after_ms / 1000 for after_ms in EARLY_QUERIES_AFTER_MS]
OVERDUE_S = CALLBACK_OVERDUE_MS / 1000


@pytest.fixture
def tunnel(clock: HeldClock) -> Tunnel:
    """Give a tunnel that is open."""
    opened = Tunnel("auto", clock)
    opened.open(FIRST, "cloudflared")
    return opened


@pytest.fixture
async def healthy(till: Till, tunnel: Tunnel) -> Till:
    """Give a till whose callbacks have arrived by that tunnel."""
    till.health.watch(lambda: tunnel.open_since_ms)
    await settle_by_callback(till, 5)
    assert all(till.health.arrive(account.id) for account in till.accounts.known())
    return till


async def test_through_an_open_tunnel_callbacks_are_waited_for(healthy: Till) -> None:
    """A tunnel that works is an address like any other."""
    assert await query_times_s(healthy, await healthy.prompt(), 80) == [OVERDUE_S]


async def test_a_prompt_under_way_when_the_tunnel_dies_is_asked_about_at_once(
    healthy: Till, tunnel: Tunnel, daraja: ScriptedDaraja
) -> None:
    """Its callback has nowhere to go: nobody waits until it is overdue, and the payment completes by query."""
    row = await healthy.prompt()
    healthy.clock.pass_s(20)
    daraja.query_default = say("0")
    tunnel.close("cloudflared ended", "It is started again by itself.")
    healthy.clock.pass_s(2)
    assert (await healthy.work())["queried"] == 1
    row = await healthy.read(row.id)
    assert (row.status, (row.final_at_ms - row.prompted_at_ms) / 1000) == ("completed", 22)


async def test_while_no_address_works_queries_start_early(healthy: Till, tunnel: Tunnel) -> None:
    """From the first payment on, without waiting for callbacks to be missed."""
    tunnel.close("cloudflared ended", "")
    await healthy.work(after_s=2)
    row = await healthy.prompt()
    assert await healthy.due_in_s(row) == EARLY_S[0]
    assert await query_times_s(healthy, row, 73) == EARLY_S
    assert not healthy.health.arrive(row.account)


async def test_a_prompt_with_the_old_address_is_asked_about_early(
    healthy: Till, tunnel: Tunnel, daraja: ScriptedDaraja
) -> None:
    """The address changed between two looks: who named the old one is hurried at once, and asked early from then on."""
    row = await healthy.prompt()
    healthy.clock.pass_s(12)
    tunnel.open(SECOND, "cloudflared")
    healthy.clock.pass_s(2)
    await healthy.worker.look_at_callbacks()
    assert await healthy.due_in_s(row) == 0
    assert (await healthy.work())["queried"] == 1
    assert (await healthy.read(row.id)).status == "pending"
    assert await healthy.due_in_s(row) == EARLY_S[2] - EARLY_S[1]  # asked at the second time; the third is next
    daraja.query_default = say("0")
    await healthy.work(after_s=5)
    assert (await healthy.read(row.id)).status == "completed"


async def test_a_few_callbacks_through_the_new_address_make_it_normal_again(healthy: Till, tunnel: Tunnel) -> None:
    """What was missed while there was no address does not count against the one that works now."""
    tunnel.close("cloudflared ended", "")
    healthy.daraja.query_default = say("0")
    for _ in range(8):
        await healthy.prompt()
        await healthy.work(after_s=15)
    tunnel.open(SECOND, "cloudflared")
    first = await healthy.prompt()
    assert await healthy.due_in_s(first) == EARLY_S[0]
    await settle_by_callback_again(healthy, 3)
    assert await healthy.due_in_s(await healthy.prompt()) == OVERDUE_S


async def settle_by_callback_again(till: Till, count: int) -> None:
    """Pay so many more payments by callback, long enough ago to count."""
    for number in range(count):
        await till.call_back(await till.prompt(), receipt=f"SFF6AGAIN{number}")
    till.clock.pass_s(20)
    await till.work()


async def test_a_tunnel_is_open_closed_and_told(clock: HeldClock) -> None:
    """Each change of the address is told once; the same address again, or the same trouble, is no change."""
    tunnel, told = Tunnel("ngrok", clock), []
    tunnel.listen(lambda: told.append((tunnel.state, tunnel.origin)))
    assert (tunnel.state, tunnel.open_since_ms, tunnel.settled.is_set()) == (TunnelState.OPENING, None, False)
    for _ in range(2):
        tunnel.close("nothing runs", "Run it.")
        tunnel.close("something else runs", "Run it.")
        clock.pass_s(1)
        tunnel.open(FIRST, "ngrok")
        opened_ms = clock()
        clock.pass_s(1)
        tunnel.open(FIRST, "ngrok")
        assert tunnel.open_since_ms == opened_ms
    assert told == [(TunnelState.CLOSED, ""), (TunnelState.OPEN, FIRST)] * 2
