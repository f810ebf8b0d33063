"""The scenarios: the whole table on both databases, and that it would say so if a row did not hold."""

import json
from pathlib import Path

import pytest

from hakika.demo import run_scenarios
from hakika.demo.scenarios.merchant import Payment
from hakika.demo.scenarios.run import HELD, MISUSED, NOT_HELD
from hakika.demo.scenarios.scene import Scenario, Scene
from hakika.demo.scenarios.table import SCENARIOS


def test_every_row_holds(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All that goes wrong between a shop and M-Pesa ends as it must, and the evidence replays to the same end."""
    code = run_scenarios(database_url, None, [], as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert [row for row in told["rows"] if not row["held"]] == []
    assert [row["slug"] for row in told["rows"]].count("verify") == 1
    assert len(told["rows"]) == len(SCENARIOS) + 1
    assert code == HELD
    assert told["wall_s"] < 180


def test_a_row_that_does_not_hold_fails_the_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An expectation that is wrong, and one that breaks, are shown as such and give exit code 1."""

    async def breaks(_: Scene) -> Payment:
        raise LookupError("the stage fell down")

    pays = next(one for one in SCENARIOS if one.slug == "pays")
    wrong = Scenario("wrong", "Pays, and is expected to fail", "failed", pays.play)
    broken = Scenario("broken", "Breaks", "completed", breaks)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # the log of a server that failed is kept there
    monkeypatch.setattr("hakika.demo.scenarios.run.SCENARIOS", (wrong, broken))
    assert run_scenarios(None, 50, [], as_json=True) == NOT_HELD
    rows = {row["slug"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert (rows["wrong"]["held"], rows["wrong"]["got"]) == (False, "completed")
    assert "the stage fell down" in rows["broken"]["broken"][0]
    assert rows["verify"]["held"]
    assert list(tmp_path.glob("*/server.log"))


def test_an_unknown_scenario_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A slug that there is not: exit code 2, and the list of those that there are."""
    assert run_scenarios(None, None, ["pay"], as_json=False) == MISUSED
    assert "callback-lost" in capsys.readouterr().err


def test_slugs_are_unique_and_every_scenario_says_what_it_plays() -> None:
    """A row is chosen by its slug and explained by its function's docstring."""
    assert len({scenario.slug for scenario in SCENARIOS}) == len(SCENARIOS)
    assert all(scenario.play.__doc__ for scenario in SCENARIOS)
