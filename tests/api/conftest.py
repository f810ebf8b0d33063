"""What the API's tests share: an open house on each database, and one on SQLite where the database does not matter."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.house import Open, open_house, settings_for
from tests.postgres import Postgres


@pytest.fixture
async def hakika(migrated_database_url: str, tmp_path: Path) -> AsyncIterator[Open]:
    """Open a house on each kind of database in turn."""
    async with open_house(settings_for(migrated_database_url, tmp_path / "data")) as opened:
        yield opened


@pytest.fixture
def sqlite_url(migrated_sqlite_file: Path, tmp_path: Path) -> str:
    """Give the URL of a fresh SQLite database."""
    shutil.copyfile(migrated_sqlite_file, tmp_path / "lite.db")
    return f"sqlite:///{tmp_path / 'lite.db'}"


@pytest.fixture
async def lite(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Open]:
    """Open a house on SQLite alone: for what happens before any database is asked."""
    async with open_house(settings_for(sqlite_url, tmp_path / "data")) as opened:
        yield opened


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
async def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, migrated_sqlite_file: Path
) -> AsyncIterator[Open]:
    """Open one house on each kind of database for all tests of a file that do not meet in it."""
    folder = tmp_path_factory.mktemp("shared")
    if request.param == "sqlite":
        shutil.copyfile(migrated_sqlite_file, folder / "shared.db")
        url = f"sqlite:///{folder / 'shared.db'}"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.url(server.create_database(template=request.getfixturevalue("migrated_postgres_template")))
    async with open_house(settings_for(url, folder / "data")) as opened:
        yield opened


@pytest.fixture(scope="module")
async def shared_lite(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite_file: Path) -> AsyncIterator[Open]:
    """The same on SQLite alone."""
    folder = tmp_path_factory.mktemp("shared-lite")
    shutil.copyfile(migrated_sqlite_file, folder / "shared.db")
    async with open_house(settings_for(f"sqlite:///{folder / 'shared.db'}", folder / "data")) as opened:
        yield opened
