"""A hotspot for each test, on SQLite and on PostgreSQL; the Hakika beside it is on SQLite."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.hotspot.hut import Hut, open_hut


@pytest.fixture
def hakika_url(tmp_path: Path, migrated_sqlite_file: Path) -> str:
    """Give the URL of a Hakika's database."""
    shutil.copyfile(migrated_sqlite_file, tmp_path / "hakika-server.db")
    return f"sqlite:///{tmp_path / 'hakika-server.db'}"


@pytest.fixture
async def hut(hakika_url: str, database_url: str, tmp_path: Path) -> AsyncIterator[Hut]:
    """Open a hotspot on each kind of database in turn."""
    async with open_hut(hakika_url, database_url, tmp_path) as opened:
        yield opened


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Give the URL of a hotspot's database, for what the kind of database cannot matter to."""
    return f"sqlite:///{tmp_path / 'hotspot.db'}"


@pytest.fixture
async def light_hut(hakika_url: str, sqlite_url: str, tmp_path: Path) -> AsyncIterator[Hut]:
    """Open a hotspot on SQLite alone."""
    async with open_hut(hakika_url, sqlite_url, tmp_path) as opened:
        yield opened
