"""How payments fare: counted by the database, by Nairobi's days and hours, in handed-in time, on each database."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, cast

import pytest
from sqlalchemy import text

from hakika.domain.errors import InvalidRequest
from hakika.engine.watching.stats import MOST_DAYS, Period, find_account, read_day, read_period, show_stats
from hakika.store.transaction import Transaction
from hakika.store.watching.stats import Span, count_kinds, spread_certainty
from tests.engine.till import START_MS, Till

pytestmark = pytest.mark.anyio


def at_ms(day: int, hour: int, minute: int = 0, second: int = 0) -> int:
    """A moment of September 2026 in Nairobi, three hours ahead of UTC."""
    return int(datetime(2026, 9, day, hour, minute, second, tzinfo=UTC).timestamp() * 1000) - 3 * 3_600_000


async def stats(till: Till, first: int, last: int, mode: str = "test", account: str = "") -> dict[str, Any]:
    """The figures of those days of September 2026."""
    period = Period(date(2026, 9, first), date(2026, 9, last))
    account_id = await till.store.read(lambda tx: find_account(tx, account))
    read = partial(read_day, mode=mode, account=account_id)
    days = [await till.store.read(partial(read, day=day)) for day in period.days()]
    return show_stats(days, period, mode, account, till.clock())


async def fare(till: Till, code: str, took_s: float, **changes: Any) -> None:
    """Ask for KES 100; after so long the callback comes."""
    row = await till.prompt()
    till.clock.pass_s(took_s)
    receipt = f"SFF{row.phone[-7:]}"
    await till.call_back(row, code, receipt=receipt, **changes)


async def test_how_payments_fare(till: Till) -> None:
    """Each status is counted; who is pending or unresolved is no part of the success rate; money adds up."""
    till.clock.now_ms = at_ms(21, 10)
    for _ in range(3):
        await fare(till, "0", 5)
    for code in ("1032", "1032", "1037", "1"):
        await fare(till, code, 20)
    await fare(till, "0", 5, amount=30)
    unresolved = await till.prompt()
    await till.spoil(unresolved, status="unresolved", due_at_ms=None)
    await till.ask()
    told = await stats(till, 21, 21)
    assert told["payments"] == {
        "asked": 10,
        "known": 8,
        "completed": 3,
        "success_rate": 0.375,
        "statuses": {
            "pending": 1,
            "completed": 3,
            "failed": 1,
            "cancelled": 2,
            "expired": 1,
            "mispaid": 1,
            "unresolved": 1,
            "reversed": 0,
        },
    }
    assert told["amounts"] == {"asked": 1000, "completed": 300, "mispaid": 30, "reversed": 0}
    assert [
        (reason["status"], reason["code"], reason["payments"], reason["share"]) for reason in told["by_reason"]
    ] == [
        ("cancelled", "1032", 2, 0.2),
        ("expired", "1037", 1, 0.1),
        ("failed", "1", 1, 0.1),
        ("mispaid", None, 1, 0.1),
        ("unresolved", None, 1, 0.1),
    ]
    assert all(reason["advice"] for reason in told["by_reason"])


async def test_days_and_hours_are_nairobis(till: Till) -> None:
    """A second before midnight there is the day before, though in UTC it is nine in the evening of one day."""
    till.clock.now_ms = at_ms(21, 23, 59, 59)
    await fare(till, "0", 0)
    till.clock.now_ms = at_ms(22, 0, 0, 0)
    await fare(till, "1032", 0)
    till.clock.now_ms = at_ms(23, 0, 30)
    await fare(till, "0", 0)
    told = await stats(till, 20, 23)
    days = {day["day"]: (day["asked"], day["success_rate"], day["amount_completed"]) for day in told["by_day"]}
    assert days == {
        "2026-09-20": (0, None, 0),
        "2026-09-21": (1, 1.0, 100),
        "2026-09-22": (1, 0.0, 0),
        "2026-09-23": (1, 1.0, 100),
    }
    hours = {hour["hour"]: (hour["asked"], hour["success_rate"]) for hour in told["by_hour"] if hour["asked"]}
    assert (len(told["by_hour"]), hours) == (24, {0: (2, 0.5), 23: (1, 1.0)})
    assert (await stats(till, 22, 22))["payments"]["asked"] == 1


async def test_time_to_certainty(till: Till) -> None:
    """From the request to the known end, half and 99 of 100, of the nearest rank; who is pending has none yet."""
    assert (await stats(till, 21, 21))["time_to_certainty"] == {"payments": 0, "p50_s": None, "p99_s": None}
    till.clock.now_ms = at_ms(21, 10)
    for took_s in (2.34, 8.25, 61.0, 3600.5):
        await fare(till, "0", took_s)
    await till.prompt()
    assert (await stats(till, 21, 21))["time_to_certainty"] == {"payments": 4, "p50_s": 8.2, "p99_s": 3600.0}


async def test_a_return_weeks_later_was_certain_long_before(till: Till) -> None:
    """A reversed payment is no success, and its time is not that of the refund."""
    till.clock.now_ms = at_ms(21, 10)
    row = await till.prompt()
    till.clock.pass_s(5)
    await till.call_back(row)
    await till.spoil(row, status="reversed", final_at_ms=at_ms(28, 10))
    told = await stats(till, 21, 21)
    assert (told["payments"]["success_rate"], told["time_to_certainty"]["payments"]) == (0.0, 0)
    assert told["amounts"]["reversed"] == 100
    assert told["by_reason"][0]["status"] == "reversed"


async def test_test_and_live_never_mix(till: Till) -> None:
    """Real money has figures of its own; an account has, too, by name or id."""
    till.clock.now_ms = at_ms(21, 10)
    live = await till.add_account("live", environment="production", shortcode="600610")
    await fare(till, "0", 5)
    row = await till.prompt(account="live")
    await till.call_back(row, receipt="LIVE123456")
    assert (await stats(till, 21, 21, "test"))["payments"]["asked"] == 1
    told = await stats(till, 21, 21, "live")
    assert (told["payments"]["asked"], told["mode"]) == (1, "live")
    for name in ("live", live):
        assert (await stats(till, 21, 21, "live", name))["payments"]["asked"] == 1
        assert (await stats(till, 21, 21, "test", name))["payments"]["asked"] == 0
    with pytest.raises(InvalidRequest, match="There is no account"):
        await stats(till, 21, 21, "live", "nobody")


class Spy:
    """Takes statements and runs none."""

    def __init__(self) -> None:
        self.statements: list[Any] = []

    def all(self, statement: Any) -> Sequence[Any]:
        """See Transaction.all."""
        self.statements.append(statement)
        return []


async def test_every_statement_reads_one_day_by_its_index(till: Till) -> None:
    """Both find their payments by `ix_payments_created`: whatever else is stored is not read."""
    spy = Spy()
    span = Span("live", "acc_1", at_ms(21, 0), at_ms(22, 0))
    for read in (count_kinds, spread_certainty):
        read(cast("Transaction", spy), span)

    def explain(tx: Transaction) -> list[str]:
        sqlite = tx.connection.dialect.name == "sqlite"
        if not sqlite:
            tx.execute(text("SET LOCAL enable_seqscan = off"))  # a table of no rows is read whole otherwise
        plans = []
        for statement in spy.statements:
            sql = statement.compile(dialect=tx.connection.dialect, compile_kwargs={"literal_binds": True})
            how = "EXPLAIN QUERY PLAN" if sqlite else "EXPLAIN"
            rows = tx.connection.exec_driver_sql(f"{how} {sql}".replace("%%", "%")).all()
            plans.append(" ".join(str(row) for row in rows))
        return plans

    plans = await till.store.read(explain)
    assert len(plans) == 2
    for plan in plans:
        assert "ix_payments_created" in plan, plan
        assert "SCAN payments" not in plan, plan


@pytest.mark.parametrize(
    ("asked", "period"),
    [
        ({}, ("2026-09-15", "2026-09-21")),
        ({"days": 1}, ("2026-09-21", "2026-09-21")),
        ({"last": date(2026, 9, 10), "days": 3}, ("2026-09-08", "2026-09-10")),
        ({"first": date(2026, 9, 1)}, ("2026-09-01", "2026-09-21")),
        ({"first": date(2026, 7, 1), "last": date(2026, 9, 30)}, ("2026-07-01", "2026-09-30")),
    ],
)
def test_the_period(asked: dict[str, Any], period: tuple[str, str]) -> None:
    """Seven days up to today in Nairobi, or so many, or from a day to a day, both included."""
    given = {"first": None, "last": None, "days": None} | asked
    found = read_period(given["first"], given["last"], given["days"], START_MS)
    assert (str(found.first), str(found.last)) == period
    assert len(found.days()) == found.last.toordinal() - found.first.toordinal() + 1


def test_today_begins_at_midnight_in_nairobi() -> None:
    """At nine in the evening in UTC it is the next day."""
    assert read_period(None, None, 1, at_ms(22, 0) - 1).last == date(2026, 9, 21)
    assert read_period(None, None, 1, at_ms(22, 0)).last == date(2026, 9, 22)


@pytest.mark.parametrize(
    "asked",
    [
        {"first": date(2026, 9, 2), "last": date(2026, 9, 1)},
        {"first": date(2026, 1, 1), "last": date(2026, 9, 1)},
        {"first": date(2026, 9, 2), "days": 3},
        {"last": date(9999, 12, 31)},
        {"last": date(1, 1, 1)},
        {"first": date(1, 1, 1)},
        {"days": MOST_DAYS + 1},
    ],
)
def test_no_period(asked: dict[str, Any]) -> None:
    """Backwards, too long, both ways at once, or out of the calendar: refused, so that every read is bounded."""
    given = {"first": None, "last": None, "days": None} | asked
    with pytest.raises(InvalidRequest):
        read_period(given["first"], given["last"], given["days"], START_MS)
