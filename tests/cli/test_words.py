"""What the command line says of itself: help with examples first, JSON everywhere, usage errors, quick starts."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from hakika.cli.app import EXAMPLES, registered
from hakika.cli.listing import list_commands
from hakika.cli.show import tabulate, tabulate_timeline
from hakika.cli.voice import Failure, console, say_failure, say_json
from tests.cli.machine import Machine

HELP_S = 0.4
NEVER_FOR_HELP = {"sqlalchemy", "fastapi", "pydantic", "alembic", "uvicorn", "aiohttp"}
NEVER_AT_A_SERVER = {"sqlalchemy", "fastapi", "alembic", "uvicorn", "aiohttp", "cryptography"}
WANTED = {
    *("trigger", "listen", "deliveries list", "deliveries resend", "endpoints add", "endpoints list"),
    *(f"alerts {verb}" for verb in ("list", "show", "rules", "rule")),
    *(f"endpoints {verb}" for verb in ("update", "on", "off", "rotate", "ping", "delete")),
    *(
        "demo",
        "serve",
        "simulate",
        "pay",
        "status",
        "explain",
        "doctor",
        "payments",
        "query",
        "resolve",
        "cancel",
        "migrate",
        "backup",
        "restore",
        "verify",
        "settings",
        "stats",
        "mcp",
    ),
    *(f"messages {verb}" for verb in ("list", "channels", "add", "update", "on", "off", "delete", "try")),
    *(f"messages {verb}" for verb in ("stop", "stopped", "allow")),
    *("keys create", "keys list", "keys revoke", "keys secret", "quarantine list"),
    *("accounts add", "accounts list", "accounts update", "accounts test", "accounts activate", "accounts deactivate"),
}
COMMANDS = {listed.name: listed for listed in list_commands()}


def test_every_command_is_there() -> None:
    """The commands are these."""
    assert set(COMMANDS) == WANTED == set(EXAMPLES)


@pytest.mark.parametrize("name", sorted(WANTED))
def test_every_command_has_examples_first_and_speaks_json(name: str, runner: CliRunner) -> None:
    """The examples stand at the top of the help, each runs that command, and `--json` is an option."""
    result = runner.invoke(registered(), [*name.split(), "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    text = result.output
    assert text.index("Examples:") < text.index("Options")
    assert "--json" in text
    for example in EXAMPLES[name]:
        assert example in text
        assert f"hakika {name}" in example


def test_examples_are_commands_that_parse() -> None:
    """Each example's options exist."""
    for name, examples in EXAMPLES.items():
        known = {option for parameter in COMMANDS[name].options for option in parameter.names}
        for example in examples:
            used = [word.partition("=")[0] for word in example.split() if word.startswith("--")]
            assert set(used) <= known, example


def imported_by(machine: Machine, *arguments: str) -> set[str]:
    """Run a command and return which packages it imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "hakika.cli", *arguments],
        cwd=machine.directory,
        env=machine.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    names = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {name.partition(".")[0] for name in names}


def test_help_is_quick(machine: Machine) -> None:
    """`hakika --help` imports neither database nor web framework, and takes less than 0.4 s of a quiet processor."""
    assert not imported_by(machine, "--help") & NEVER_FOR_HELP
    took = []
    for _ in range(3):
        before = os.times()
        assert machine.run("--help").returncode == 0
        after = os.times()
        took.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(took) < HELP_S * 1.5  # a busy machine's caches are cold


def test_a_command_to_a_server_imports_no_database(machine: Machine) -> None:
    """Asking a server needs no database driver and no web framework."""
    assert not imported_by(machine, "status", "x", "--server", "http://127.0.0.1:1") & NEVER_AT_A_SERVER


def test_wrong_usage_exits_2(runner: CliRunner) -> None:
    """A missing or wrong argument is named, with exit code 2."""
    for arguments in (
        ["pay", "0712345678"],
        ["pay", "0712345678", "ten", "-r", "x"],
        ["resolve", "x", "perhaps"],
        ["no"],
    ):
        assert runner.invoke(registered(), arguments).exit_code == 2


def test_the_version(runner: CliRunner) -> None:
    """`--version` says it."""
    from hakika import __version__  # noqa: PLC0415

    assert __version__ in runner.invoke(registered(), ["--version"]).output


def test_a_new_secret_key(runner: CliRunner) -> None:
    """`keys secret` prints a key that a vault takes."""
    from hakika.engine.vault import Vault  # noqa: PLC0415

    key = runner.invoke(registered(), ["keys", "secret"]).output.strip()
    assert Vault(key).open(Vault(key).seal(b"x")) == b"x"
    assert json.loads(runner.invoke(registered(), ["keys", "secret", "--json"]).output)["key"] != key


def test_what_nobody_planned_for_is_said_in_one_line(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of ours shows where it is, and what it means for the money, but no traceback."""

    def break_down() -> str:
        raise RuntimeError("the attic is on fire")

    monkeypatch.setattr("hakika.engine.vault.make_key", break_down)
    result = runner.invoke(registered(), ["keys", "secret", "--json"])
    said = json.loads(result.output)
    assert (result.exit_code, said["code"]) == (1, "internal")
    assert "RuntimeError: the attic is on fire" in said["detail"]
    assert said["money"].startswith("Unknown")


EVIL = "paid\x1b[2J\x1b]0;owned\x07 \x9b31m\u202eok"
SHOWN = "paid\\x1b[2J\\x1b]0;owned\\x07 \\x9b31m\\u202eok"


def test_no_terminal_obeys_what_strangers_sent(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters are shown, not sent: in tables, in plain lines, in errors and in JSON, which stays JSON."""
    console().print(tabulate([{"raw": EVIL}], "raw"))
    console().print(f"a line: {EVIL}", markup=False)
    entry = {"at": "2026-11-21T06:30:00.000Z", "object": "evidence", "kind": EVIL, "source": EVIL}
    console().print(tabulate_timeline([{**entry, "reading": {"text": EVIL}}]))
    say_failure(Failure(EVIL, EVIL, cure=EVIL), as_json=False)
    printed = capsys.readouterr()
    assert (printed.out + printed.err).count(SHOWN) == 7  # and the bell of the plain line is left out
    assert not set(EVIL) & set("\x1b\x07\x9b\u202e") & set(printed.out + printed.err)
    say_json({"raw": EVIL})
    written = capsys.readouterr().out
    assert json.loads(written) == {"raw": EVIL}
    assert not set("\x1b\x07\x9b\u202e") & set(written)


def test_settings_are_listed_and_secrets_masked(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every setting with its value and source; no secret, and no password of a URL, is shown."""
    monkeypatch.setenv("MPESA_BUSINESS_SHORTCODE", "600000")
    monkeypatch.setenv("HAKIKA_API_KEY", "hk_verysecret")
    monkeypatch.setenv("DATABASE_URL", "postgresql://asha:verysecret@db/hakika")
    result = runner.invoke(registered(), ["settings", "--json"])
    rows = {row["names"][0]: row for row in json.loads(result.output)["data"]}
    assert (rows["MPESA_SHORTCODE"]["value"], rows["MPESA_SHORTCODE"]["source"]) == ("600000", "environment")
    assert (rows["HAKIKA_LOG_LEVEL"]["value"], rows["HAKIKA_LOG_LEVEL"]["source"]) == ("info", "default")
    assert rows["DATABASE_URL"]["value"] == "postgresql://asha:***@db/hakika"
    assert "verysecret" not in result.output
    assert all(row["doc"] for row in rows.values())
