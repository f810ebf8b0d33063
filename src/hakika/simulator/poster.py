"""Posting the callbacks at their times: once each, whatever comes back."""

import asyncio
from contextlib import suppress

import aiohttp

from hakika.simulator.callbacks import CallbackPost
from hakika.simulator.clock import Clock
from hakika.simulator.network import Network

ANSWER_TIMEOUT_S = 30
LONGEST_ANSWER = 4_096
EARLY_TIMEOUT_S = 10
"""How long a push's answer waits at most for a callback that should overtake it."""


class Poster:
    """Sleeps until the next callback is due, or until something happened that may change which that is."""

    def __init__(self, network: Network, clock: Clock) -> None:
        self._network = network
        self._clock = clock
        self._woken = asyncio.Event()
        self._awaited: dict[str, asyncio.Event] = {}

    def wake(self) -> None:
        """Look again at what is due."""
        self._woken.set()

    async def wait_posted(self, checkout_request_id: str) -> None:
        """Wait until the callback of a push has been answered."""
        posted = self._awaited.setdefault(checkout_request_id, asyncio.Event())
        self.wake()
        with suppress(TimeoutError):
            async with asyncio.timeout(EARLY_TIMEOUT_S):
                await posted.wait()
        self._awaited.pop(checkout_request_id, None)

    async def run(self) -> None:
        """Post what is due, for ever."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            while True:
                self._woken.clear()
                for post in self._network.due_callbacks(self._clock.now_ms()):
                    group.create_task(self._post(session, post))
                await self._sleep()

    async def _sleep(self) -> None:
        due_ms = self._network.next_due_ms()
        left_s = None if due_ms is None else self._clock.wall_s(due_ms - self._clock.now_ms())
        with suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                await self._woken.wait()

    async def _post(self, session: aiohttp.ClientSession, post: CallbackPost) -> None:
        status, answer = await self._exchange(session, post)
        self._network.callback_posted(post, status, answer, self._clock.now_ms())
        if awaited := self._awaited.get(post.checkout_request_id):
            awaited.set()

    async def _exchange(self, session: aiohttp.ClientSession, post: CallbackPost) -> tuple[int | None, bytes]:
        try:
            async with session.post(
                post.url, data=post.body, headers=dict(post.headers), allow_redirects=False
            ) as response:
                return response.status, await response.content.read(LONGEST_ANSWER)
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            return None, f"{type(error).__name__}: {error}".encode()
