"""Choosing the database by its URL."""

from collections.abc import Callable
from typing import Protocol, TypeVar

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

    async def write(self, job: Callable[[Transaction], T]) -> T:
        """Run a job in one transaction; all of it holds, or nothing."""

    def read_now(self, job: Callable[[Transaction], T]) -> T:
        """Like `read`, waiting for it."""

    def write_now(self, job: Callable[[Transaction], T]) -> T:
        """Like `write`, waiting for it."""

    async def close(self) -> None:
        """Finish what is queued and let go."""


def open_store(database_url: str) -> Store:
    """`sqlite:///hakika.db`, `postgresql://…` → a Store. The schema must be there: see `migrations.upgrade`.

    Raises SettingError when the URL names no database that we speak.
    """
    url = driver_url(database_url)
    if url.startswith("sqlite"):
        from hakika.store.sqlite import SqliteStore  # noqa: PLC0415 - a start loads one database, not both

        return SqliteStore(url)
    from hakika.store.postgres import PostgresStore  # noqa: PLC0415

    return PostgresStore(url)


def driver_url(database_url: str) -> str:
    """The URL with our driver in it: `postgresql://` and `postgres://` → `postgresql+psycopg://`."""
    scheme, separator, rest = database_url.partition("://")
    if not separator:
        raise SettingError("DATABASE_URL", "it is not a URL.", "Write sqlite:///hakika.db or postgresql://…")
    if scheme in {"sqlite", "sqlite+pysqlite"}:
        if rest in {"", "/", "/:memory:"}:
            raise SettingError("DATABASE_URL", "it names no file.", "Write sqlite:///hakika.db")
        return f"sqlite://{rest}"
    if scheme in {"postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"}:
        return f"postgresql+psycopg://{rest}"
    raise SettingError(
        "DATABASE_URL", f"{scheme!r} is no database that Hakika speaks.", "Use sqlite:/// or postgresql://"
    )
