"""What the tests of the agent's tools share."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agent.counter import Counter
from tests.api.house import open_house, settings_for


@pytest.fixture
async def counter(migrated_sqlite_file: Path, tmp_path: Path) -> AsyncIterator[Counter]:
    """Give a counter at a house on SQLite: the database is the server's business, not the tools'."""
    shutil.copyfile(migrated_sqlite_file, tmp_path / "lite.db")
    async with open_house(settings_for(f"sqlite:///{tmp_path / 'lite.db'}", tmp_path / "data")) as hakika:
        made = Counter(hakika, tmp_path / "agent")
        yield made
        await made.settle()
