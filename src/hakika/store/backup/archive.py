"""A backup: one SQLite file, whatever database it was made of, so that it can be read, checked and restored anywhere.

It holds every row as of one moment, and a label: when and of what it was made, the schema's version, a digest of each
table, and the secret key where that was asked for. Files are made under another name, synced, and then given theirs in
one step: a name that is taken is never taken over.
"""

import contextlib
import errno
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from hakika.domain.errors import HakikaError
from hakika.store.backup.copying import Digest, copy_tables, digest_tables, list_tables
from hakika.store.databases.postgres_dialect import PostgresDialect
from hakika.store.migrations import is_known, migrate_within, upgrade
from hakika.store.opening import driver_url, open_store
from hakika.store.transaction import Transaction

FORMAT = 1
_BUSY_TIMEOUT_MS = 30_000
_YEAR_10000_MS = 253_402_300_800_000
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What file systems answer that have no second names for a file."""


class BackupRefused(HakikaError):
    """A backup cannot be made, read or restored as asked. Nothing was changed."""

    code = "backup_refused"
    title = "That backup cannot be made, read or restored"
    money = "None moved by this command; the database is as it was."
    cure = "Do what is said, and run the command again."

    def __init__(self, detail: str, cure: str = "") -> None:
        """`cure` is for this occasion."""
        super().__init__(detail)
        if cure:
            self.cure = cure  # type: ignore[misc]


class Label(msgspec.Struct):
    """What a backup says of itself."""

    made_at_ms: int
    database: str  # sqlite, postgresql
    schema: str
    digests: dict[str, Digest]
    secret_key: str = ""
    format: int = FORMAT


# ── making one ───────────────────────────────


def write_backup(database_url: str, file: Path, made_at_ms: int, secret_key: str = "") -> Label:
    """Make a backup of a database that may be in use. Raises BackupRefused."""
    with _explained(file), _drafted(file) as draft:
        url = driver_url(database_url)
        is_sqlite = url.startswith("sqlite")
        read = None if is_sqlite else _copy_rows(url, draft)
        if is_sqlite:
            _copy_pages(_path_of(url), draft)
        with _reading(draft) as connection:
            digests, schema = digest_tables(connection), _version_of(connection)
        if schema is None:
            raise BackupRefused("That database has no tables of Hakika.", "Correct DATABASE_URL.")
        if read and read != digests:
            raise BackupRefused("What was written is not what was read.", "Try again on another disk.")
        label = Label(made_at_ms, "sqlite" if is_sqlite else "postgresql", schema, digests, secret_key)
        with contextlib.closing(sqlite3.connect(draft)) as written, written:
            written.execute("CREATE TABLE hakika_backup (label TEXT NOT NULL)")
            written.execute("INSERT INTO hakika_backup VALUES (?)", (msgspec.json.encode(label).decode(),))
    return label


def _copy_pages(source: Path, draft: Path) -> None:
    """SQLite copies itself, as of one moment: who writes meanwhile is not kept waiting."""
    if not source.is_file():
        raise BackupRefused(f"There is no {source}.", "Correct DATABASE_URL.")
    with (
        contextlib.closing(sqlite3.connect(f"file:{quote(str(source))}?mode=rw", uri=True)) as read,
        contextlib.closing(sqlite3.connect(draft)) as written,
    ):
        read.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
        read.backup(written)
        written.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it


def _copy_rows(url: str, draft: Path) -> dict[str, Digest]:
    """Copy PostgreSQL's rows, as of one moment. → their digests."""
    with contextlib.ExitStack() as held:
        given = held.enter_context(_engine(url).connect())
        given.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        version = _version_of(given)
        if version is None or not is_known(version):
            raise BackupRefused(*_of_another(version))
        written = held.enter_context(_engine(f"sqlite:///{draft}").begin())
        migrate_within(written, version)
        return copy_tables(given, written)


# ── reading one ──────────────────────────────


def read_label(file: Path) -> Label:
    """What a backup says of itself. Raises BackupRefused where it is none, or one that this program cannot read."""
    with _explained(file), contextlib.closing(_open_still(file)) as connection:
        try:
            row = connection.execute("SELECT label FROM hakika_backup").fetchone()
        except sqlite3.DatabaseError:
            row = None
    if row is None:
        raise BackupRefused(f"{file} is no backup of Hakika.", "Name a file that `hakika backup` made.")
    try:
        label = msgspec.json.decode(row[0], type=Label)
    except (msgspec.DecodeError, TypeError) as error:  # it may be of any type
        raise BackupRefused(f"The label of {file} is damaged.", "Take another backup.") from error
    if not 0 <= label.made_at_ms < _YEAR_10000_MS or "payments" not in label.digests:
        raise BackupRefused(f"The label of {file} is damaged.", "Take another backup.")
    if label.format != FORMAT or not is_known(label.schema):
        raise BackupRefused(*_of_another(label.schema))
    return label


def find_damage(file: Path, label: Label) -> list[str]:
    """What in a backup is not as it was written."""
    try:
        with _reading(file) as connection:
            said = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(10)").all()]
            damage = [f"SQLite finds damage: {one}" for one in said if one != "ok"]
            damage += _find_odd_parts(connection, label.schema)
            found = digest_tables(connection)
    except (DBAPIError, sqlite3.Error, UnicodeDecodeError) as error:
        return [f"It cannot be read: {getattr(error, 'orig', error)}"]
    return damage + [
        f"{name} is not as it was written: {_count(found, name)}, {_count(label.digests, name)} when it was made"
        for name in sorted(found.keys() | label.digests.keys())
        if found.get(name) != label.digests.get(name)
    ]


def _find_odd_parts(connection: Connection, schema: str) -> list[str]:
    """What is missing of the tables and indexes of that schema; and triggers, which would act behind our back."""
    with create_engine("sqlite://").begin() as made:  # in memory
        migrate_within(made, schema)
        wanted = _list_parts(made)
    found = _list_parts(connection)
    missing = [f"the {kind} {name} is missing" for kind, name in sorted(wanted - found)]
    return missing + [f"it has a trigger, {name}, that is not Hakika's" for kind, name in found if kind == "trigger"]


def _list_parts(connection: Connection) -> set[tuple[str, str]]:
    """(kind, name) of all that is in a SQLite file."""
    rows = connection.exec_driver_sql("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").all()
    return {(str(kind), str(name)) for kind, name in rows}


def _count(digests: dict[str, Digest], name: str) -> str:
    return f"{digests[name].rows} rows" if name in digests else "no such table"


# ── restoring one ────────────────────────────

Settle = Callable[[Transaction], object]


def restore_backup(file: Path, database_url: str, settle: Settle) -> None:
    """Make a new database of a backup, at the newest schema, with `settle` run on it: all of that, or nothing.

    Raises BackupRefused, also where the database holds anything.
    """
    label, url = read_label(file), driver_url(database_url)
    if url.startswith("sqlite"):
        _restore_file(file, _path_of(url), settle)
        return
    target = "the database that DATABASE_URL names"
    with _explained(Path(target)), _engine(url).begin() as written:
        if list_tables(written).keys() & label.digests.keys() or _version_of(written):
            raise BackupRefused(f"{target} holds something already.", "Name a new, empty one.")
        migrate_within(written, label.schema)
        with _reading(file) as given:
            copied = copy_tables(given, written)
        if not copied == digest_tables(written) == label.digests:
            raise BackupRefused("What was written is not what the backup holds.", "Run `hakika restore --check`.")
        migrate_within(written, "head")
        bare: Any = written.connection.dbapi_connection
        settle(Transaction(written, PostgresDialect(), bare.cursor()))


def _restore_file(file: Path, target: Path, settle: Settle) -> None:
    beside = [target.with_name(target.name + ending) for ending in ("-wal", "-shm", "-journal")]
    found = next((one for one in (target, *beside) if one.exists()), None)
    if found:
        raise BackupRefused(f"{found} exists already.", "Stop the server and move it away, or name another file.")
    with _explained(target), _drafted(target) as draft:
        with contextlib.closing(_open_still(file)) as given, contextlib.closing(sqlite3.connect(draft)) as written:
            given.backup(written)
            written.execute("DROP TABLE hakika_backup")
            written.execute("VACUUM")  # or the key that it held would stay readable in the free pages
        upgrade(f"sqlite:///{draft}")
        _settle_file(draft, settle)


def _settle_file(file: Path, settle: Settle) -> None:
    """Run `settle` on a SQLite file that nobody else has open, and leave nothing beside it."""
    store = open_store(f"sqlite:///{file}")
    store.write_now(settle)
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


def unpack(file: Path, into: Path) -> None:
    """Make an ordinary SQLite file at the newest schema of a backup, for looking at. Raises BackupRefused."""
    with _explained(file):
        with contextlib.closing(_open_still(file)) as given, contextlib.closing(sqlite3.connect(into)) as written:
            given.backup(written)
        upgrade(f"sqlite:///{into}")


# ── files and connections ────────────────────


@contextlib.contextmanager
def _drafted(file: Path) -> Iterator[Path]:
    """A file under another name, private; in the end it gets its own. Where that is taken, it is not overwritten."""
    if file.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(file))
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        yield draft
        _sync(draft)
        _name(draft, file)
        _sync(file.parent)
    finally:
        for ending in ("", "-wal", "-shm", "-journal"):
            draft.with_name(draft.name + ending).unlink(missing_ok=True)


def _name(draft: Path, file: Path) -> None:
    try:
        os.link(draft, file)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # the name is ours from here on
        draft.replace(file)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open_still(file: Path) -> sqlite3.Connection:
    """Open a file that nobody writes, for reading alone; nothing is made beside it."""
    if not file.is_file():
        raise BackupRefused(f"There is no file {file}.", "Correct its name.")
    return sqlite3.connect(f"file:{quote(str(file))}?mode=ro&immutable=1", uri=True, check_same_thread=False)


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[Connection]:
    engine = create_engine("sqlite://", creator=lambda: _open_still(file), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def _engine(url: str) -> Engine:
    return create_engine(url, poolclass=NullPool, hide_parameters=True)


def _path_of(url: str) -> Path:
    return Path(url.partition(":///")[2].partition("?")[0])


def _version_of(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _of_another(version: str | None) -> tuple[str, str]:
    if version is None:
        return "That database has no tables of Hakika.", "Correct DATABASE_URL."
    return (
        f"Its schema ({version}) is not known here: a newer Hakika made it.",
        "Run the version of Hakika that made it, or a newer one.",
    )


@contextlib.contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Say of files and databases that cannot be read or written what is wrong with them."""
    try:
        yield
    except FileExistsError as error:
        raise BackupRefused(f"{file} exists already.", "Name a file that does not exist yet.") from error
    except OSError as error:
        cure = "Name a place with room that this user may write."
        raise BackupRefused(f"{error.filename or file}: {error.strerror}.", cure) from error
    except (DBAPIError, sqlite3.Error) as error:
        said = " ".join(str(getattr(error, "orig", error)).split()).rstrip(".")
        cure = "Look at DATABASE_URL, and whether its disk is full."
        raise BackupRefused(f"{file}: the database refuses: {said}.", cure) from error
