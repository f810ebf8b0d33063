"""Asking Daraja what became of a prompt: when, how often, for whom first, and until when."""

import pytest

from hakika.domain.errors import BudgetSpent, CannotQuery
from hakika.domain.schedule import CALLBACK_OVERDUE_MS, EARLY_QUERIES_AFTER_MS, HOUR_MS
from hakika.store.payments import PaymentRow
from tests.engine.till import START_MS, HeldClock, ScriptedDaraja, Till, say, say_nothing

pytestmark = pytest.mark.anyio


async def query_times_s(till: Till, row: PaymentRow, until_s: float) -> list[float]:
    """Let the time pass second by second. → when Daraja was asked, in seconds after the prompt."""
    asked_at_s = []
    while till.clock() < row.prompted_at_ms + until_s * 1000:
        if (await till.work())["queried"]:
            asked_at_s.append((till.clock() - row.prompted_at_ms) / 1000)
        till.clock.pass_s(0.5)
    return asked_at_s


async def settle_by_callback(till: Till, count: int) -> None:
    """Pay so many payments by callback, long enough ago to count."""
    for number in range(count):
        await till.call_back(await till.prompt(), receipt=f"SFF6HLTH{number:02}")
    till.clock.pass_s(20)
    await till.work()


async def test_without_callbacks_queries_start_early(till: Till) -> None:
    """Before anything is known of an account's callbacks, the early schedule is followed."""
    row = await till.prompt()
    assert await query_times_s(till, row, 73) == [after_ms / 1000 for after_ms in EARLY_QUERIES_AFTER_MS]
    assert (await till.read(row.id)).queries == len(EARLY_QUERIES_AFTER_MS)


async def test_while_callbacks_arrive_the_first_query_waits(till: Till) -> None:
    """With healthy callbacks nothing is asked until a callback is overdue."""
    await settle_by_callback(till, 5)
    row = await till.prompt()
    assert await query_times_s(till, row, 80) == [CALLBACK_OVERDUE_MS / 1000]


async def test_when_callbacks_stop_waiting_payments_are_hurried(
    till: Till, daraja: ScriptedDaraja, clock: HeldClock
) -> None:
    """Payments that end without callbacks make all that still wait for one be asked about at once."""
    await settle_by_callback(till, 5)
    daraja.query_default = say("0")
    for _ in range(5):
        await till.prompt()
    clock.pass_s(CALLBACK_OVERDUE_MS / 1000)
    assert (await till.work())["queried"] == 5
    clock.pass_s(10)
    waiting = await till.prompt()
    assert await till.due_in_s(waiting) == CALLBACK_OVERDUE_MS / 1000
    clock.pass_s(6)
    await till.worker.look_at_callbacks()
    assert await till.due_in_s(waiting) == 0
    assert not till.health.arrive(waiting.account)


async def test_an_answer_that_means_nothing_changes_nothing(till: Till, daraja: ScriptedDaraja) -> None:
    """Errors and 4999 between two declines count for nothing; the second equal decline settles it."""
    daraja.query_answers = [say("1037"), say_nothing, say("4999"), say("1037")]
    row = await till.prompt()
    await query_times_s(till, row, 60)
    row = await till.read(row.id)
    assert (row.status, row.queries) == ("expired", 4)


async def test_a_payment_that_never_ends_goes_to_a_person_after_a_day(till: Till, daraja: ScriptedDaraja) -> None:
    """After 24 h of queries that say nothing the payment is unresolved, with bounded queries."""
    row = await till.prompt()
    while (due_in_s := await till.due_in_s(row)) is not None:
        await till.work(after_s=due_in_s)
    row = await till.read(row.id)
    assert (row.status, row.final_at_ms) == ("unresolved", 0)
    assert till.clock() - START_MS == 24 * HOUR_MS
    assert len(daraja.queries) < 70


async def test_after_a_downtime_daraja_has_the_last_word(till: Till, daraja: ScriptedDaraja) -> None:
    """However late the server comes back: before a person is called, Daraja is asked once more."""
    row = await till.prompt()
    daraja.query_answers = [say("0")]
    assert await till.work(after_s=30 * 3600) == {"queried": 1}
    assert (await till.read(row.id)).status == "completed"


async def test_after_a_downtime_an_answer_that_says_nothing_ends_it(till: Till, daraja: ScriptedDaraja) -> None:
    """One query after the time to give up is enough, also one that fails: then a person is called."""
    for answer in (say("4999"), say_nothing):
        row = await till.prompt()
        daraja.query_answers = [answer]
        assert await till.work(after_s=30 * 3600) == {"queried": 1}
        assert await till.work() == {"gave_up": 1}
        assert (await till.read(row.id)).status == "unresolved"


async def test_a_failed_query_is_tried_again(till: Till, daraja: ScriptedDaraja) -> None:
    """A query whose task dies is due again when its lease ends."""

    def crash(*_: object) -> None:
        raise SystemError("a defect")

    daraja.query_answers = [crash]  # type: ignore[list-item]
    row = await till.prompt()
    with pytest.raises(SystemError):
        await till.work(after_s=10)
    assert await till.due_in_s(row) == 30
    assert await till.work(after_s=30) == {"queried": 1}


async def test_asking_now_asks_now(till: Till, daraja: ScriptedDaraja) -> None:
    """A person's query is asked at once, on the account's budget."""
    row = await till.prompt()
    daraja.query_answers = [say("0")]
    assert (await till.cashier.query(row.id)).status == "completed"
    assert (await till.cashier.query(row.id)).status == "completed"
    assert len(daraja.queries) == 1


async def test_there_is_nothing_to_ask_before_the_prompt(till: Till) -> None:
    """Without a CheckoutRequestID a query is refused."""
    row = await till.ask()
    with pytest.raises(CannotQuery):
        await till.cashier.query(row.id)


async def test_asking_now_stays_within_the_budget(till: Till) -> None:
    """When the budget is spent a person's query is refused, with seconds to wait."""
    await till.add_account("slow", calls_per_minute=60, queries_per_minute=5)
    row = await till.prompt(account="slow")
    await till.cashier.query(row.id)
    with pytest.raises(BudgetSpent) as refused:
        await till.cashier.query(row.id)
    assert refused.value.extra["retry_after"]
