"""Whether stand-ins live: each holds a FIFO open for writing, however it dies."""

import os
import select
from pathlib import Path

DEADLINE_S = 20.0


class Life:
    """The reading end of the FIFO that every stand-in of a directory holds."""

    def __init__(self, place: Path) -> None:
        self._end = os.open(place / "life", os.O_RDONLY | os.O_NONBLOCK)

    def is_over(self, within_s: float = DEADLINE_S) -> bool:
        """Wait until nobody holds it any more. → whether that came about."""
        poll = select.poll()
        poll.register(self._end, 0)  # hanging up is always told
        return bool(poll.poll(within_s * 1000))

    def close(self) -> None:
        """Let go."""
        os.close(self._end)
