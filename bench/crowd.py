"""Ten thousand who wait, and what makes all of their payments end at once: a process of its own.

Half of them read a stream, half wait for an answer. The callbacks come over a few connections, each as soon as the one
before it was answered.
"""

import asyncio
import gc
import resource
import time
from typing import Any

import uvloop

from bench.payers import build_callback, hear_bench, say
from bench.wire import Lines, build_request

OPENING_AT_ONCE = 64
LONGEST_S = 60.0


class Waiter(asyncio.Protocol):
    """One who waits."""

    def __init__(self, request: bytes, done: "Crowd") -> None:
        self._request, self._done = request, done
        self._transport: Any = None
        self.answered_ns, self.seen = 0, asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport = transport
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Note when the outcome came."""
        self.seen.set()
        if not self.answered_ns and b'"status":"completed"' in data:
            self.answered_ns = time.monotonic_ns()
            self._done.count()
            self._transport.close()


class Crowd:
    """All who wait."""

    def __init__(self) -> None:
        self._waiters: list[Waiter] = []
        self._left = 0
        self._over = asyncio.Event()
        self._called_back: list[int] = []

    def count(self) -> None:
        """One more was answered."""
        self._left -= 1
        if not self._left:
            self._over.set()

    async def open(self, port: int, payments: list[str], authorization: str) -> None:
        """Open all connections. A stream answers at once; a wait says nothing until its payment ends."""
        self._left, room = len(payments), asyncio.Semaphore(OPENING_AT_ONCE)
        loop = asyncio.get_running_loop()

        async def open_one(place: int, payment: str) -> Waiter:
            path = f"/v1/payments/{payment}/" + ("stream" if place % 2 else f"wait?timeout={LONGEST_S * 2}")
            request = build_request("GET", path, authorization)
            async with room:
                _, waiter = await loop.create_connection(lambda: Waiter(request, self), "127.0.0.1", port)
                if place % 2:
                    await waiter.seen.wait()
                return waiter

        self._waiters = await asyncio.gather(*(open_one(place, payment) for place, payment in enumerate(payments)))

    async def end_all(self, port: int, callbacks: list[tuple[str, bytes]], connections: int) -> dict[str, Any]:
        """Have every payment paid. → when each callback was sent, and when its waiter knew."""
        self._called_back = [0] * len(callbacks)
        line, ahead = Lines(port, connections), iter(enumerate(callbacks))

        async def post() -> None:
            for place, (path, body) in ahead:
                answer = await line.ask(build_request("POST", path, body=body))
                assert answer.status == 200, answer
                self._called_back[place] = answer.sent_ns

        began_ns = time.monotonic_ns()
        await asyncio.gather(*(post() for _ in range(connections)))
        posted_ns = time.monotonic_ns()
        async with asyncio.timeout(LONGEST_S):
            await self._over.wait()
        return {
            "burst_s": (posted_ns - began_ns) / 1e9,
            "took_ms": [
                (waiter.answered_ns - sent_ns) / 1e6
                for waiter, sent_ns in zip(self._waiters, self._called_back, strict=True)
            ],
        }


async def main() -> None:
    """Wait with all, say so, and have them answered when told to."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    told = await hear_bench()
    crowd, payments = Crowd(), told["payments"]
    await crowd.open(told["port"], [payment for payment, *_ in payments], f"Authorization: Bearer {told['key']}\r\n")
    say("open")
    await hear_bench()
    gc.disable()  # its pauses would be the server's
    callbacks = [(f"/c/{token}", build_callback(checkout, receipt)) for _, token, checkout, receipt in payments]
    say(await crowd.end_all(told["port"], callbacks, told["connections"]))


if __name__ == "__main__":
    uvloop.run(main())
