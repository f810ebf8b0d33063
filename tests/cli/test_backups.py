"""`hakika backup` and `restore`: beside a running server, with and without the key, and what they refuse."""

import shutil
import sqlite3
from contextlib import closing

from tests.cli.machine import ACCOUNT, PAYS, Machine


def test_a_backup_beside_a_running_server_and_its_restore(machine: Machine) -> None:
    """Taken while the server runs, it holds; restored with its key elsewhere it serves the same payments."""
    account = {**ACCOUNT, "MPESA_BASE_URL": machine.simulate()}
    machine.serve(**account)
    _, paid = machine.ask("pay", PAYS, "10", "-r", "A-1", "--wait", **account)
    code, made = machine.ask("backup", "a.backup", "--with-secret-key", **account)
    assert (code, made["payments"], made["has_secret_key"], made["database"]) == (0, 1, True, "sqlite")
    code, checked = machine.ask("restore", "--check", "a.backup", **account)
    assert (code, checked["holds"], checked["secret_key"], checked["found"]) == (0, True, "opens", [])
    elsewhere = Machine(machine.directory / "elsewhere")
    elsewhere.directory.mkdir()
    code, restored = elsewhere.ask("restore", "../a.backup", **account)
    assert (code, restored["secret_key"], restored["doubted"]) == (0, "opens", 0)
    assert elsewhere.ask("status", "A-1", **account)[1]["receipt"] == paid["receipt"]
    keys = [(one.directory / ".hakika" / "secret.key").read_text() for one in (machine, elsewhere)]
    assert keys[0] == keys[1]
    assert (elsewhere.directory / ".hakika" / "secret.key").stat().st_mode & 0o777 == 0o600
    code, problem = elsewhere.ask("restore", "../a.backup", **account)
    assert (code, problem["code"]) == (1, "backup_refused")
    assert "hakika.db exists already" in problem["detail"]


def test_the_key_is_in_a_backup_only_when_asked_for(machine: Machine) -> None:
    """Without it the backup says so and where the key is; and a restore says whether the one at hand fits."""
    secrets = ("--consumer-key", "a", "--consumer-secret", "b", "--passkey", "c")
    machine.ask("accounts", "add", "till", "--shortcode", "600610", *secrets)
    done = machine.run("backup", "a.backup")
    assert (done.returncode, "secret.key elsewhere" in done.stdout) == (0, True)
    key = (machine.directory / ".hakika" / "secret.key").read_text()
    with closing(sqlite3.connect(machine.directory / "a.backup")) as database:
        assert key not in str(database.execute("SELECT label FROM hakika_backup").fetchone())
    shutil.move(machine.directory / ".hakika", machine.directory / "kept")
    code, checked = machine.ask("restore", "--check", "a.backup")
    assert (code, checked["secret_key"]) == (0, "missing")
    other = "aGFraWthLWhha2lrYS1oYWtpa2EtaGFraWthLWhha2k="
    code, checked = machine.ask("restore", "a.backup", HAKIKA_SECRET_KEY=other, DATABASE_URL="sqlite:///r.db")
    assert (code, checked["holds"], checked["secret_key"]) == (1, False, "wrong")
    assert not (machine.directory / "r.db").exists()
    assert machine.ask("restore", "a.backup", HAKIKA_SECRET_KEY=key, DATABASE_URL="sqlite:///r.db")[0] == 0
    assert machine.ask("backup", "b.backup", "--with-secret-key")[1]["code"] == "backup_refused"


def test_one_payment_that_does_not_verify_does_not_lock_the_others_away(machine: Machine) -> None:
    """What was wrong in the database is said, and restored only when that is asked for; what is damaged never is."""
    secrets = ("--consumer-key", "a", "--consumer-secret", "b", "--passkey", "c")
    machine.ask("accounts", "add", "till", "--shortcode", "600610", *secrets)
    with closing(sqlite3.connect(machine.directory / "hakika.db")) as database, database:
        database.execute("UPDATE event_counter SET number = 7")
    machine.ask("backup", "a.backup")
    elsewhere = {"DATABASE_URL": "sqlite:///r.db"}
    code, checked = machine.ask("restore", "a.backup", **elsewhere)
    assert (code, checked["holds"], len(checked["found"])) == (1, False, 1)
    assert not (machine.directory / "r.db").exists()
    with closing(sqlite3.connect(machine.directory / "a.backup")) as database, database:
        shutil.copy(machine.directory / "a.backup", machine.directory / "b.backup")
        database.execute("DELETE FROM event_counter")
    assert machine.ask("restore", "a.backup", "--despite-differences", **elsewhere)[0] == 1
    assert machine.ask("restore", "b.backup", "--despite-differences", **elsewhere)[0] == 0
    assert (machine.directory / "r.db").exists()
