"""The server as a child process: what is played is what runs in production, and it can be killed."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

STOP_WITHIN_S = 15


class Server:
    """One server process at a time, always with the same settings. It ends only what it started."""

    def __init__(self, port: int, environment: Mapping[str, str], directory: Path) -> None:
        """It runs in `directory`, and writes its log there."""
        self.port, self.environment, self.directory = port, environment, directory
        self.log = directory / "server.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start a process. It answers a little later."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "hakika.cli", "serve", "--port", str(self.port),
                env=self.environment, cwd=self.directory, stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL,
            )  # fmt: skip

    async def until_dead(self) -> int:
        """Wait until the process has ended by itself. → its exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def kill(self) -> None:
        """End the process as a power cut would: SIGKILL, nothing is finished."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Ask the process to end, and see to it that it does."""
        if self._process is None or self._process.returncode is not None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN_S):
                await self._end(signal.SIGTERM)
        if self._process.returncode is None:
            await self.kill()

    async def run(self, *command: str) -> tuple[int, bytes]:
        """Run one of Hakika's commands with the server's settings. → its exit code and what it printed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hakika.cli", *command,
            env=self.environment, cwd=self.directory, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        printed, complained = await process.communicate()
        return process.returncode or 0, printed or complained

    async def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        await self._process.wait()
