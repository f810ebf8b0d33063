"""A process that marks messages and stops where a test kills it: `python -m tests.engine.mortal_postman …`."""

import asyncio
import sys
from typing import Any

from hakika.logs import configure_logs
from tests.engine.payers import opening
from tests.engine.till import HeldClock, ScriptedDaraja, Till


async def send(url: str, port: str, gap: str, now_ms: int) -> None:
    """Send what is due, up to the gap: what was marked does not leave, or what was taken is not recorded."""
    configure_logs("json", "error")  # on standard error: the gap alone is said on the other
    clock = HeldClock()
    clock.now_ms = now_ms
    till = await Till(url, clock, ScriptedDaraja(clock), seed=5).open()
    async with opening(till, f"http://127.0.0.1:{port}/version1/messaging", within_s=10, seed=6) as office:

        async def stop(*_: Any) -> None:
            print(gap, flush=True)
            await asyncio.Event().wait()

        postman: Any = office.postman
        setattr(postman, "carry" if gap == "marked" else "_record", stop)
        await postman.run_once()


if __name__ == "__main__":
    asyncio.run(send(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
