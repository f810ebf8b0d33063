"""What all tests of the store share: a store on each database."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hakika.store import Store, open_store
from hakika.store.databases.sqlite import SqliteStore
from hakika.store.migrations import upgrade


@pytest.fixture
async def store(migrated_database_url: str, anyio_backend: str) -> AsyncIterator[Store]:
    """A store on each database."""
    opened = open_store(migrated_database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite(tmp_path: Path, anyio_backend: str) -> AsyncIterator[SqliteStore]:
    """A store on SQLite, for what only it does."""
    url = f"sqlite:///{tmp_path / 'hakika.db'}"
    upgrade(url)
    opened = SqliteStore(url)
    yield opened
    await opened.close()


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated PostgreSQL database, for what only it does."""
    server = request.getfixturevalue("postgres")
    with server.lend(request.getfixturevalue("migrated_postgres_template")) as name:
        yield server.url(name)
