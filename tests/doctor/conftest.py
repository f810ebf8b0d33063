"""What the doctor's tests share: a till on each database, and a ground on it on which all is well."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hakika.doctor.ground import Ground
from tests.doctor.street import Authority, Street, open_street
from tests.doctor.surgery import CREDENTIALS, OWN, lay, settle
from tests.engine.till import HeldClock, ScriptedDaraja, Till


@pytest.fixture
def sqlite_url(migrated_sqlite_file: Path, tmp_path: Path) -> str:
    """The URL of a fresh SQLite database."""
    shutil.copyfile(migrated_sqlite_file, tmp_path / "lite.db")
    return f"sqlite:///{tmp_path / 'lite.db'}"


@pytest.fixture
async def till(migrated_database_url: str, anyio_backend: str) -> AsyncIterator[Till]:
    """One node with one account of the sandbox, on each database."""
    clock = HeldClock()
    node = await Till(migrated_database_url, clock, ScriptedDaraja(clock)).open(**OWN, credentials=CREDENTIALS)
    yield node
    await node.close()


@pytest.fixture
def ground(till: Till, tmp_path: Path) -> Ground:
    """A ground on which all is well."""
    return lay(till, settle(till, tmp_path))


# ── for what goes out to the internet ──────────────────────────────


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make one certificate authority for all tests: its keys take a while."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def street(sqlite_url: str, tmp_path: Path, authority: Authority) -> AsyncIterator[Street]:
    """Open a street in which all is well."""
    async with open_street(sqlite_url, tmp_path, authority) as opened:
        yield opened


@pytest.fixture(scope="module")
async def only_street(
    tmp_path_factory: pytest.TempPathFactory, migrated_sqlite_file: Path, authority: Authority
) -> AsyncIterator[Street]:
    """Open one street for all tests of a file that leave nothing in its database."""
    folder = tmp_path_factory.mktemp("street")
    shutil.copyfile(migrated_sqlite_file, folder / "street.db")
    async with open_street(f"sqlite:///{folder / 'street.db'}", folder, authority) as opened:
        yield opened


@pytest.fixture
def well(only_street: Street) -> Street:
    """Give that street, with all well in it."""
    only_street.mend()
    return only_street
