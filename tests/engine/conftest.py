"""What all tests of the engine share: a clock that stands still, a scripted Daraja, a till on each database."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hakika.store.webhooks.endpoints import EndpointRow
from tests.engine.payers import AfricasTalking, Office, opening, talking
from tests.engine.receiver import Post, Receiver, posting, receiving
from tests.engine.till import HeldClock, ScriptedDaraja, Till
from tests.engine.watching import Watched, set_hour


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


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A merchant's receiver."""
    async with receiving() as opened:
        yield opened


@pytest.fixture
async def post(migrated_database_url: str, clock: HeldClock) -> AsyncIterator[Post]:
    """Delivering, on each database."""
    async with posting(migrated_database_url, clock) as opened:
        yield opened


@pytest.fixture
async def hook(post: Post, receiver: Receiver) -> EndpointRow:
    """An endpoint that leads to the receiver."""
    return (await post.add(f"http://127.0.0.1:{receiver.port}/hook"))[1]


@pytest.fixture
async def sms(anyio_backend: str) -> AsyncIterator[tuple[AfricasTalking, str]]:
    """An Africa's Talking, and its URL."""
    async with talking() as opened:
        yield opened


@pytest.fixture
async def office(till: Till, sms: tuple[AfricasTalking, str]) -> AsyncIterator[Office]:
    """Messages to payers, on each database."""
    async with opening(till, sms[1]) as opened:
        yield opened


@pytest.fixture
async def watched(till: Till) -> Watched:
    """A till that is watched, in the morning, on each database."""
    set_hour(till.clock, 10)
    return Watched(till)


@pytest.fixture
async def light(light_till: Till) -> Watched:
    """The same on SQLite alone: for what no database sees differently."""
    set_hour(light_till.clock, 10)
    return Watched(light_till)


@pytest.fixture
async def light_till(
    migrated_sqlite_file: Path, tmp_path: Path, clock: HeldClock, daraja: ScriptedDaraja, anyio_backend: str
) -> AsyncIterator[Till]:
    """One node on SQLite."""
    shutil.copyfile(migrated_sqlite_file, tmp_path / "light.db")
    node = await Till(f"sqlite:///{tmp_path / 'light.db'}", clock, daraja).open()
    yield node
    await node.close()
