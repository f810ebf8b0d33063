"""Backups: of each database into each, of one moment, whole or not at all; and what a restored one does not know."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import create_engine, inspect, select, text
from sqlalchemy.pool import NullPool

from hakika.engine.restoring import Checked, check_backup, settle_restored, try_key
from hakika.engine.vault import Vault, make_key
from hakika.engine.verification import verify_all
from hakika.store.backup import archive as backups
from hakika.store.backup.archive import BackupRefused, read_label, restore_backup, write_backup
from hakika.store.events import read_head
from hakika.store.migrations import find_version, migrate_within, newest_version
from hakika.store.tables import evidence, payments
from hakika.store.transaction import Transaction
from tests.engine.till import START_MS, VAULT_KEY, HeldClock, ScriptedDaraja, Till
from tests.postgres import Postgres

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a second database, in which nothing is."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'restored.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
def twin_url(request: pytest.FixtureRequest, migrated_database_url: str, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a second database of the same kind, in which nothing is."""
    if migrated_database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'restored.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


async def trade(till: Till) -> None:
    """Have payments in many states."""
    for receipt, amount in (("SFF6XYZ123", 100), ("SFF6XYZ123", 100), ("SFF6XYZ124", 1)):
        row = await till.prompt()
        await till.call_back(row, receipt=receipt, amount=amount)
    cancelled = await till.prompt()
    await till.call_back(cancelled, "1032")
    await till.prompt()


def back_up(till: Till, file: Path, key: str = "") -> None:
    """Write a backup of a till's database."""
    write_backup(till.url, file, START_MS, key)


def restore(file: Path, url: str, clock: Callable[[], int]) -> None:
    """Restore it, as the command does."""
    restore_backup(file, url, lambda tx: settle_restored(tx, clock, lambda count: b"\x07" * count))


async def test_a_backup_of_each_database_restores_into_each(
    till: Till, empty_url: str, tmp_path: Path, clock: HeldClock, daraja: ScriptedDaraja
) -> None:
    """Every row is there again, every payment verifies, and business goes on: numbers and credentials fit."""
    await trade(till)
    file = tmp_path / "a.backup"
    await asyncio.to_thread(back_up, till, file)
    checked = await asyncio.to_thread(check_backup, file, VAULT_KEY)
    assert (checked.holds, checked.payments, checked.accounts, checked.key) == (True, 5, 1, "opens")
    await asyncio.to_thread(restore, file, empty_url, clock)
    again = await Till(empty_url, clock, daraja, seed=2).open()
    try:
        for table in (payments, evidence):
            rows = [
                [tuple(row) for row in await one.store.read(lambda tx: tx.all(select(table).order_by(table.c.id)))]  # noqa: B023
                for one in (till, again)
            ]
            assert rows[0] == rows[1] != []
        row = await again.prompt(reference="afterwards", phone="254733000001")
        await again.call_back(row, receipt="SFF6XYZ126", checkout_request_id=row.checkout_request_id)
        assert (await again.read(row.id)).status == "completed"
        assert verify_all(again.store, tmp_path / "callbacks.spool").differences == []
    finally:
        await again.close()


async def test_a_backup_is_of_one_moment(till: Till, tmp_path: Path) -> None:
    """Taken while payments are asked for, pushed and called back, it holds: no half of anything."""
    writing = asyncio.create_task(asyncio.to_thread(back_up, till, tmp_path / "a.backup"))
    while not writing.done():
        await trade(till)
    checked = await asyncio.to_thread(check_backup, tmp_path / "a.backup", VAULT_KEY)
    assert (checked.damage, checked.differences) == ([], [])
    assert checked.payments <= len(await till.store.read(lambda tx: tx.all(select(payments.c.id))))


async def test_what_was_not_sent_then_is_never_sent(
    till: Till, twin_url: str, tmp_path: Path, clock: HeldClock, daraja: ScriptedDaraja
) -> None:
    """A payment that was queued may have been sent after the backup: it is unsure, and its callback settles it."""
    asked = await till.ask()
    file = tmp_path / "a.backup"
    await asyncio.to_thread(back_up, till, file)
    await asyncio.to_thread(restore, file, twin_url, clock)
    again = await Till(twin_url, clock, daraja, seed=2).open()
    try:
        await again.worker.run_once()
        assert daraja.pushes == []
        assert (await again.read(asked.id)).stage == "unsure"
        await again.call_back(await again.read(asked.id), receipt="SFF6XYZ126", checkout_request_id="ws_CO_77")
        assert (await again.read(asked.id)).status == "completed"
        assert verify_all(again.store, tmp_path / "callbacks.spool").differences == []
    finally:
        await again.close()


async def test_a_restored_log_is_another_log(till: Till, twin_url: str, tmp_path: Path, clock: HeldClock) -> None:
    """It gives the numbers of lost events to others: who comes with a cursor of the old log is told, misses nothing."""
    await trade(till)
    before = await till.store.read(read_head)
    await asyncio.to_thread(back_up, till, tmp_path / "a.backup")
    await asyncio.to_thread(restore, tmp_path / "a.backup", twin_url, clock)
    again = Till(twin_url, clock, till.daraja, seed=2)
    after = await again.store.read(read_head)
    await again.close()
    assert after.number == before.number
    assert (after.store, before.store == after.store) == ("07070707", False)


async def test_a_restore_that_fails_leaves_nothing(till: Till, twin_url: str, tmp_path: Path, clock: HeldClock) -> None:
    """Whatever happens on the way there is no half of a database: the same restore then works."""
    await trade(till)
    file = tmp_path / "a.backup"
    await asyncio.to_thread(back_up, till, file)

    def fail(_: Transaction) -> None:
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError, match="the power went"):
        await asyncio.to_thread(restore_backup, file, twin_url, fail)
    assert [name for name in os.listdir(tmp_path) if "restored" in name] == []  # noqa: PTH208
    await asyncio.to_thread(restore, file, twin_url, clock)
    with pytest.raises(BackupRefused, match="already"):
        await asyncio.to_thread(restore, file, twin_url, clock)


def test_an_older_schema_is_backed_up_as_it_is_and_restored_as_the_newest(
    database_url: str, tmp_path: Path, clock: HeldClock
) -> None:
    """So a backup can be taken before an upgrade, by the new version."""
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.begin() as connection:
        migrate_within(connection, "0001")
    write_backup(database_url, tmp_path / "a.backup", START_MS)
    assert read_label(tmp_path / "a.backup").schema == "0001"
    assert check_backup(tmp_path / "a.backup", "").holds
    restore(tmp_path / "a.backup", f"sqlite:///{tmp_path / 'restored.db'}", clock)
    assert find_version(f"sqlite:///{tmp_path / 'restored.db'}") == newest_version()


# ── what is refused ──────────────────────────────


@pytest.fixture
def sound(migrated_sqlite_file: Path, tmp_path: Path) -> Path:
    """Give a sound backup of an empty database."""
    write_backup(f"sqlite:///{migrated_sqlite_file}", tmp_path / "sound.backup", START_MS, make_key())
    return tmp_path / "sound.backup"


def spoil(file: Path, *statements: str) -> None:
    """Write into a backup what nobody should."""
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        for statement in statements:
            database.execute(statement)


def flip(file: Path) -> None:
    """Turn one bit of a value: the name of the log."""
    with contextlib.closing(sqlite3.connect(file)) as database:
        name = str(database.execute("SELECT store FROM event_counter").fetchone()[0]).encode()
    file.write_bytes(file.read_bytes().replace(name, bytes([name[0] ^ 1]) + name[1:]))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "bits turned": flip,
    "a row changed": lambda file: spoil(file, "UPDATE event_counter SET number = 7"),
    "a row more": lambda file: spoil(file, "INSERT INTO receipts VALUES ('SFF6XYZ123', 'pay_1')"),
    "a table gone": lambda file: spoil(file, "DROP TABLE links"),
    "an index gone": lambda file: spoil(file, "DROP INDEX uq_alerts_open"),
    "a trigger more": lambda file: spoil(file, "CREATE TRIGGER t AFTER INSERT ON payments BEGIN SELECT 1; END"),
    "no table of payments": lambda file: spoil(file, "DROP TABLE payments"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found(damage: str, sound: Path) -> None:
    """A backup that is not as it was written does not hold, and says where."""
    assert check_backup(sound, "").holds
    DAMAGES[damage](sound)
    checked = check_backup(sound, "")
    assert not checked.holds
    assert checked.damage


def test_a_backup_whose_evidence_says_otherwise_does_not_hold(
    migrated_sqlite_file: Path, sound: Path, tmp_path: Path
) -> None:
    """What was wrong in the database already is found by replaying it, though the file is as it was written."""
    spoilt = tmp_path / "spoilt.db"
    spoilt.write_bytes(migrated_sqlite_file.read_bytes())
    spoil(spoilt, "UPDATE event_counter SET number = 7")
    write_backup(f"sqlite:///{spoilt}", tmp_path / "b.backup", START_MS)
    checked = check_backup(tmp_path / "b.backup", "")
    assert (checked.damage, checked.holds) == ([], False)
    assert [one.rule for one in checked.differences] == ["numbers"]


REFUSALS: dict[str, tuple[str, str]] = {
    "a name that is taken": ("write", "exists already"),
    "a folder that cannot be": ("/proc/none/a.backup", "/proc/none"),
    "no database": ("sqlite:///nowhere/none.db", "There is no nowhere/none.db"),
    "another program's file": ("sqlite:///{folder}/other.txt", "not a database"),
    "an empty file": ("sqlite:///{folder}/empty.db", "no tables of Hakika"),
    "a server that is away": ("postgresql://asha:verysecret@127.0.0.1:1/hakika", "refuse"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_backup_that_cannot_be_made(case: str, migrated_sqlite_file: Path, tmp_path: Path) -> None:
    """It is said in words, no password in them, and nothing is left behind, nor anything overwritten."""
    given, said = REFUSALS[case]
    (tmp_path / "other.txt").write_text("The shopping list of another program.\n" * 99)
    (tmp_path / "empty.db").touch()
    (tmp_path / "taken").write_text("mine")
    before = sorted(one.name for one in tmp_path.iterdir())
    url = given.format(folder=tmp_path) if "://" in given else f"sqlite:///{migrated_sqlite_file}"
    file = Path(given) if given.startswith("/") else tmp_path / ("taken" if given == "write" else "a.backup")
    with pytest.raises(BackupRefused) as refused:
        write_backup(url, file, START_MS)
    assert said in refused.value.detail
    assert refused.value.cure
    assert "verysecret" not in refused.value.detail
    assert sorted(one.name for one in tmp_path.iterdir()) == before
    assert (tmp_path / "taken").read_text() == "mine"


def test_what_is_no_backup_is_refused(sound: Path, tmp_path: Path) -> None:
    """A file that is not there, another one, one cut short, a newer Hakika's: each is said, with what to do."""
    (tmp_path / "list.txt").write_text("milk\n" * 999)
    (tmp_path / "cut").write_bytes(sound.read_bytes()[: sound.stat().st_size // 2])
    label = msgspec.structs.replace(read_label(sound), schema="9999")
    for file, said in (("none", "There is no file"), ("list.txt", "no backup of"), ("cut", "no backup of")):
        with pytest.raises(BackupRefused, match=said):
            check_backup(tmp_path / file, "")
    with contextlib.closing(sqlite3.connect(sound)) as database, database:
        database.execute("UPDATE hakika_backup SET label = ?", (msgspec.json.encode(label).decode(),))
    with pytest.raises(BackupRefused, match="newer Hakika"):
        check_backup(sound, "")


LABELS: dict[str, str] = {
    "a number": "3",
    "zeros": "zeroblob(100)",
    "another shape": "'[]'",
    "a year that is none": "json_replace(label, '$.made_at_ms', 1000000000000000000)",
    "a year before all": "json_replace(label, '$.made_at_ms', -1000000000000000000)",
    "nothing that was counted": "json_replace(label, '$.digests', json('{}'))",
}


@pytest.mark.parametrize("label", LABELS)
def test_a_label_that_somebody_wrote_is_refused(label: str, sound: Path) -> None:
    """Whatever stands in it, it is said in words, and the file is left alone."""
    spoil(sound, f"CREATE TABLE other AS SELECT {LABELS[label]} AS label FROM hakika_backup")  # noqa: S608 - our own
    spoil(sound, "DROP TABLE hakika_backup", "ALTER TABLE other RENAME TO hakika_backup")
    with pytest.raises(BackupRefused, match="is damaged"):
        check_backup(sound, "")


def test_a_backup_is_for_its_user_alone_and_one_file(sound: Path) -> None:
    """Nobody else may read it, nothing lies beside it, and reading it leaves no trace."""
    before = (sound.stat().st_mtime_ns, sound.read_bytes())
    check_backup(sound, "")
    assert sound.stat().st_mode & 0o777 == 0o600
    assert (sound.stat().st_mtime_ns, sound.read_bytes()) == before
    assert [one.name for one in sound.parent.iterdir()] == [sound.name]


def test_a_restored_file_does_not_hold_the_key(sound: Path, tmp_path: Path, clock: HeldClock) -> None:
    """The secret key that a backup carried is in no page of the database that is made of it."""
    key = read_label(sound).secret_key.encode()
    assert key in sound.read_bytes()
    restore(sound, f"sqlite:///{tmp_path / 'restored.db'}", clock)
    assert key not in (tmp_path / "restored.db").read_bytes()


def test_a_key_is_tried() -> None:
    """It opens, is missing, or is wrong; where nothing is sealed none is needed."""
    key, other = make_key(), make_key()
    sealed = [Vault(key).seal(b"secret")]
    assert [try_key(one, sealed) for one in (key, "", other, "garbage")] == ["opens", "missing", "wrong", "wrong"]
    assert try_key("", []) == "opens"
    assert not Checked(backups.Label(0, "sqlite", "0001", {}), key="wrong").holds


def test_a_disk_without_links_is_written_too(
    migrated_sqlite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a file can have no second name the backup takes its name another way, and takes no other's."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    write_backup(f"sqlite:///{migrated_sqlite_file}", tmp_path / "a.backup", START_MS)
    assert check_backup(tmp_path / "a.backup", "").holds
    with pytest.raises(BackupRefused, match="exists already"):
        write_backup(f"sqlite:///{migrated_sqlite_file}", tmp_path / "a.backup", START_MS)


def test_a_database_that_holds_anything_is_left_alone(
    sound: Path, migrated_database_url: str, clock: HeldClock
) -> None:
    """Also one whose tables are there and empty."""
    engine = create_engine(migrated_database_url, poolclass=NullPool)
    with engine.connect() as connection:
        before = connection.execute(text("SELECT store FROM event_counter")).all()
    with pytest.raises(BackupRefused, match="already"):
        restore(sound, migrated_database_url, clock)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT store FROM event_counter")).all() == before
        assert "hakika_backup" not in inspect(connection).get_table_names()
