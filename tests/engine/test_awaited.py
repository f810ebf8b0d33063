"""A lost callback while the others arrive: found out soon where somebody waits, and at nobody's expense."""

import asyncio

import pytest

from hakika.domain import schedule
from hakika.domain.schedule import AWAITED_QUERIES_AFTER_MS, CALLBACK_OVERDUE_MS, QUERY_LEASE_MS
from hakika.engine.live.awaited import EVERY_MS, Awaited
from hakika.store.payments import PaymentRow, put_off, set_awaited
from tests.engine.test_querying import query_times_s, settle_by_callback
from tests.engine.till import HeldClock, ScriptedDaraja, Till, say

pytestmark = pytest.mark.anyio

AWAITED_S = [after_ms / 1000 for after_ms in AWAITED_QUERIES_AFTER_MS]
OVERDUE_S = CALLBACK_OVERDUE_MS / 1000


@pytest.fixture
async def healthy(till: Till) -> Till:
    """Give a till whose callbacks arrive."""
    await settle_by_callback(till, 5)
    assert all(till.health.arrive(account.id) for account in till.accounts.known())
    return till


async def await_payment(till: Till, row: PaymentRow, for_s: float = 30) -> None:
    """Mark that somebody waits for a payment from now on."""
    now_ms = till.clock()
    await till.store.write(lambda tx: set_awaited(tx, [row.id], now_ms, now_ms + int(for_s * 1000)))


async def test_a_lost_callback_is_asked_about_soon(healthy: Till, daraja: ScriptedDaraja) -> None:
    """The payer has paid, no callback comes, and somebody waits: completed by the first query, 20 s after it."""
    row = await healthy.prompt()
    await await_payment(healthy, row)
    daraja.query_default = say("0")
    assert await query_times_s(healthy, row, 60) == AWAITED_S[:1]
    row = await healthy.read(row.id)
    assert (row.status, row.confirmed_by) == ("completed", "query")


async def test_while_somebody_waits_it_is_asked_about_again(healthy: Till) -> None:
    """As long as somebody waits and nothing is known there are four queries; then a callback is overdue."""
    row = await healthy.prompt()
    await await_payment(healthy, row, for_s=300)
    assert await query_times_s(healthy, row, 80) == [*AWAITED_S, OVERDUE_S]


async def test_who_waits_before_the_prompt_leaves_counts(healthy: Till) -> None:
    """Somebody who waits since the payment was asked for need not be marked again once the phone rings."""
    asked = await healthy.ask()
    await await_payment(healthy, asked, for_s=300)
    await healthy.work()
    assert await healthy.due_in_s(asked) == AWAITED_S[0]


async def test_who_begins_to_wait_late_gets_the_next_query(healthy: Till) -> None:
    """A payment that is prompted already is due at the next time that is still to come, and never in the past."""
    row = await healthy.prompt()
    healthy.clock.pass_s(33)
    await await_payment(healthy, row, for_s=300)
    assert await query_times_s(healthy, row, 80) == [*AWAITED_S[2:], OVERDUE_S]


async def test_nobody_waits_any_more(healthy: Till) -> None:
    """Once nobody waits what was planned for them is not asked, and who comes back has it asked again."""
    row = await healthy.prompt()
    await await_payment(healthy, row, for_s=5)
    assert await query_times_s(healthy, row, 40) == []
    assert await healthy.due_in_s(row) == OVERDUE_S - 40
    await await_payment(healthy, row)
    assert await healthy.due_in_s(row) == AWAITED_S[2] - 40


async def test_a_callback_that_comes_costs_no_query(healthy: Till, daraja: ScriptedDaraja) -> None:
    """A payment that is called back about in time is asked nothing, whoever waits."""
    row = await healthy.prompt()
    await await_payment(healthy, row)
    healthy.clock.pass_s(15)
    await healthy.call_back(row, receipt="SFF6ONTIME")
    assert await query_times_s(healthy, row, 80) == []
    assert daraja.queries == []


async def test_an_early_query_does_not_make_a_slow_callback_a_missing_one(
    healthy: Till, daraja: ScriptedDaraja
) -> None:
    """Payments that a query ended for those who wait: their callbacks are missed only once they would be overdue."""
    rows = [await healthy.prompt() for _ in range(8)]
    for row in rows:
        await await_payment(healthy, row)
    daraja.query_default = say("0")
    assert await query_times_s(healthy, rows[0], 60) == AWAITED_S[:1]
    assert {(await healthy.read(row.id)).status for row in rows} == {"completed"}
    assert healthy.health.arrive(rows[0].account)
    healthy.clock.pass_s(OVERDUE_S - 60)
    await healthy.store.read(lambda tx: healthy.health.look(tx, rows[0].account))
    assert not healthy.health.arrive(rows[0].account)


async def test_a_second_equal_decline_needs_nobody_who_waits(healthy: Till, daraja: ScriptedDaraja) -> None:
    """What the first query heard is confirmed 5 s later as ever, also when nobody waits any more."""
    row = await healthy.prompt()
    await await_payment(healthy, row, for_s=21)
    daraja.query_default = say("1032")
    assert await query_times_s(healthy, row, 40) == [20.0, 25.5]
    assert (await healthy.read(row.id)).status == "cancelled"


async def test_a_scarce_budget_is_left_to_others(healthy: Till, daraja: ScriptedDaraja) -> None:
    """An account that may query five times a minute asks nothing ahead of its time, whoever waits."""
    await healthy.add_account("slow", calls_per_minute=120, queries_per_minute=5)
    for number in range(4):
        await healthy.call_back(await healthy.prompt(account="slow"), receipt=f"SFF6SLOW{number:02}")
    healthy.clock.pass_s(20)
    await healthy.work()
    row = await healthy.prompt(account="slow")
    assert healthy.health.arrive(row.account)
    await await_payment(healthy, row, for_s=300)
    assert await query_times_s(healthy, row, 80) == [OVERDUE_S]


async def test_many_who_wait_leave_half_of_the_budget(healthy: Till, daraja: ScriptedDaraja) -> None:
    """Where more are awaited than half of the window, the others are put off to their next time, and pushes go."""
    await healthy.add_account("slow", calls_per_minute=120, queries_per_minute=120)
    for number in range(4):
        await healthy.call_back(await healthy.prompt(account="slow"), receipt=f"SFF6SLOW{number:02}")
    healthy.clock.pass_s(20)
    rows = [await healthy.prompt(account="slow") for _ in range(14)]
    for row in rows:
        await await_payment(healthy, row, for_s=300)
    assert await healthy.work(after_s=AWAITED_S[0]) == {"queried": 10}
    put_off_s = [due_in_s for row in rows if (due_in_s := await healthy.due_in_s(row)) is not None]
    assert put_off_s == [AWAITED_S[1] - AWAITED_S[0]] * 14
    await healthy.ask(account="slow")
    assert await healthy.work() == {"pushed": 1}


async def test_a_lease_is_not_disturbed(healthy: Till, daraja: ScriptedDaraja, clock: HeldClock) -> None:
    """Who begins to wait while a worker asks moves nothing: nobody asks a second time meanwhile."""
    row, asked = await healthy.prompt(), asyncio.Event()
    clock.pass_s(OVERDUE_S)
    original = daraja.query

    async def ask_slowly(*given: object) -> object:
        await await_payment(healthy, row)
        leased.append(await healthy.due_in_s(row))
        asked.set()
        return await original(*given)  # type: ignore[arg-type]

    leased: list[float | None] = []
    daraja.query = ask_slowly  # type: ignore[assignment,method-assign]
    assert await healthy.work() == {"queried": 1}
    assert asked.is_set()
    assert leased == [QUERY_LEASE_MS / 1000]


async def test_a_lease_that_ends_when_a_callback_is_overdue_is_a_lease(healthy: Till) -> None:
    """A payment whose lease ends at the very moment at which its callback would be overdue is held all the same."""
    row = await healthy.prompt()
    healthy.clock.pass_ms(CALLBACK_OVERDUE_MS - QUERY_LEASE_MS)
    await healthy.spoil(row, queried_at_ms=healthy.clock())
    await await_payment(healthy, row)
    assert await healthy.due_in_s(row) == QUERY_LEASE_MS / 1000


async def test_what_is_due_sooner_stays_so(healthy: Till) -> None:
    """Waiting moves nothing that is not waiting for its callback: neither back nor forth."""
    row = await healthy.prompt()
    for due_in_s in (0, 3, 40, 90):
        await healthy.spoil(row, due_at_ms=healthy.clock() + due_in_s * 1000, awaited_until_ms=0)
        await await_payment(healthy, row)
        assert await healthy.due_in_s(row) == due_in_s
    queued = await healthy.ask()
    await await_payment(healthy, queued)
    assert await healthy.due_in_s(queued) == 0


async def test_the_database_plans_as_the_domain_does(healthy: Till) -> None:
    """Waiting and putting off set the very time that `next_query_at` names, whatever the time is."""
    row = await healthy.prompt()
    for after_ms in (0, 19_999, 20_000, 31_000, 45_999, 46_000, 61_999, 62_000, 74_999):
        now_ms = row.prompted_at_ms + after_ms
        for awaited in (True, False):
            planned = schedule.next_query_at(row.prompted_at_ms, now_ms, callbacks_arrive=True, awaited=awaited)
            until_ms = now_ms if awaited else now_ms - 1
            await healthy.spoil(row, due_at_ms=now_ms, awaited_until_ms=until_ms)
            await healthy.store.write(lambda tx, at=now_ms: put_off(tx, [row.id], at))  # type: ignore[misc]
            assert (await healthy.read(row.id)).due_at_ms == planned
        await healthy.spoil(row, due_at_ms=row.prompted_at_ms + CALLBACK_OVERDUE_MS, awaited_until_ms=0)
        await healthy.store.write(lambda tx, at=now_ms: set_awaited(tx, [row.id], at, at + 1))  # type: ignore[misc]
        awaited_at = schedule.next_query_at(row.prompted_at_ms, now_ms, callbacks_arrive=True, awaited=True)
        assert (await healthy.read(row.id)).due_at_ms == awaited_at


async def test_two_nodes_ask_once(healthy: Till, second_till: Till, daraja: ScriptedDaraja) -> None:
    """Somebody waits at one node: either may ask, and only one of them does."""
    await second_till.work()
    row = await healthy.prompt()
    await await_payment(second_till, row)
    healthy.clock.pass_s(AWAITED_S[0])
    done = [await second_till.work(), await healthy.work()]
    assert [one["queried"] for one in done] == [1, 0]
    assert len(daraja.queries) == 1


async def test_a_held_wait_is_enough(healthy: Till, daraja: ScriptedDaraja) -> None:
    """From /wait to the query: who waits is marked within seconds, and what is due moves with it."""
    row, healthy.clock.patience = await healthy.prompt(), 10**6
    waiting = asyncio.ensure_future(healthy.cashier.wait(row.id, 10**12))
    while not healthy.notices.watched(row.id):  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0)
    await Awaited(healthy.store, healthy.notices, healthy.clock).mark()
    daraja.query_default = say("0")
    assert await healthy.work(after_s=AWAITED_S[0]) == {"queried": 1}
    assert (await asyncio.wait_for(waiting, 5)).status == "completed"


async def test_who_cannot_be_marked_at_once_is_marked_at_the_next_turn(
    healthy: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A payment that is being folded when somebody begins to wait is locked: it is marked seconds later, not 26."""
    row, awaited = await healthy.prompt(), Awaited(healthy.store, healthy.notices, healthy.clock)
    with healthy.notices.watch(row.id):
        with monkeypatch.context() as locked:
            # As `SKIP LOCKED` shows a row that another transaction holds: not at all.
            locked.setattr("hakika.engine.live.awaited.set_awaited", lambda *_: [])
            assert await awaited.mark() == 1
            assert await awaited.mark() == 0, "not at once again: many who cannot be marked would be tried for ever"
        healthy.clock.pass_ms(EVERY_MS)
        assert await awaited.mark() == 1
        assert await healthy.due_in_s(row) == AWAITED_S[0] - EVERY_MS / 1000
        healthy.clock.pass_ms(EVERY_MS)
        assert await awaited.mark() == 0


async def test_when_callbacks_stop_those_that_were_asked_about_are_hurried(healthy: Till) -> None:
    """A payment that was awaited and is no more waits for its callback like any other: it is hurried like them."""
    row = await healthy.prompt()
    await await_payment(healthy, row, for_s=20)
    assert await healthy.work(after_s=AWAITED_S[0]) == {"queried": 1}
    assert await healthy.work(after_s=11) == {}
    healthy.health.watch(lambda: None)
    healthy.clock.pass_s(2)
    await healthy.worker.look_at_callbacks()
    assert await healthy.due_in_s(row) == 0
