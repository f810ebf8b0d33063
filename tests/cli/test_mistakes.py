"""Ordinary mistakes: each is said in words of ours, with the setting, the rule and the cure, never as a breakdown."""

from pathlib import Path

import pytest

from hakika.serving.server import Running
from hakika.serving.summary import summarize
from tests.cli.machine import ACCOUNT, Machine

KEY = "aGFraWthLWhha2lrYS1oYWtpa2EtaGFraWthLWhha2k="
NOBODY = "postgresql://asha:verysecret@127.0.0.1:1/hakika"
NO_DATABASE = "sqlite:////proc/version"  # a file that nobody may write, root neither
MISTAKES: dict[str, tuple[tuple[str, ...], dict[str, str], str]] = {
    "a port too high": (("serve", "--port", "99999"), {}, "PORT"),
    "a port too high for the simulator": (("simulate", "--port", "99999"), {}, "PORT"),
    "two ports too high for the demo": (("demo", "--port", "65535"), {}, "PORT"),
    "a host that is none": (("serve", "--host", "x" * 300, "--port", "0"), {}, "PORT"),
    "a data directory that cannot be": (("serve", "--port", "0"), {"HAKIKA_DATA_DIR": "/proc/x"}, "HAKIKA_DATA_DIR"),
    "the same, with a key of its own": (
        ("serve", "--port", "0"),
        {"HAKIKA_DATA_DIR": "/proc/x", "HAKIKA_SECRET_KEY": KEY},
        "HAKIKA_DATA_DIR",
    ),
    "the same, for a key": (("keys", "create", "x"), {"HAKIKA_DATA_DIR": "/proc/x"}, "HAKIKA_DATA_DIR"),
    "PostgreSQL is down": (("serve", "--port", "0"), {"DATABASE_URL": NOBODY}, "DATABASE_URL"),
    "a URL that is none": (("serve", "--port", "0"), {"DATABASE_URL": NOBODY + ":x@y:z"}, "DATABASE_URL"),
    "migrating what is no file": (("migrate",), {"DATABASE_URL": "sqlite:////dev/null"}, "DATABASE_URL"),
    "migrating where nothing may be written": (("migrate",), {"DATABASE_URL": NO_DATABASE}, "DATABASE_URL"),
    "migrating another program's file": (("migrate",), {"DATABASE_URL": "sqlite:///other.txt"}, "DATABASE_URL"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_names_setting_rule_and_cure(case: str, machine: Machine) -> None:
    """Exit code 1 and a document that names the setting; no password, no traceback, no talk of a breakdown."""
    arguments, environment, setting = MISTAKES[case]
    (machine.directory / "other.txt").write_text("This is the shopping list of another program, and no database.\n" * 9)
    if arguments[0] == "demo":
        done = machine.run(*arguments, **ACCOUNT)
        assert (done.returncode, setting in done.stderr, "Traceback" in done.stderr) == (1, True, False)
        return
    code, problem = machine.ask(*arguments, **{**ACCOUNT, **environment})
    assert (code, problem["code"], problem["setting"]) == (1, "setting", setting)
    assert problem["cure"]
    assert "verysecret" not in str(problem)


@pytest.mark.parametrize("url", [NOBODY, NO_DATABASE, "sqlite:///other.txt"])
@pytest.mark.parametrize("command", [("status", "x"), ("verify",), ("payments",)])
def test_a_database_that_does_not_answer_is_no_request_to_repeat(
    command: tuple[str, ...], url: str, machine: Machine
) -> None:
    """What reads the store directly names DATABASE_URL as what to look at: there is no request to send again."""
    (machine.directory / "other.txt").write_text("No database.\n" * 99)
    code, problem = machine.ask(*command, **{**ACCOUNT, "DATABASE_URL": url})
    assert (code, problem["code"]) == (1, "store_unavailable")
    assert "DATABASE_URL" in problem["cure"]
    assert "again" not in problem["cure"]
    assert problem["money"] == "None moved by this command."


@pytest.mark.parametrize("url", ["http://[::", "localhost:8000", "http://", "http://a:port", "http://a b/"])
def test_an_address_that_is_none(url: str, machine: Machine) -> None:
    """What cannot be a server's address is refused before anything is sent."""
    code, problem = machine.ask("status", "x", "--server", url)
    assert (code, problem["code"]) == (2, "not_an_address")


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("demo", "--port", "0"), ("keys", "create", "x")])
def test_a_directory_that_cannot_be_written(command: tuple[str, ...], machine: Machine) -> None:
    """Said in words, whichever file is the first that cannot be made."""
    machine.directory = Path("/proc")
    done = machine.run(*command, **ACCOUNT)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "what to do" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_process_serves_and_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """WEB_CONCURRENCY starts no further processes: the summary says how to."""
    from hakika.config import Settings  # noqa: PLC0415

    monkeypatch.chdir(tmp_path)
    for count in (1, 2):
        settings = Settings(WEB_CONCURRENCY=count, DATABASE_URL="postgresql://localhost/hakika")  # type: ignore[call-arg]
        told = summarize(Running("http://127.0.0.1:8000", settings))
        assert ("hakika serve" in told.get("processes", "")) == (count > 1)


def test_a_demo_is_found_where_it_runs(machine: Machine) -> None:
    """In the demo's directory commands find it with no setting and no key; of several, one must be named."""
    from tests.demo.running import running_demo  # noqa: PLC0415

    with running_demo(machine.directory) as demo:
        code, payment = machine.ask("pay", "0712345678", "10", "--reference", "A-1")
        assert (code, payment["mode"]) == (0, "test")
        assert machine.ask("status", "A-1", HAKIKA_SERVER=f"http://localhost:{demo.port}")[1]["id"] == payment["id"]
        with running_demo(machine.directory) as other:
            code, problem = machine.ask("status", "A-1")
            assert (code, str(demo.port) in problem["detail"], str(other.port) in problem["detail"]) == (2, True, True)
        code, _ = demo.stop()
        assert code == 0
        assert not (machine.directory / ".hakika" / "demo" / str(demo.port) / "server.json").exists()
