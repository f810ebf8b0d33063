"""What all tests of the engine share: a clock that stands still, a scripted Daraja, a till on each database."""

from collections.abc import AsyncIterator

import pytest

from tests.engine.till import HeldClock, ScriptedDaraja, Till


@pytest.fixture
def clock() -> HeldClock:
    """A clock that stands still."""
    return HeldClock()


@pytest.fixture
def daraja(clock: HeldClock) -> ScriptedDaraja:
    """A Daraja that answers as scripted."""
    return ScriptedDaraja(clock)


@pytest.fixture
async def till(
    migrated_database_url: str, clock: HeldClock, daraja: ScriptedDaraja, anyio_backend: str
) -> AsyncIterator[Till]:
    """One node with one account, on each database."""
    node = await Till(migrated_database_url, clock, daraja).open()
    yield node
    await node.close()


@pytest.fixture
async def second_till(till: Till) -> AsyncIterator[Till]:
    """Another node on the same database: on SQLite another process would be one, which waits for the lock."""
    node = await Till(till.url, till.clock, till.daraja, seed=2).open()
    yield node
    await node.close()
