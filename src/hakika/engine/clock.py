"""Time, handed in. Everything of ours reads UTC milliseconds from one clock and waits by it.

Production runs at speed 1. The demo's scenarios run faster, simulator and server alike.
"""

import asyncio
import time


class Clock:
    """UTC milliseconds since 1970, `speed` times as fast as the wall since an anchor: else, since it was made."""

    def __init__(self, speed: float = 1.0, anchor_ms: float | None = None) -> None:
        """`anchor_ms` is a moment of the wall's clock; processes that have the same one have the same time."""
        self.speed = speed
        self._anchor_ms = time.time_ns() / 1_000_000 if anchor_ms is None else anchor_ms

    def __call__(self) -> int:
        """The time now."""
        wall_ms = time.time_ns() / 1_000_000
        if self.speed == 1.0:
            return int(wall_ms)  # the wall's own corrections count
        return int(self._anchor_ms + (wall_ms - self._anchor_ms) * self.speed)

    def seconds(self, duration_ms: float) -> float:
        """How long `duration_ms` of this clock is on the wall."""
        return max(0.0, duration_ms) / 1000 / self.speed

    async def wait_for(self, event: asyncio.Event, duration_ms: float) -> bool:
        """Wait until `event` is set, at most so long. → whether it was set."""
        try:
            async with asyncio.timeout(self.seconds(duration_ms)):  # `wait_for` would make a task for each who waits
                await event.wait()
        except TimeoutError:
            return False
        return True
