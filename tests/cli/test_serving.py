"""`hakika serve`: what it says, what it writes down, what it refuses, how it stops; and the store without it."""

import contextlib
import json
import os
import signal
import sqlite3
import stat
import subprocess
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from hakika.domain.errors import SettingError
from hakika.serving.presence import hold_database, read_presence
from tests.cli.machine import ACCOUNT, PAYS, Machine, tell_simulator

START_S = 3.0


def test_a_server_says_what_it_runs_with(machine: Machine) -> None:
    """One summary: environment, account, database, where callbacks come, docs; within seconds, secrets not in it."""
    before = time.monotonic()
    _, summary = machine.serve(**ACCOUNT)
    assert time.monotonic() - before < START_S * 3  # the machine that tests may be busy: see the note of the release
    assert summary["environment"].startswith("simulator")
    assert summary["account"] == "PayBill 174379"
    assert summary["database"] == "sqlite:///hakika.db"
    assert summary["callbacks"].startswith(summary["url"])
    assert summary["api_docs"] == f"{summary['url']}/docs"
    assert ACCOUNT["MPESA_PASSKEY"] not in json.dumps(summary)


def test_a_server_without_a_public_url_says_that_queries_do_the_work(machine: Machine) -> None:
    """In the sandbox without a callback URL nobody is left to guess why no callback comes."""
    _, summary = machine.serve(**{**ACCOUNT, "MPESA_ENVIRONMENT": "sandbox"})
    assert "queries do the work" in summary["callbacks"]


def test_a_server_is_found_by_its_own_user_alone(machine: Machine) -> None:
    """server.json holds address and local key, readable by its user only, and goes when the server stops."""
    process, summary = machine.serve(**ACCOUNT)
    file = machine.directory / ".hakika" / "server.json"
    presence = read_presence(file.parent)
    assert presence is not None
    assert (presence.url, presence.pid) == (summary["url"], process.pid)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert presence.local_key not in repr(presence)
    assert machine.stop(process) == 0
    assert not file.exists()


def test_ctrl_c_is_an_end_like_any_other(machine: Machine) -> None:
    """SIGINT stops the server gracefully as well: exit code 0, nothing on standard error."""
    process, _ = machine.serve(**ACCOUNT)
    assert machine.stop(process, signal.SIGINT) == 0
    assert "Traceback" not in (machine.directory / "errors.log").read_text()


def test_a_second_server_on_one_sqlite_file_is_refused(machine: Machine) -> None:
    """Whatever its data directory and the spelling of the URL: the file has one writer."""
    machine.serve(**ACCOUNT)
    file = machine.directory / "hakika.db"
    for url in ("sqlite:///hakika.db", f"sqlite:///{file}"):
        done = machine.run("serve", "--port", "0", **ACCOUNT, DATABASE_URL=url, HAKIKA_DATA_DIR="elsewhere")
        assert done.returncode == 1
        assert "DATABASE_URL" in done.stderr
        assert "SQLite has one writer process" in done.stderr
        assert "PostgreSQL" in done.stderr


def test_a_killed_server_leaves_nothing_in_the_way(machine: Machine) -> None:
    """After SIGKILL its server.json is stale and its lock is gone: commands work on the store, a server starts."""
    process, summary = machine.serve(**ACCOUNT)
    machine.stop(process, signal.SIGKILL)
    assert read_presence(machine.directory / ".hakika") is not None
    code, accounts = machine.ask("accounts", "list", **ACCOUNT)
    assert (code, len(accounts["data"])) == (0, 1)
    _, again = machine.serve(**ACCOUNT)
    assert again["url"] != summary["url"]


def test_a_port_that_is_taken(machine: Machine) -> None:
    """It is said in words, before the database is touched."""
    _, summary = machine.serve(**ACCOUNT)
    port = summary["url"].rpartition(":")[2]
    done = machine.run("serve", "--port", port, **ACCOUNT, DATABASE_URL="sqlite:///other.db")
    assert done.returncode == 1
    assert "cannot be listened on" in done.stderr
    done = machine.run("simulate", "--port", port)
    assert done.returncode == 1
    assert "cannot be listened on" in done.stderr


def test_a_broken_setting_is_said_without_a_traceback(machine: Machine) -> None:
    """The server refuses to start: setting, rule and cure, exit code 1; with --json as a document."""
    done = machine.run("serve", "--port", "0")
    assert done.returncode == 1
    assert "MPESA_CONSUMER_KEY" in done.stderr
    assert "hakika demo" in done.stderr
    assert "Traceback" not in done.stderr
    code, problem = machine.ask("serve", "--port", "0", **{**ACCOUNT, "MPESA_ENVIRONMENT": "prod"})
    assert (code, problem["setting"]) == (1, "MPESA_ENVIRONMENT")


def test_the_store_is_read_without_a_server_and_written_under_its_lock(machine: Machine) -> None:
    """Keys and accounts work with no server; while something else holds the file a write is refused clearly."""
    code, made = machine.ask("keys", "create", "shop")
    assert (code, made["key"][:3]) == (0, "hk_")
    assert machine.ask("keys", "list")[1]["data"][0]["hint"] == made["key"][-4:]
    secrets = ("--consumer-key", "a", "--consumer-secret", "b", "--passkey", "c")
    code, added = machine.ask("accounts", "add", "till", "--shortcode", "600610", "--till", "5600610", *secrets)
    assert (code, added["till"], added["queries_per_minute"]) == (0, "5600610", 5)
    code, changed = machine.ask("accounts", "update", "till", "--till", "", "--calls-per-minute", "9")
    assert (code, changed["till"], changed["calls_per_minute"]) == (0, None, 9)
    assert b"consumer_secret" not in (machine.directory / "hakika.db").read_bytes()
    with hold_database(f"sqlite:///{machine.directory / 'hakika.db'}"):
        code, problem = machine.ask("keys", "create", "other")
        assert (code, problem["setting"]) == (1, "DATABASE_URL")
        assert machine.ask("keys", "list")[0] == 0
    assert machine.ask("keys", "revoke", made["id"])[0] == 0
    assert machine.ask("keys", "revoke", made["id"])[1]["code"] == "not_found"


def test_a_credential_that_nobody_gave(machine: Machine) -> None:
    """Where nobody can be asked, the missing option is named, with exit code 2."""
    code, problem = machine.ask("accounts", "add", "x", "--shortcode", "600610", "--consumer-key", "a")
    assert (code, problem["code"]) == (2, "missing_credential")
    assert "--consumer-secret" in problem["detail"]


def test_an_accounts_credentials_are_tried(machine: Machine) -> None:
    """A right key and secret prove themselves and nothing more; wrong ones are told apart from a silent Daraja."""
    account = {**ACCOUNT, "MPESA_BASE_URL": machine.simulate()}
    machine.serve(**account)
    code, said = machine.ask("accounts", "test", "default", **account)
    assert (code, said["account"]) == (0, "default")
    assert "passkey" in said["does_not_prove"]
    secrets = ("--consumer-key", "wrong", "--consumer-secret", "b", "--passkey", "c")
    machine.ask("accounts", "add", "bad", "--shortcode", "600610", "--environment", "simulator", *secrets, **account)
    code, problem = machine.ask("accounts", "test", "bad", **account)
    assert (code, problem["code"]) == (1, "wrong_key_or_secret")
    assert machine.ask("accounts", "test", "nobody", **account)[1]["code"] == "not_found"


def test_there_is_no_database_here(machine: Machine) -> None:
    """A reading command makes no database where there is none, and says so."""
    for arguments in (("status", "x"), ("verify",), ("keys", "list"), ("accounts", "list")):
        code, problem = machine.ask(*arguments)
        assert (code, problem["setting"]) == (1, "DATABASE_URL")
    assert not (machine.directory / "hakika.db").exists()
    (machine.directory / "hakika.db").touch()
    code, problem = machine.ask("status", "x")
    assert "hakika migrate" in problem["cure"]


def test_migrating(machine: Machine) -> None:
    """The version before and after; the second time there is nothing to do."""
    code, first = machine.ask("migrate")
    assert (code, first["before"], first["after"]) == (0, None, first["newest"])
    code, second = machine.ask("migrate")
    assert (code, second["before"], second["after"]) == (0, first["newest"], first["newest"])


def test_verifying_beside_a_running_server(machine: Machine) -> None:
    """While the server runs `verify` finds nothing wrong; a spoiled status is printed and exits 1."""
    account = {**ACCOUNT, "MPESA_BASE_URL": machine.simulate()}
    machine.serve(**account)
    _, payment = machine.ask("pay", PAYS, "10", "-r", "A-1", "--wait", **account)
    code, report = machine.ask("verify", **account)
    assert (code, report["holds"], report["payments"]) == (0, True, 1)
    engine = create_engine(f"sqlite:///{machine.directory / 'hakika.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE payments SET status = 'failed'"))
    engine.dispose()
    code, report = machine.ask("verify", **account)
    assert (code, report["holds"]) == (1, False)
    assert {found["payment"] for found in report["differences"]} == {payment["id"]}
    done = machine.run("verify", **account)
    assert done.returncode == 1
    assert "its evidence makes it 'completed'" in done.stdout


def test_an_operators_word_without_a_server(machine: Machine) -> None:
    """With the server stopped, a payment can still be resolved, on the store."""
    account = {**ACCOUNT, "MPESA_BASE_URL": machine.simulate()}
    process, _ = machine.serve(**account)
    machine.ask("pay", PAYS, "10", "-r", "A-1", "--wait", **account)
    machine.stop(process)
    code, payment = machine.ask("resolve", "A-1", "reversed", "--reason", "sent back", **account)
    assert (code, payment["status"]) == (0, "reversed")
    assert machine.ask("query", "A-1", **account)[1]["status"] == "reversed"
    assert machine.ask("cancel", "A-1", **account)[1]["code"] == "already_ended"
    assert machine.ask("status", "A-1", "--timeline", **account)[1]["timeline"][-1]["kind"] == "payment.reversed"
    assert machine.ask("verify", **account)[0] == 0


def test_strangers_callbacks_are_listed(machine: Machine) -> None:
    """What is about no payment of ours is visible, from the server and from the store."""
    import httpx2  # noqa: PLC0415

    process, summary = machine.serve(**ACCOUNT)
    httpx2.post(f"{summary['url']}/mpesa/callback", content=b"<html>", trust_env=False)
    for _ in ("server", "store"):
        code, listed = machine.ask("quarantine", "list", **ACCOUNT)
        assert (code, [row["raw"] for row in listed["data"]]) == (0, ["<html>"])
        if process.poll() is None:
            machine.stop(process)


def test_holding_a_database(tmp_path: Path) -> None:
    """The lock is the file's, is free again afterwards, names who holds it, and PostgreSQL needs none."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with hold_database(url), hold_database(f"sqlite:///{tmp_path / 'b.db'}"), hold_database("postgresql://h/d"):
        with pytest.raises(SettingError, match=f"process {os.getpid()}"), hold_database(url):
            pytest.fail("held twice")
        with hold_database("postgresql://h/d"):
            pass
    with hold_database(url):
        pass


def test_a_server_that_is_stopped_finishes_its_push(machine: Machine) -> None:
    """SIGTERM while Daraja takes long to answer: the prompt is not lost, whoever waits is answered, exit code 0."""
    simulator = machine.simulate()
    account = {**ACCOUNT, "MPESA_BASE_URL": simulator}
    process, _ = machine.serve(**account)
    slow = {"fault": "slow", "delay_ms": 15_000}  # at the simulator's speed: a second and a half
    tell_simulator(simulator, "/simulator/next", {"faults": [slow]})
    waiting = machine.start("pay", PAYS, "10", "-r", "A-1", "--wait", "--json", **account)
    while "sending" not in stages(machine):
        assert waiting.poll() is None
    assert machine.stop(process) == 0
    assert stages(machine) == ["prompted"]
    assert "Traceback" not in (machine.directory / "errors.log").read_text()


def stages(machine: Machine) -> list[str]:
    """How far the payments in the database are."""
    with contextlib.closing(sqlite3.connect(machine.directory / "hakika.db")) as database:
        return [str(row[0]) for row in database.execute("SELECT stage FROM payments")]


def test_a_second_signal_ends_a_server_at_once(machine: Machine) -> None:
    """Whoever does not want to wait for a push of Daraja's need not."""
    simulator = machine.simulate()
    account = {**ACCOUNT, "MPESA_BASE_URL": simulator}
    process, _ = machine.serve(**account)
    tell_simulator(simulator, "/simulator/next", {"faults": [{"fault": "slow", "delay_ms": 280_000}]})
    machine.start("pay", PAYS, "10", "-r", "A-1", "--json", **account)
    while "sending" not in stages(machine):
        assert process.poll() is None
    before = time.monotonic()
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)  # it waits for the push
    assert machine.stop(process) == 0
    assert time.monotonic() - before < 20
