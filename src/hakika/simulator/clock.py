"""The network's time: the wall's, or a multiple of it, counted from an anchor that several processes can share."""

import time

TICKS_PER_MS = 10
"""Receipts count from the time of the start in ticks: a run would have to write 10,000 a second to reach the next."""


class Clock:
    """Epoch milliseconds that pass `speed` times as fast as the wall's since the anchor."""

    def __init__(self, speed: float = 1.0, anchor_ms: int | None = None) -> None:
        if speed <= 0:
            raise ValueError("speed must be above 0")
        self.speed = speed
        self._started_ms = time.time() * 1000
        self._started_monotonic_ms = time.monotonic() * 1000
        self._anchor_ms = self._started_ms if anchor_ms is None else anchor_ms

    def now_ms(self) -> int:
        """Say what time it is; it never runs backwards, even where the wall's clock is set."""
        wall_ms = self._started_ms + time.monotonic() * 1000 - self._started_monotonic_ms
        return int(self._anchor_ms + (wall_ms - self._anchor_ms) * self.speed)

    def wall_s(self, duration_ms: float) -> float:
        """Say how many seconds on the wall a duration takes."""
        return max(duration_ms, 0) / 1000 / self.speed


def receipts_from_now() -> int:
    """Say where the receipts of a run begin that starts now: past those of every run before it."""
    return time.time_ns() * TICKS_PER_MS // 1_000_000
