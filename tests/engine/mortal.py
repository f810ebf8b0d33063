"""A process that delivers and stops in a gap, to be killed there: `python -m tests.engine.mortal URL PORT GAP NOW`."""

import asyncio
import sys
from typing import Any

from tests.engine.receiver import posting
from tests.engine.till import HeldClock


async def deliver(url: str, gap: str, now_ms: int) -> None:
    """Deliver what is due, up to the gap: what was taken is not sent, or what was sent is not recorded."""
    clock = HeldClock()
    clock.now_ms = now_ms
    async with posting(url, clock, within_s=10) as post:

        async def stop(*_: Any) -> None:
            print(gap, flush=True)
            await asyncio.Event().wait()

        deliverer: Any = post.deliverer
        if gap == "taken":
            deliverer._send = stop
        else:
            deliverer._write = stop
        await deliverer.run_once()
        while not deliverer._sent:
            await deliverer.run_once()


if __name__ == "__main__":
    asyncio.run(deliver(sys.argv[1], sys.argv[3], int(sys.argv[4])))
