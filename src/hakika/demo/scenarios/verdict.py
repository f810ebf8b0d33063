"""The last row: `hakika verify` replays all evidence and compares it with what the database says."""

import asyncio

from hakika.demo.scenarios.result import Result
from hakika.demo.scenarios.server import Server

VERIFY_WITHIN_S = 60
CONSISTENT = "consistent"
SHOWN = 500
TITLE = "hakika verify, at the end"


async def verify(server: Server) -> Result:
    """Verify the database of a server that has stopped."""
    try:
        async with asyncio.timeout(VERIFY_WITHIN_S):
            code, printed = await server.run("verify", "--json")
    except TimeoutError:
        code, printed = 1, b"no answer in time"
    if code == 0:
        return Result("verify", TITLE, CONSISTENT, CONSISTENT)
    broken = [printed.decode(errors="replace").strip()[-SHOWN:]]
    return Result("verify", TITLE, CONSISTENT, f"exit code {code}", broken=broken)
