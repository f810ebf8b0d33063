"""Choosing the database by its URL."""

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from hakika.domain.errors import SettingError
from hakika.store.transaction import Dialect, Transaction

T = TypeVar("T")


class Store(Protocol):
    """Where everything is kept. `read` and `write` are for the event loop, `…_now` for programs without one.

    All raise StoreUnavailable when the database does not answer; what `write` answered is durable.
    """

    url: str
    writers: int  # how many transactions it is worth having under way at once

    @property
    def dialect(self) -> Dialect:
        """The differences of this database."""

    async def read(self, job: Callable[[Transaction], T]) -> T:
        """Run a job that only reads."""

    async def glance(self, job: Callable[[Transaction], T]) -> T:
        """Run a job that only reads a few rows, each found by an index: in the quickest way that there is."""

    async def write(self, job: Callable[[Transaction], T]) -> T:
        """Run a job in one transaction; all of it holds, or nothing."""

    async def listen(self, heard: Callable[[str], None]) -> None:
        """Hear what other nodes tell (`Dialect.tell_others`), until cancelled; `""` means that some was missed."""

    def read_now(self, job: Callable[[Transaction], T]) -> T:
        """Like `read`, waiting for it."""

    def write_now(self, job: Callable[[Transaction], T]) -> T:
        """Like `write`, waiting for it."""

    def find_misplaced(self) -> str:
        """Why what is written would be lost, or `""`: the file that is open is no longer where it was."""

    async def close(self) -> None:
        """Finish what is queued and let go."""


def open_store(database_url: str) -> Store:
    """`sqlite:///hakika.db`, `postgresql://…` → a Store. The schema must be there: see `migrations.upgrade`.

    Raises SettingError when the URL names no database that we speak.
    """
    url = driver_url(database_url)
    if url.startswith("sqlite"):
        from hakika.store.databases.sqlite import SqliteStore  # noqa: PLC0415 - a start loads one database, not both

        return SqliteStore(url)
    from hakika.store.databases.postgres import PostgresStore  # noqa: PLC0415

    return PostgresStore(url)


def keep_private(file: Path) -> None:
    """Make a SQLite file that its user alone may read, and take from one that is there the rights of all others.

    SQLite gives the log beside it the same rights.
    """
    with contextlib.suppress(OSError):  # where this is not ours to decide, opening it says what is wrong
        with contextlib.suppress(FileExistsError):
            # Exclusive: to open and close a file that SQLite has open would end SQLite's locks on it.
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        for part in (file, *(file.with_name(file.name + ending) for ending in ("-wal", "-shm"))):
            if part.is_file() and part.stat().st_mode & stat.S_IRWXO:
                part.chmod(stat.S_IMODE(part.stat().st_mode) & ~stat.S_IRWXO)


def driver_url(database_url: str) -> str:
    """The URL with our driver in it: `postgresql://` and `postgres://` → `postgresql+psycopg://`."""
    scheme, separator, rest = database_url.partition("://")
    if not separator:
        raise SettingError("DATABASE_URL", "it is not a URL.", "Write sqlite:///hakika.db or postgresql://…")
    if scheme in {"sqlite", "sqlite+pysqlite"}:
        if rest in {"", "/", "/:memory:"}:
            raise SettingError("DATABASE_URL", "it names no file.", "Write sqlite:///hakika.db")
        return _checked(f"sqlite://{rest}")
    if scheme in {"postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"}:
        return _checked(f"postgresql+psycopg://{rest}")
    raise SettingError(
        "DATABASE_URL", f"{scheme!r} is no database that Hakika speaks.", "Use sqlite:/// or postgresql://"
    )


def _checked(url: str) -> str:
    """The URL, if it can be taken apart. What is wrong with it is not repeated: it may hold a password."""
    try:
        make_url(url)
    except (ArgumentError, ValueError):
        raise SettingError(
            "DATABASE_URL", "it cannot be taken apart.", "Write postgresql://user:password@host:5432/database."
        ) from None
    return url
