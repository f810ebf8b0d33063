"""Waiting for the end of a payment."""

import asyncio
import time
from collections.abc import Callable, MutableMapping
from typing import Any

import pytest

from tests.api.house import API_KEY, Open, result

pytestmark = pytest.mark.anyio


def watchers(hakika: Open) -> int:
    """How many wait in this process."""
    return sum(len(events) for events in hakika.house.ledger.notices._waiting.values())


async def until(holds: Callable[[], bool]) -> None:
    """Let the others run until something holds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is awaited has no event of its own
            await asyncio.sleep(0)


async def until_watched(hakika: Open, count: int) -> None:
    """Let the others run until so many wait."""
    await until(lambda: watchers(hakika) >= count)


async def test_what_has_ended_is_answered_at_once(hakika: Open) -> None:
    """No time passes."""
    payment, path = await hakika.prompt()
    await hakika.post(path, result("ws_CO_1", code=1032))
    answer = await hakika.api.get(f"/v1/payments/{payment['id']}/wait?timeout=300")
    assert answer.json()["status"] == "cancelled"
    assert watchers(hakika) == 0


async def test_the_commit_wakes_who_waits(hakika: Open) -> None:
    """Within a tenth of a second of the callback's answer, though the clock stands still; nobody is left behind."""
    payment, path = await hakika.prompt()
    waiting = asyncio.create_task(hakika.api.get(f"/v1/payments/{payment['id']}/wait"))
    await until_watched(hakika, 1)
    await hakika.post(path, result("ws_CO_1"))
    committed = time.perf_counter()
    answer = await waiting
    assert time.perf_counter() - committed < 0.1
    assert answer.json()["status"] == "completed"
    assert watchers(hakika) == 0


async def test_at_the_timeout_it_answers_as_it_is(hakika: Open) -> None:
    """Pending, with 200: the payment goes on without the caller. Zero seconds only look."""
    payment, _ = await hakika.prompt()
    look = await hakika.api.get(f"/v1/payments/{payment['id']}/wait?timeout=0")
    assert (look.status_code, look.json()["status"]) == (200, "pending")
    waiting = asyncio.create_task(hakika.api.get(f"/v1/payments/{payment['id']}/wait?timeout=30"))
    await until_watched(hakika, 1)
    while not waiting.done():
        hakika.clock.pass_s(5)
        await asyncio.sleep(0)
    assert (await waiting).json()["status"] == "pending"
    assert watchers(hakika) == 0


async def test_who_leaves_is_forgotten(hakika: Open) -> None:
    """A client that disconnects leaves no watcher and no polling of the database behind."""
    payment, _ = await hakika.prompt()
    gone, first = asyncio.Event(), True

    async def receive() -> MutableMapping[str, Any]:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(_: MutableMapping[str, Any]) -> None:
        """Nobody hears it."""

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": f"/v1/payments/{payment['id']}/wait", "raw_path": b"", "query_string": b"timeout=300", "root_path": "",
        "headers": [(b"authorization", f"Bearer {API_KEY}".encode())], "client": ("127.0.0.1", 1), "server": ("x", 80),
    }  # fmt: skip
    serving = asyncio.ensure_future(hakika.asgi(scope, receive, send))
    await until_watched(hakika, 1)
    gone.set()
    await serving
    assert watchers(hakika) == 0
    assert not hakika.house.ledger.notices._waiting


async def test_a_thousand_wait_at_once(hakika: Open) -> None:
    """All are answered by one commit, and none is left in the registry."""
    payment, path = await hakika.prompt()
    url = f"/v1/payments/{payment['id']}/wait"
    waiting = [asyncio.create_task(hakika.api.get(url)) for _ in range(1000)]
    await until_watched(hakika, 1000)
    await hakika.post(path, result("ws_CO_1"))
    answers = await asyncio.gather(*waiting)
    assert {answer.json()["status"] for answer in answers} == {"completed"}
    assert not hakika.house.ledger.notices._waiting


BAD_TIMEOUTS = ["-1", "301", "nan", "inf", "soon", ""]


@pytest.mark.parametrize("seconds", BAD_TIMEOUTS)
async def test_a_timeout_that_is_none_is_refused(shared_lite: Open, seconds: str) -> None:
    """422 naming the field, for a number out of range and for no number."""
    place = BAD_TIMEOUTS.index(seconds)
    payment = await shared_lite.ask(phone=f"071900000{place}", reference=f"timeout-{place}")
    refused = await shared_lite.api.get(f"/v1/payments/{payment['id']}/wait?timeout={seconds}")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "timeout")
