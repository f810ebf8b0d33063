"""Who holds the database, and where the running server is: what programs on one machine tell each other.

A server holds an exclusive lock that lies beside its SQLite file, whatever the data directory is: one writer
process a file. It writes its address and a key of its own to `server.json` in the data directory, readable by its
user alone; that is how the command line finds it and may talk to it without an API key.
"""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from hakika.database_urls import sqlite_file
from hakika.domain.errors import SettingError

FILE = "server.json"


@dataclass(frozen=True)
class Presence:
    """A running server. `local_key` opens it from this machine alone."""

    url: str
    pid: int
    started_at: str
    database: str
    local_key: str

    def __repr__(self) -> str:
        return f"Presence({self.url!r}, pid={self.pid})"


def make_local_key() -> str:
    """A key for one run of the server."""
    return f"local_{secrets.token_hex(20)}"


@contextlib.contextmanager
def hold_database(database_url: str) -> Iterator[None]:
    """Be the one process that writes to a SQLite file. Raises SettingError where another is; else no lock is needed."""
    file = sqlite_file(database_url)
    if file is None:
        yield
        return
    if file.exists() and not file.is_file():
        raise SettingError("DATABASE_URL", f"{file} is no file.", "Name one that may hold a database.")
    lock = file.with_name(file.name + ".lock")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable("DATABASE_URL", lock, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise _held(file, os.pread(descriptor, 32, 0).decode(errors="replace")) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)  # which lets go of the lock; the file stays, or two could lock two files of one name


def _unwritable(setting: str, file: Path, error: OSError) -> SettingError:
    return SettingError(
        setting, f"{file} cannot be written ({error.strerror}).", "Name a place that this user may write."
    )


def _held(file: Path, pid: str) -> SettingError:
    who = f" (process {pid.strip()})" if pid.strip().isdigit() else ""
    return SettingError(
        "DATABASE_URL",
        f"another server{who} has {file} open, and SQLite has one writer process.",
        "Use the server that runs, stop it first, or use PostgreSQL, which any number of servers may share.",
    )


@contextlib.contextmanager
def announce(data_dir: Path, presence: Presence) -> Iterator[None]:
    """Let programs of the same user find the server, for as long as the block lasts. Raises SettingError."""
    file, draft = data_dir / FILE, data_dir / f".{FILE}.{os.getpid()}"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as written:
            json.dump(asdict(presence), written)
        draft.replace(file)
    except OSError as error:
        raise _unwritable("HAKIKA_DATA_DIR", file, error) from error
    try:
        yield
    finally:
        known = read_presence(data_dir)
        if known is not None and known.pid == presence.pid:
            file.unlink(missing_ok=True)


def read_presence(data_dir: Path) -> Presence | None:
    """What the last server of this data directory wrote; whether it still runs, only asking it tells."""
    try:
        return Presence(**json.loads((data_dir / FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
