"""A time-out for very many short waits."""

import asyncio

import pytest

from hakika.engine.patience import Patience

pytestmark = pytest.mark.anyio


async def test_who_waits_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A TimeoutError in each of those, and the task can go on waiting for something else."""
    monkeypatch.setattr("hakika.engine.patience.LASTS_S", 0.01)
    patience, never = Patience(), asyncio.Event()

    async def wait() -> str:
        try:
            with patience.limit():
                await never.wait()
        except TimeoutError:
            await asyncio.sleep(0)
            return "late"
        return "in time"

    assert await asyncio.gather(*(wait() for _ in range(100))) == ["late"] * 100
    assert patience._timer is None


async def test_who_is_in_time_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where others of the same task were late, and whatever the block raises comes out."""
    monkeypatch.setattr("hakika.engine.patience.LASTS_S", 0.01)
    patience = Patience()
    with patience.limit():
        await asyncio.sleep(0)
    with pytest.raises(TimeoutError), patience.limit():
        await asyncio.Event().wait()
    with pytest.raises(ZeroDivisionError), patience.limit():
        raise ZeroDivisionError


async def test_who_is_cancelled_is_cancelled() -> None:
    """A server that stops is no time-out."""
    patience = Patience()

    async def wait() -> None:
        with patience.limit():
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_one_timer_serves_all() -> None:
    """However many wait: that is what it is for."""
    patience, timers = Patience(), set()
    for _ in range(1_000):
        with patience.limit():
            timers.add(patience._timer)
    assert len(timers) == 1
