"""`hakika stats`: at a running server and without one; tables, charts, JSON, CSV."""

import csv
import io
from typing import Any

import pytest

from hakika.cli import stats
from tests.cli.machine import HAS_NO_FUNDS, PAYS, Machine

COUNTS = {"asked": 4, "known": 4, "completed": 3, "success_rate": 0.75, "amount_completed": 1500}
NOTHING = {"asked": 0, "known": 0, "completed": 0, "success_rate": None, "amount_completed": 0}
TOLD: dict[str, Any] = {
    "mode": "live",
    "account": "shop",
    "from": "2026-09-20",
    "to": "2026-09-21",
    "payments": {**COUNTS, "statuses": {"completed": 3, "failed": 1, "pending": 0}},
    "amounts": {"asked": 2000, "completed": 1500, "mispaid": 30, "reversed": 0},
    "time_to_certainty": {"payments": 4, "p50_s": 8.2, "p99_s": 61.0},
    "by_day": [{"day": "2026-09-20", **NOTHING}, {"day": "2026-09-21", **COUNTS}],
    "by_hour": [{"hour": hour, **(COUNTS if hour == 9 else NOTHING)} for hour in range(24)],
    "by_reason": [{"status": "failed", "code": "=1+1", "payments": 1, "share": 0.25, "advice": "Top up, then again."}],
}


def test_stats_at_a_server_and_without_one(shop: tuple[Machine, str]) -> None:
    """The same figures over HTTP and straight from the database, which may be read while the server runs."""
    machine, _ = shop
    machine.ask("pay", PAYS, "431", "-r", "stats-1", "--wait")
    machine.ask("pay", HAS_NO_FUNDS, "432", "-r", "stats-2", "--wait")
    code, told = machine.ask("stats", "--days", "1")
    assert (code, told["mode"], len(told["by_day"]), len(told["by_hour"])) == (0, "test", 1, 24)
    assert told["payments"]["completed"] >= 1
    assert "1" in {reason["code"] for reason in told["by_reason"]}
    assert machine.ask("stats", "--mode", "live")[1]["payments"]["asked"] == 0
    assert machine.ask("stats", "--from", "2026-01-01")[1]["code"] == "invalid_request"

    alone = Machine(machine.directory / "alone", **machine.environment)
    alone.directory.mkdir()
    alone.environment |= {"DATABASE_URL": f"sqlite:///{machine.directory / 'hakika.db'}"}
    code, direct = alone.ask("stats", "--from", told["from"], "--to", told["to"], "--account", "default")
    assert (code, direct["payments"], direct["by_hour"]) == (0, told["payments"], told["by_hour"])
    assert alone.ask("stats", "--account", "nobody")[1]["code"] == "invalid_request"


@pytest.mark.parametrize("wrong", [("--csv", "--json"), ("--mode", "both"), ("--from", "21.9.2026"), ("--days", "0")])
def test_wrong_usage(machine: Machine, wrong: tuple[str, ...]) -> None:
    """Refused before anything is asked."""
    assert machine.run("stats", *wrong).returncode == 2


def test_figures_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """What was asked, paid and why not; a bar for each day and each hour, to one scale."""
    stats._print(TOLD, None)
    printed = capsys.readouterr().out
    assert "2026-09-20 to 2026-09-21, live mode, account shop" in printed
    assert "4: 3 completed, 1 failed" in printed
    assert "75.0 % of 4 whose end is known" in printed
    assert "half within 8.2 s, 99 of 100 within 61 s" in printed
    assert "1,500 of 2,000 asked for, 30 mispaid" in printed
    assert printed.count("█" * 18 + "░" * 6) == 2, "the day and the hour of all that was asked"
    assert "Top up, then again." in printed
    stats._print(TOLD, stats.By.HOUR)
    printed = capsys.readouterr().out
    assert ("09:00" in printed, "2026-09-21  " in printed, "Top up" in printed) == (True, False, False)


def test_no_payments_are_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was asked: the head, and no empty chart."""
    none: dict[str, Any] = {"asked": 0, "known": 0, "completed": 0, "success_rate": None, "statuses": {}}
    certain = {"payments": 0, "p50_s": None, "p99_s": None}
    stats._print({**TOLD, "payments": none, "time_to_certainty": certain}, None)
    printed = capsys.readouterr().out
    assert ("– of 0" in printed, "░" in printed) == (True, False)


@pytest.mark.parametrize(
    ("by", "second"),
    [
        (stats.By.DAY, ["2026-09-20", "0", "0", "0", "", "0"]),
        (stats.By.HOUR, ["0", "0", "0", "0", "", "0"]),
        (stats.By.REASON, ["failed", "'=1+1", "1", "0.25", "Top up, then again."]),
    ],
)
def test_csv(capsys: pytest.CaptureFixture[str], by: stats.By, second: list[str]) -> None:
    """A head, then a line each; nothing that a spreadsheet would run as a formula."""
    stats._write(TOLD, by)
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert (rows[0], rows[1]) == (list(stats.COLUMNS[by]), second)
