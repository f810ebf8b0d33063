"""The account's budget: shared by all nodes, pushes first, a quarter for queries, who waits goes first."""

import pytest
from structlog.testing import capture_logs

from hakika.daraja.answers import read_push_answer
from hakika.daraja.protocol import Answer
from hakika.engine.accounts import NewAccount
from hakika.store.payments import set_awaited
from tests.engine.till import CREDENTIALS, HeldClock, ScriptedDaraja, Till, refuse

pytestmark = pytest.mark.anyio

TWO_A_SECOND = {"calls_per_minute": 120, "queries_per_minute": 120}


async def slow_account(till: Till, **limits: float) -> str:
    """Add an account that may make 120 calls a minute, so 20 at once."""
    return await till.add_account("slow", **{**TWO_A_SECOND, **limits})


async def test_one_budget_for_two_nodes(till: Till, second_till: Till, daraja: ScriptedDaraja) -> None:
    """Two nodes together never call more often than the account may."""
    await slow_account(till)
    await second_till.load()
    for _ in range(60):
        await till.ask(account="slow")
    for _ in range(20):
        await till.work()
        await second_till.work()
    assert len(daraja.pushes) == 15  # 20 at once, of which a quarter is the queries'
    for _ in range(10):
        till.clock.pass_s(1)
        await second_till.work()
        await till.work()
    assert len(daraja.pushes) == 15 + 15


async def test_a_quarter_is_kept_for_queries(till: Till, daraja: ScriptedDaraja) -> None:
    """However many pushes wait, queries are asked too; and pushes do not wait for queries."""
    await slow_account(till)
    for _ in range(10):
        await till.prompt(account="slow")
    till.clock.pass_s(10)
    for _ in range(40):
        await till.ask(account="slow")
    done = await till.work()
    assert done["pushed"] == 15
    assert done["queried"] == 5


async def test_queries_take_what_pushes_leave(till: Till) -> None:
    """With no push waiting, queries may use the whole budget."""
    await slow_account(till)
    for _ in range(25):
        await till.prompt(account="slow")
        till.clock.pass_s(0.6)
    till.clock.pass_s(60)
    assert (await till.work())["queried"] == 20


async def test_pressure_halves_the_rate(till: Till, daraja: ScriptedDaraja, clock: HeldClock) -> None:
    """When Daraja says that it is too much, nothing more goes at once, and half as much afterwards."""
    account = await slow_account(till)
    daraja.push_answers = [refuse]
    await till.prompt(account="slow")
    budget = await till.store.write(lambda tx: till.budgets.read(tx, account))
    assert (budget.rate, int(budget.pushes), int(budget.queries)) == (60, 0, 0)
    clock.pass_s(10 * 60)
    budget = await till.store.write(lambda tx: till.budgets.read(tx, account))
    assert budget.rate == 120


async def test_an_outage_that_halves_the_rate_is_told_from_a_spike_arrest(till: Till, daraja: ScriptedDaraja) -> None:
    """A 503 slows us down as well: the log quotes what came, so that nobody looks for calls that were too many."""
    await slow_account(till)
    page = Answer(503, {}, b"<html>Request unsuccessful. Incapsula incident ID: 1-2</html>")
    daraja.push_answers = [lambda at_ms, attempt: read_push_answer(page, attempt, at_ms)]
    with capture_logs() as lines:
        await till.prompt(account="slow")
    (told,) = (line for line in lines if line["event"] == "spike_arrest")
    assert "503: the firewall's page (Incapsula)" in told["said"]


async def test_a_burst_of_complaints_counts_once(till: Till, daraja: ScriptedDaraja) -> None:
    """The answers of one burst halve the rate once."""
    account = await slow_account(till)
    daraja.push_answers = [refuse] * 10
    for _ in range(10):
        await till.ask(account="slow")
    await till.work()
    budget = await till.store.write(lambda tx: till.budgets.read(tx, account))
    assert budget.rate == 60


async def test_the_sandbox_answers_five_queries_a_minute(till: Till, daraja: ScriptedDaraja) -> None:
    """An account's limit of queries holds whatever its rate of calls."""
    await slow_account(till, calls_per_minute=6_000, queries_per_minute=5)
    for _ in range(20):
        await till.prompt(account="slow")
    till.clock.pass_s(10)
    for _ in range(60):
        await till.work()
        till.clock.pass_s(1)
    assert 5 <= len(daraja.queries) <= 6


async def test_who_is_waited_for_goes_first(till: Till, daraja: ScriptedDaraja) -> None:
    """Of all that is due, what somebody waits for is asked first."""
    await slow_account(till, calls_per_minute=6_000, queries_per_minute=5)
    rows = [await till.prompt(account="slow") for _ in range(5)]
    till.clock.pass_s(10)
    await till.store.write(lambda tx: set_awaited(tx, [rows[3].id], till.clock(), till.clock() + 5_000))
    assert await till.work() == {"queried": 1}
    assert daraja.queries == [rows[3].checkout_request_id]


async def test_budgets_survive_a_restart(till: Till, second_till: Till, daraja: ScriptedDaraja) -> None:
    """What was spent is spent for a node that starts afterwards."""
    await slow_account(till)
    for _ in range(30):
        await till.ask(account="slow")
    await till.work()
    await second_till.load()
    assert await second_till.work() == {}


async def test_a_changed_account_has_a_new_budget(till: Till) -> None:
    """A rate that an operator changed counts from the next call."""
    account = await slow_account(till)
    for _ in range(30):
        await till.ask(account="slow")
    await till.work()
    changed = NewAccount("slow", "simulator", "https://x", "174379", CREDENTIALS, calls_per_minute=600)
    await till.store.write(lambda tx: till.accounts.change(tx, account, changed))
    await till.load()
    assert (await till.work())["pushed"] == 15


async def test_one_accounts_budget_is_not_anothers(till: Till) -> None:
    """An account that has spent its budget keeps no other account waiting."""
    await slow_account(till)
    for _ in range(30):
        await till.ask(account="slow")
    await till.work()
    await till.ask(account="default")
    assert await till.work() == {"pushed": 1}


async def test_an_account_that_is_not_known_yet_keeps_nobody_waiting(till: Till, second_till: Till) -> None:
    """A node that has not heard of a new account acts on the others, and on it once it has."""
    await second_till.work()
    await till.add_account("a-new-one")
    await till.ask(account="a-new-one")
    await till.ask(account="default")
    assert await second_till.work() == {"pushed": 1}
    assert await second_till.work(after_s=2) == {"pushed": 1}
