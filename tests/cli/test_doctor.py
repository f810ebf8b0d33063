"""`hakika doctor`: with a server and without, as a table and as JSON, and when nothing could start."""

import io
import json
import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from hakika.cli.app import registered
from hakika.cli.examination import show_live
from hakika.doctor.registry import CHECKS
from tests.cli.machine import ACCOUNT, Machine

PRODUCTION = {
    "MPESA_ENVIRONMENT": "production",
    "MPESA_CONSUMER_KEY": "the-consumer-key",
    "MPESA_CONSUMER_SECRET": "the-consumer-secret",
    "MPESA_SHORTCODE": "600999",
    "MPESA_PASSKEY": ACCOUNT["MPESA_PASSKEY"],
}


def examine(runner: CliRunner, *names: str, **environment: str) -> tuple[int, dict[str, Any]]:
    """Run it with --json. → exit code, and name → finding."""
    done = runner.invoke(registered(), ["doctor", *names, "--json"], env=environment)
    shown = json.loads(done.output)
    return done.exit_code, {entry["name"]: entry for entry in shown["checks"]}


def leave_word(folder: Path, url: str) -> None:
    """What a server writes so that it is found."""
    folder.mkdir(parents=True, exist_ok=True)
    said = {"url": url, "pid": 4711, "started_at": "", "database": "", "local_key": "local_secret"}
    (folder / "server.json").write_text(json.dumps(said))


def test_settings_with_which_no_server_starts(runner: CliRunner) -> None:
    """The doctor works all the same: exit code 1, and the one thing that is wrong."""
    code, found = examine(runner, "settings", "inside", **PRODUCTION)
    assert code == 1
    assert {name for name, entry in found.items() if entry["outcome"] == "failed"} == {"settings.passkey"}
    assert "go-live mail" in found["settings.passkey"]["cure"]


def test_settings_that_cannot_be_read(runner: CliRunner) -> None:
    """A file that is no TOML, a value that is no number: said with the cure, and the rest is skipped."""
    Path("hakika.toml").write_text("what = is this")
    code, found = examine(runner, "settings.complete", "inside.database")
    assert (code, found["settings.complete"]["subject"]) == (1, "hakika.toml")
    assert found["inside.database"]["outcome"] == "skipped"
    Path("hakika.toml").unlink()
    code, found = examine(runner, "settings.complete", HAKIKA_CALLS_PER_MINUTE="many")
    assert (code, found["settings.complete"]["subject"]) == (1, "HAKIKA_CALLS_PER_MINUTE")


def test_a_database_that_cannot_be_opened(runner: CliRunner) -> None:
    """Garbage where the database should be: one finding, and no traceback."""
    Path("hakika.db").write_bytes(b"no database at all " * 100)
    code, found = examine(runner, "inside", **ACCOUNT)
    failed = {name for name, entry in found.items() if entry["outcome"] == "failed"}
    assert (code, failed - {"inside.durability"}) == (1, {"inside.database"})
    assert "not a database" in found["inside.database"]["evidence"]


def test_nothing_is_made_and_all_is_well(runner: CliRunner) -> None:
    """In an empty folder with good settings: exit code 0, and the folder stays empty."""
    code, found = examine(runner, "settings", "callers", **ACCOUNT)
    assert code == 0, found
    assert list(Path().iterdir()) == []


def test_wrong_names_are_refused(runner: CliRunner) -> None:
    """With what there is."""
    done = runner.invoke(registered(), ["doctor", "inside.horoscope", "--json"])
    assert (done.exit_code, json.loads(done.output)["code"]) == (1, "invalid_request")


def test_a_running_server_is_asked(shop: tuple[Machine, str]) -> None:
    """It knows its workers; the table and --json say the same."""
    machine, _ = shop
    code, shown = machine.ask("doctor", "inside", "settings")
    found = {(entry["name"], entry["subject"]): entry["outcome"] for entry in shown["checks"]}
    assert found["inside.workers", "worker"] == found["inside.workers", "deliverer"] == "ok"
    assert code == (1 if shown["status"] == "failed" else 0)
    done = machine.run("doctor", "inside.spool")
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    assert (done.returncode, lines) == (0, ["Inside", "✓ spool          It is empty.", "✓ 1 ok"])


def test_a_server_that_went_away(runner: CliRunner) -> None:
    """Named, and not there: said in words."""
    done = runner.invoke(registered(), ["doctor", "--server", "http://127.0.0.1:9", "--json"])
    assert (done.exit_code, json.loads(done.output)["code"]) == (1, "server_silent")


def test_a_server_that_hangs_is_found(runner: CliRunner) -> None:
    """It listens and does not answer: that is what is wrong."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        leave_word(Path(".hakika"), url)
        code, found = examine(runner, "inside.workers", "inside.spool", **ACCOUNT)
    assert (code, found["inside.workers"]["outcome"], found["inside.spool"]["outcome"]) == (1, "failed", "ok")
    assert f"The server at {url} (process 4711) listens and does not answer." in found["inside.workers"]["evidence"]


def test_a_server_that_was_killed_is_found(runner: CliRunner) -> None:
    """It did not take its word back, and nobody is there; of a demo that was closed in this way nobody complains."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    leave_word(Path(".hakika/demo/8000"), url)
    code, found = examine(runner, "inside.workers", **ACCOUNT)
    assert (code, found["inside.workers"]["outcome"]) == (0, "skipped")
    leave_word(Path(".hakika"), url)
    code, found = examine(runner, "inside.workers", "inside.spool", **ACCOUNT)
    assert (code, found["inside.workers"]["outcome"], found["inside.spool"]["outcome"]) == (1, "failed", "ok")
    assert f"The server at {url} (process 4711) did not stop by itself" in found["inside.workers"]["evidence"]
    assert "start it again" in found["inside.workers"]["cure"]


def test_the_database_is_left_as_it_was(runner: CliRunner, migrated_sqlite_file: Path) -> None:
    """The doctor reads: a database of an older schema is not migrated by looking at it."""
    Path("hakika.db").write_bytes(migrated_sqlite_file.read_bytes())
    with sqlite3.connect("hakika.db") as old:
        old.execute("UPDATE alembic_version SET version_num = '0001'")
    old.close()
    code, found = examine(runner, "inside.schema", **ACCOUNT)
    assert (code, found["inside.schema"]["evidence"].startswith("It is at 0001, ")) == (1, True)
    with sqlite3.connect("hakika.db") as after:
        assert after.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
    after.close()


# ── the table ──────────────────────────────

FINDING = {
    "object": "doctor.finding",
    "name": "callers.proxies",
    "area": "callers",
    "title": "Behind a proxy callers are seen with their own addresses",
    "outcome": "failed",
    "subject": None,
    "evidence": "3 callbacks within a day seem to come from 127.0.0.1: that is a proxy, not Safaricom. \x1b[2J",
    "meaning": "Every callback is flagged.",
    "cure": "Set HAKIKA_TRUSTED_PROXIES=127.0.0.1, if that is your proxy.",
    "docs": "docs/checks.md#callersproxies",
    "took_ms": 3,
}


def draw(width: int, *findings: dict[str, Any], terminal: bool = False) -> str:
    """The table of these findings at a width."""
    out = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    plan = {"object": "doctor.plan", "checks": [{"name": one["name"], "area": one["area"]} for one in findings]}
    whole = {"object": "doctor", "status": "failed", "checks": list(findings)}
    assert show_live(out, [plan, *findings, whole]) == whole
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_table_fits(width: int) -> None:
    """At every width no line is longer, and no word of evidence, cure and link is cut off."""
    skipped = [FINDING | {"name": f"callers.{name}", "outcome": "skipped", "evidence": "No database."} for name in "ab"]
    drawn = draw(width, FINDING, *skipped, FINDING | {"name": "inside.spool", "area": "inside", "outcome": "ok"})
    assert max(len(line.rstrip()) for line in drawn.splitlines()) <= width
    words = " ".join(drawn.split())
    assert "HAKIKA_TRUSTED_PROXIES=127.0.0.1, if" in words or width < 60
    for told in (
        "Who calls",
        "✗ proxies",
        "a, b: No database.",
        FINDING["docs"],
        "✗ 1 failed",
        "– 2 skipped",
        "✓ 1 ok",
    ):
        assert str(told) in words, told


def test_every_checks_name_can_be_read_whole() -> None:
    """What the table calls a check is what `hakika doctor NAME` takes, behind its area."""
    names = [check.name.partition(".")[2] for check in CHECKS]
    drawn = draw(80, *(FINDING | {"name": check.name, "area": check.area.value} for check in CHECKS))
    assert [name for name in names if f" {name} " not in drawn] == []


def test_no_terminal_obeys_a_finding() -> None:
    """Evidence came from strangers: its control characters are shown."""
    assert "\x1b[2J" not in draw(80, FINDING)
    assert "\\x1b" in draw(80, FINDING)


def test_what_has_not_ended_is_in_the_table_already() -> None:
    """In a terminal the table fills as checks end: who waits sees what is still looked at."""
    later = FINDING | {"name": "callers.arrival", "outcome": "ok", "evidence": "Well."}
    drawn = draw(80, FINDING, later, terminal=True)
    first = drawn.index("✗ proxies")
    assert "arrival" in drawn[first : drawn.index("Well.")]
