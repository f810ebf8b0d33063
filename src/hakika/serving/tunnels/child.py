"""A tunnel program that we started: what its log told, whether it lives, and its end with ours."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import structlog

from hakika.serving.tunnels.agents import MUTE, Agent, Sighting, Target
from hakika.serving.tunnels.local import Absent, LocalApi, Mute

log = structlog.get_logger("hakika.tunnel")

GUARD = Path(__file__).with_name("guard.py")
ENDS_WITHIN_S = 5.0
_OURS = ("MPESA_", "HAKIKA_", "DATABASE_URL", "CALLBACK_BASE_URL")
"""No stranger's program gets our credentials."""


class Child:
    """Start one with `start_child`."""

    def __init__(self, agent: Agent, process: asyncio.subprocess.Process, started_ms: int) -> None:
        self.agent, self.started_ms = agent, started_ms
        self.origin = self.api = self.trouble = ""
        self._process = process
        self._reading: asyncio.Task[None] | None = None

    @property
    def ended(self) -> bool:
        """Whether it is over, and all that it said is read."""
        return self._reading is not None and self._reading.done()

    def follow(self, changed: Callable[[], None]) -> None:
        """Read its log to the end; `changed` is called when it told something, and when it is over."""
        self._reading = asyncio.create_task(self._read(changed))
        self._reading.add_done_callback(lambda _: changed())

    async def _read(self, changed: Callable[[], None]) -> None:
        assert self._process.stdout is not None
        while True:
            try:
                line = (await self._process.stdout.readline()).decode(errors="replace")
            except ValueError:  # a line longer than the buffer: nothing that we look for
                continue
            if not line:
                break
            self._hear(line.strip(), changed)
        await self._process.wait()

    def _hear(self, line: str, changed: Callable[[], None]) -> None:
        log.debug("tunnel_said", by=self.agent.name, line=line)
        said = self.agent.read_line(line)
        self.api = said.api or self.api
        if said.origin and not (self.origin.startswith("https:") and said.origin.startswith("http:")):
            self.origin = said.origin  # an old ngrok tells both
        self.trouble = said.trouble or self.trouble
        if any(said):
            changed()

    async def look(self, api: LocalApi, target: Target) -> Sighting:
        """What it shows now: what it tells where it can be asked, else what its log told."""
        if not self.api or not self.origin:
            usable = self.origin.startswith("https:") or (target.plain and self.origin)
            return Sighting((self.origin,) if usable else ())
        try:
            return await self.agent.look(api, self.api, target)
        except (Absent, Mute):
            return MUTE

    async def end(self) -> None:
        """End it, and wait for that; not long."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)


async def start_child(agent: Agent, program: str, target: Target, now_ms: int) -> Child:
    """Start a tunnel program under its guard. Raises OSError where no process can be had."""
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(_OURS)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", str(GUARD), *agent.command(program, target)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        start_new_session=True,  # Ctrl-C is for us: callbacks still come while we finish what is under way
    )
    return Child(agent, process, now_ms)
