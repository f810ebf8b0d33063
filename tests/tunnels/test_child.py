"""What the log of a program that we started tells, where it cannot be asked."""

import asyncio
import sys

import pytest

from hakika.serving.tunnels.agents import Target
from hakika.serving.tunnels.child import Child, start_child
from hakika.serving.tunnels.local import open_local_api
from hakika.serving.tunnels.ngrok import Ngrok

pytestmark = pytest.mark.anyio

SAFE, PLAIN = "https://ab12.ngrok.io", "http://ab12.ngrok.io"
OURS = Target("http://127.0.0.1:8000", 8000)
ENDLESS, LONG = "x", 300_000
LINE = '{"lvl": "info", "msg": "started tunnel", "addr": "http://localhost:8000", "url": "%s"}'


class Talking(Ngrok):
    """A program that writes these lines and ends."""

    def __init__(self, *lines: str) -> None:
        self._lines = lines

    def command(self, program: str, _: Target) -> list[str]:
        """See `agents.Agent`."""
        said = "; ".join(f"print({line!r} * {LONG if line == ENDLESS else 1})" for line in self._lines)
        return [program, "-S", "-c", said or "pass"]


async def hear(*lines: str) -> Child:
    """A program that wrote these lines, after its end."""
    child, over = await start_child(Talking(*lines), sys.executable, OURS, 0), asyncio.Event()
    child.follow(lambda: over.set() if child.ended else None)
    async with asyncio.timeout(20):
        await over.wait()
    await child.end()
    return child


@pytest.mark.parametrize(
    ("urls", "target", "origins"),
    [
        ([PLAIN, SAFE], OURS, (SAFE,)),
        ([SAFE, PLAIN], OURS, (SAFE,)),
        ([PLAIN], OURS, ()),
        ([PLAIN], OURS._replace(plain=True), (PLAIN,)),
        ([], OURS, ()),
    ],
)
async def test_https_is_taken_of_what_its_log_told(urls: list[str], target: Target, origins: tuple[str, ...]) -> None:
    """Safaricom posts to https alone; the simulator takes what there is."""
    child = await hear(*(LINE % url for url in urls))
    async with open_local_api() as api:
        assert (await child.look(api, target)).origins == origins


async def test_a_line_without_end_is_passed_over() -> None:
    """What is longer than any line that tells something costs nothing but itself."""
    child = await hear(ENDLESS, LINE % SAFE)
    assert child.origin == SAFE
