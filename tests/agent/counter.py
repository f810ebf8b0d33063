"""A counter: an open house in process, payers who answer by themselves, and an agent's tools in front of it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2

from hakika.agent.assembly import build_toolbox
from hakika.agent.fallback import Query
from hakika.agent.grants import check_grant
from hakika.agent.tools import Toolbox
from hakika.client import AsyncHakika, Retries
from tests.api.house import API_KEY, Open, result

PAYER, OTHER = "0712345678", "0712345679"
SILENT = "silent"
GRANT: dict[str, Any] = {
    "name": "till",
    "mode": "test",
    "per_payment": 1000,
    "per_day": 2000,
    "payers": [PAYER, OTHER],
    "confirm_above": 1000,
}


class Counter:
    """What a test of the tools speaks to."""

    def __init__(self, hakika: Open, folder: Path) -> None:
        self.hakika, self.folder = hakika, folder
        self.answers: dict[str, int | str] = {}
        """Phone → the result code of its prompts; `SILENT` answers nothing; 0 without."""
        self.before: Callable[[dict[str, Any]], None] = lambda _: None
        self._tasks: set[asyncio.Task[None]] = set()
        self._receipts = 0

    @property
    def pushes(self) -> int:
        """How often phones rang."""
        return len(self.hakika.daraja.pushes)

    def toolbox(self, *, query: Query | None = None, key: str = API_KEY, **grant: Any) -> Toolbox:
        """An agent's tools, as after a start: nothing is remembered but what is on the disk."""
        return build_toolbox(
            self.client(key), check_grant(GRANT | grant), data_dir=self.folder, clock=self.hakika.clock, query=query
        )

    def client(self, key: str = API_KEY, transport: httpx2.AsyncBaseTransport | None = None) -> AsyncHakika:
        """A client whose time is the house's."""
        return AsyncHakika(
            key,
            "http://127.0.0.1:9",
            transport=transport or httpx2.ASGITransport(self),
            clock=lambda: self.hakika.clock() / 1000,
            sleep=_pause,
            retries=Retries(tries=3),
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve, and see to it that a new payment is pushed and answered."""
        await self.hakika.asgi(scope, receive, send)
        if (scope["method"], scope["path"]) == ("POST", "/v1/payments"):
            task = asyncio.create_task(self.work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def work(self) -> None:
        """Push what waits, and let each payer answer."""
        pushed = self.pushes
        await self.hakika.worker.run_once()
        for number in range(pushed, self.pushes):
            order = self.hakika.daraja.pushes[number]
            code = self.answers.get("0" + order.phone[3:], 0)
            if code != SILENT:
                self._receipts += 1
                body = result(f"ws_CO_{number + 1}", code=code, amount=order.amount, receipt=f"NLJ{self._receipts:07}")
                await self.hakika.post(order.callback_url.removeprefix("https://pay.example.com"), body)

    async def settle(self) -> None:
        """Let all that was begun come to its end."""
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks)


async def _pause(_: float) -> None:
    for _turn in range(1_000):  # no time passes, but all others have their turn
        await asyncio.sleep(0)


class Lost(httpx2.AsyncBaseTransport):
    """A wire on which requests, or only their answers, are lost: `when` chooses the requests."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, when: Callable[[httpx2.Request], str]) -> None:
        self._inner, self._when = inner, when

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Carry a request, or lose it."""
        what = self._when(request)
        if what == "request":
            raise httpx2.ConnectError("refused", request=request)
        answer = await self._inner.handle_async_request(request)
        if what == "answer":
            await answer.aread()
            raise httpx2.ReadError("reset", request=request)
        return answer
