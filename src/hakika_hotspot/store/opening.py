"""Opening a database, and running jobs in transactions: at once, in threads, committed whole or not at all."""

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine, Select, create_engine, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from hakika_hotspot.store.upgrades import upgrade

T = TypeVar("T")
Transaction: TypeAlias = Connection
Job: TypeAlias = Callable[[Transaction], T]

BUSY_TIMEOUT_MS = 5_000
TRIES = 4  # two nodes that granted the same payment at once: the second try sees what the first one did
PRAGMAS = (f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


def open_store(url: str) -> "Store":
    """Open a database, made or upgraded where it has to be: `sqlite:///hotspot.db`, `postgresql://…`."""
    parsed = make_url(url)
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        _keep_private(Path(parsed.database))
    store = Store(parsed.render_as_string(hide_password=False))
    store.write_now(upgrade)
    return store


class Store:
    """A database, and who waits for it to change."""

    def __init__(self, url: str) -> None:
        self.is_sqlite = url.startswith("sqlite")
        self._writer = _open_engine(url, "BEGIN IMMEDIATE") if self.is_sqlite else _open_engine(url)
        self._reader = _open_engine(url, "BEGIN") if self.is_sqlite else self._writer
        self._one_writer = threading.Lock()
        self._changed = asyncio.Event()

    async def read(self, job: Job[T]) -> T:
        """Run a job that only reads."""
        return await asyncio.to_thread(self.read_now, job)

    async def write(self, job: Job[T], *, tell: bool = False) -> T:
        """Run a job that writes. `tell`: whoever waits in `changed` looks again."""
        done = await asyncio.to_thread(self.write_now, job)
        if tell:
            self.tell()
        return done

    def tell(self) -> None:
        """Let whoever waits in `changed` look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def news(self) -> asyncio.Event:
        """What is set when something is told next. Who takes it before looking misses nothing that comes meanwhile."""
        return self._changed

    async def changed(self, within_s: float, news: asyncio.Event | None = None) -> None:
        """Wait until something was told, since `news` was taken or from now on, at most so long."""
        # Not wait_for: before Python 3.12 a change at the moment of a cancellation makes it forget the cancellation.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await (news or self._changed).wait()

    def read_now(self, job: Job[T]) -> T:
        """Read, in this thread."""
        with self._reader.connect() as tx:
            return job(tx)

    def write_now(self, job: Job[T]) -> T:
        """Write, in this thread. What raises leaves nothing behind; what met another node is run again."""
        for left in reversed(range(TRIES)):
            try:
                with self._alone(), self._writer.begin() as tx:
                    return job(tx)
            except DBAPIError as error:
                if not left or not _is_worth_another_try(error):
                    raise
        raise AssertionError

    async def close(self) -> None:
        """Let go of the database."""
        self._writer.dispose()
        self._reader.dispose()

    def _alone(self) -> contextlib.AbstractContextManager[object]:
        return self._one_writer if self.is_sqlite else contextlib.nullcontext()


def lock_name(tx: Transaction, name: str) -> None:
    """Keep others who lock the same name waiting until this transaction ends. SQLite has one writer anyway."""
    if tx.dialect.name == "postgresql":
        tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def for_update(tx: Transaction, statement: Select[Any]) -> Select[Any]:
    """Lock what is read, where rows can be locked."""
    return statement.with_for_update() if tx.dialect.name == "postgresql" else statement


def skip_locked(tx: Transaction, statement: Select[Any]) -> Select[Any]:
    """Lock what is read and pass over what others hold, where rows can be locked."""
    return statement.with_for_update(skip_locked=True) if tx.dialect.name == "postgresql" else statement


def _is_worth_another_try(error: DBAPIError) -> bool:
    return isinstance(error, IntegrityError | OperationalError)


def _open_engine(url: str, begin: str = "") -> Engine:
    if not begin:
        return create_engine(url, pool_pre_ping=True, hide_parameters=True)
    engine = create_engine(
        url, connect_args={"check_same_thread": False, "isolation_level": None}, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: sqlite3.Connection, _: object) -> None:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin_it(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _keep_private(path: Path) -> None:
    """Make the file for its owner alone: it has payers' numbers, and vouchers that are worth money."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
