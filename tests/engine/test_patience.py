"""A time-out for very many short waits."""

import asyncio
from typing import Any

import pytest

from hakika.engine.patience import Patience

pytestmark = pytest.mark.anyio


def limited(patience: Patience) -> asyncio.Future[Any]:
    """An answer that may take so long."""
    answer = asyncio.get_running_loop().create_future()
    patience.limit(answer)
    return answer


async def test_who_waits_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A TimeoutError in each of those, and the task can go on waiting for something else."""
    monkeypatch.setattr("hakika.engine.patience.LASTS_S", 0.01)
    patience = Patience()

    async def wait() -> str:
        try:
            await limited(patience)
        except TimeoutError:
            await asyncio.sleep(0)
            return "late"
        return "in time"

    assert await asyncio.gather(*(wait() for _ in range(100))) == ["late"] * 100
    assert patience._timer is None


async def test_who_is_in_time_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where others of the same task were late, and whatever the answer raises comes out."""
    monkeypatch.setattr("hakika.engine.patience.LASTS_S", 0.01)
    patience = Patience()
    early, wrong = limited(patience), limited(patience)
    early.set_result("in time")
    wrong.set_exception(ZeroDivisionError())
    with pytest.raises(TimeoutError):
        await limited(patience)
    assert await early == "in time"
    with pytest.raises(ZeroDivisionError):
        await wrong


async def test_who_is_cancelled_is_cancelled() -> None:
    """A server that stops is no time-out."""
    patience = Patience()

    async def wait() -> None:
        await limited(patience)

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_one_timer_serves_all() -> None:
    """However many wait: that is what it is for."""
    patience, timers, answers = Patience(), set(), []
    for _ in range(1_000):
        answers.append(limited(patience))
        timers.add(patience._timer)
    assert len(timers) == 1
    for answer in answers:
        answer.cancel()
