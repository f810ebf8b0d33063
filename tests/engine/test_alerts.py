"""Alerts on a real store, in handed-in time: opened once, told again rarely, closed by themselves, never a storm."""

import asyncio
from collections import Counter
from typing import Any

import msgspec
import pytest

from hakika.domain.errors import NotFound, StoreUnavailable
from hakika.domain.schedule import HOUR_MS
from hakika.engine.alerts.lifecycle import STALE_MS
from hakika.store.alerts.records import insert_alert
from tests.engine.till import HeldClock, Till
from tests.engine.watching import Watched, pend, set_hour

pytestmark = pytest.mark.anyio


# ── a life ──────────────────────────────


async def test_an_alert_opens_once_is_told_again_rarely_and_closes_by_itself(watched: Watched) -> None:
    """After five minutes it opens; a second time it is told after six hours; when all is known it closes."""
    rows = await pend(watched, 2)
    await watched.till.worker.run_once()
    assert await watched.watch(5) == {}
    assert await watched.watch(1) == {"opened": 1}
    (alert,) = await watched.alerts()
    assert (alert.rule, alert.status, alert.told, alert.severity) == ("pending-long", "open", 1, "critical")
    assert alert.summary.startswith("2 payments are pending for more than 5 min (default), the first since 22 Sep ")
    evidence = msgspec.json.decode(alert.evidence)
    assert (evidence["count"], evidence["first"]) == (2, sorted(row.id for row in rows))
    assert await watched.watch(10) == {}
    assert await watched.look(after_s=6 * 3600) == {"repeated": 1}
    for row in [await watched.till.read(row.id) for row in rows]:
        await watched.till.call_back(row, receipt=f"SFF{row.id[-7:].upper()}")
    assert await watched.watch(4.5) == {}, "it must stay well for a while"
    assert await watched.watch(1) == {"closed": 1}
    assert await watched.watch(30) == {}
    assert await watched.told() == [
        ("opened", "pending-long", 1),
        ("opened", "pending-long", 2),
        ("closed", "pending-long", 2),
    ]
    (alert,) = await watched.alerts()
    assert (alert.status, alert.closed_at_ms > alert.opened_at_ms) == ("closed", True)


async def test_what_is_told_of_an_alert_is_the_alert(light: Watched) -> None:
    """The event is about no payment, of the alert's mode, and its data says what it means and what to do."""
    (row,) = await pend(light)
    await light.look(after_s=301)
    (event,) = await light.events()
    data = msgspec.json.decode(event.snapshot)
    assert (event.payment, event.mode, event.type) == ("", "test", "alert.opened")
    assert (data["object"], data["status"], data["evidence"]["first"]) == ("alert", "open", [row.id])
    assert all(data[name] for name in ("title", "summary", "meaning", "cure", "hint"))


async def test_a_restart_in_the_middle_tells_nothing_twice(watched: Watched) -> None:
    """Who looks next, in a new process, goes on with the same alert, its six hours and its calm."""
    row = await watched.till.prompt()
    await watched.look(after_s=301)
    again = Watched(watched.till)
    assert await again.watch(5) == {}
    assert await again.look(after_s=6 * 3600) == {"repeated": 1}
    await watched.till.call_back(row)
    assert await Watched(watched.till).look() == {}
    assert await Watched(watched.till).look(after_s=310) == {"closed": 1}


async def test_what_comes_back_again_and_again_closes_later_each_time(light: Watched) -> None:
    """Flapping: five minutes of calm close it the first time, ten the second, twenty the third."""
    opened: list[int] = []
    for calm_minutes in (5, 10, 20):
        (row,) = await pend(light)
        await light.look(after_s=301)
        opened.append(len(await light.alerts()))
        await light.spoil(row, "failed", due_at_ms=None)
        assert await light.look(after_s=calm_minutes * 60 - 30) == {}, calm_minutes
        assert await light.look(after_s=60) == {"closed": 1}, calm_minutes
    assert opened == [1, 2, 3]


async def test_new_trouble_within_the_calm_is_the_same_alert(light: Watched) -> None:
    """It is neither closed nor opened: nobody is told a second time."""
    (row,) = await pend(light)
    light.clock.pass_s(200)
    await pend(light)
    await light.look(after_s=101)
    await light.till.call_back(row)
    assert await light.watch(12) == {}
    assert await light.told() == [("opened", "pending-long", 1)]


async def test_a_rule_that_is_turned_off_closes_its_alerts(light: Watched) -> None:
    """At the next look; and it opens none until it is on again."""
    await pend(light)
    await light.look(after_s=301)
    await light.set_rule("pending-long", active=False)
    assert await light.look() == {"closed": 1}
    assert await light.watch(5) == {}
    await light.set_rule("pending-long", active=True)
    assert await light.look() == {"opened": 1}


async def test_a_threshold_that_is_changed_counts_at_the_next_look(watched: Watched) -> None:
    """Ten minutes instead of five; and as shipped again without a number."""
    await pend(watched)
    await watched.set_rule("pending-long", minutes=10)
    assert await watched.look(after_s=400) == {}
    await watched.set_rule("pending-long", minutes=None)
    assert await watched.look() == {"opened": 1}


async def test_an_alert_of_which_nothing_can_be_said_any_more_closes(light: Watched) -> None:
    """At night nobody pays: what was silent in the evening is not open for ever."""
    for _ in range(3):
        await light.till.prompt()
    assert (await light.look(after_s=150))["opened"] == 1
    assert "callbacks-silent" in await light.open_rules()
    await light.look(after_s=STALE_MS / 1000 - 60)
    assert "callbacks-silent" in await light.open_rules()
    await light.look(after_s=120)
    assert "callbacks-silent" not in await light.open_rules()


# ── nodes ──────────────────────────────


async def test_two_nodes_that_look_at_once_open_one_alert(watched: Watched, second_till: Till) -> None:
    """One has the turn; and where both are at it, because one was slow, the second finds it open."""
    other = Watched(second_till)
    await second_till.load()
    await pend(watched)
    watched.clock.pass_s(301)
    done = await asyncio.gather(watched.lookout.run_once(), other.lookout.run_once())
    assert sum(done, Counter()) == {"opened": 1}
    now_ms = watched.clock()
    for lookout in (watched.lookout, other.lookout):
        verdicts = await lookout._store.read(lambda tx, lookout=lookout: lookout._judge(now_ms, None, None, tx))  # type: ignore[misc]
        steps, events = await lookout._store.write(
            lambda tx, lookout=lookout, verdicts=verdicts: lookout._settle(now_ms, verdicts, tx)  # type: ignore[misc]
        )
        assert ([step.event for step in steps], events) == ([None], [])
    assert await watched.told() == [("opened", "pending-long", 1)]


async def test_the_database_itself_keeps_one_open_alert(watched: Watched) -> None:
    """Of one mode, rule and subject: a second one is refused, whoever wrote it."""
    await pend(watched)
    await watched.look(after_s=301)
    (alert,) = await watched.alerts()
    with pytest.raises(Exception, match=r"(?i)unique"):
        await watched.till.store.write(lambda tx: insert_alert(tx, alert._replace(id="alr_2")))
    closed = alert._replace(id="alr_3", status="closed")
    await watched.till.store.write(lambda tx: insert_alert(tx, closed))


async def test_the_turn_goes_round(watched: Watched, second_till: Till) -> None:
    """Whoever looked, nobody looks again for half a minute; a clock that jumped back does not stop it for ever."""
    other = Watched(second_till)
    await pend(watched)
    assert await watched.look(after_s=301) == {"opened": 1}
    await watched.set_rule("pending-long", active=False)
    assert await other.look(after_s=29) == {}
    assert await watched.open_rules() == ["pending-long"]
    assert await other.look(after_s=1) == {"closed": 1}
    watched.clock.pass_s(-24 * 3600)
    await watched.set_rule("pending-long", active=True)
    await pend(watched)
    assert await watched.look(after_s=301) == {"opened": 1}


async def test_while_the_database_is_away_nothing_is_forgotten(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop goes on, and the first look after the outage opens the alert; nothing was told of meanwhile."""
    await pend(watched)
    watched.clock.pass_s(301)
    write, tries = watched.till.store.write, 0

    async def away(job: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise StoreUnavailable("the database is away")
        return await write(job)

    monkeypatch.setattr(watched.lookout._store, "write", away)
    task = asyncio.create_task(watched.lookout.run())
    async with asyncio.timeout(20):
        while tries < 9:
            await asyncio.to_thread(lambda: None)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [word for word, _, _ in await watched.told()] == ["opened"]


# ── no storm ──────────────────────────────


async def test_an_outage_of_all_accounts_is_one_alert_that_counts(watched: Watched) -> None:
    """Five accounts, many payments: one alert, with the count, the accounts and the first ids. It closes once."""
    accounts = [await watched.till.add_account(f"shop-{number}") for number in range(4)]
    rows = await pend(watched, 3)
    for account in accounts:
        rows += await pend(watched, 2, account=account)
    assert await watched.look(after_s=320) == {"opened": 1}
    (alert,) = await watched.alerts()
    evidence = msgspec.json.decode(alert.evidence)
    assert (alert.subject, evidence["count"], evidence["accounts"]) == ("", 11, 5)
    assert "5 accounts, 11 in all" in alert.summary
    for row in rows[:-2]:
        await watched.spoil(row, "failed")
    assert await watched.watch(10) == {}, "one account is left: it is still that one outage"
    for row in rows[-2:]:
        await watched.spoil(row, "failed")
    assert await watched.watch(6) == {"closed": 1}


async def test_accounts_that_follow_one_another_into_an_outage(light: Watched) -> None:
    """Three are told of one by one; with the fourth one alert stands for all, and those three are told no more."""
    for number in range(4):
        account = await light.till.add_account(f"shop-{number}")
        await pend(light, 1, account=account)
        assert await light.look(after_s=330) == {"opened": 1}
    assert await light.look(after_s=6 * 3600) == {"repeated": 1}
    assert len(await light.alerts(status="open")) == 4
    assert (await light.alerts())[0].subject == ""


async def test_a_thousand_payments_are_one_alert(light: Watched) -> None:
    """What grows is the count."""
    await light.set_rule("successes-few", active=False)
    for row in [await light.till.ask() for _ in range(40)]:
        await light.spoil(row)
    assert await light.look() == {"opened": 1}
    assert await light.watch(10) == {}
    (alert,) = await light.alerts()
    evidence = msgspec.json.decode(alert.evidence)
    assert (alert.rule, evidence["count"], len(evidence["first"])) == ("unresolved", 40, 5)


async def test_one_outage_is_not_told_by_every_rule(light: Watched) -> None:
    """Payments that pend explain that hardly any succeeds: not said twice, nor when the outage has just ended."""
    rows = await pend(light, 12)
    await light.till.worker.run_once()
    assert await light.watch(8) == {"opened": 2}
    assert await light.open_rules() == ["callbacks-silent", "pending-long"]
    for row in rows:
        await light.spoil(row, "failed", called_back_at_ms=light.clock())
    assert await light.watch(15) == {"closed": 2}
    assert await light.open_rules() == []


# ── rules ──────────────────────────────


async def test_a_rule_that_does_not_exist_and_a_number_out_of_bounds(light: Watched) -> None:
    """Are refused, and nothing is changed."""
    with pytest.raises(NotFound):
        await light.set_rule("weather")
    for name, value in (("minutes", 0), ("minutes", 5_000), ("hours", 1)):
        with pytest.raises(Exception, match=r"`minutes` is from|no threshold"):
            await light.set_rule("pending-long", active=None, **{name: value})


def test_the_clock_of_a_test_starts_in_the_evening(clock: HeldClock) -> None:
    """So that `set_hour` means what it says."""
    set_hour(clock, 10)
    assert (clock() / HOUR_MS + 3) % 24 == pytest.approx(10, abs=0.01)
