"""A machine to run `hakika` on: a directory, an environment with nothing else in it, and processes that end with it."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from tests.hatchery import Hatched, run_hakika, start_hakika

ROOT = Path(__file__).parents[2]
DEADLINE_S = 30
SPEED = "10"
ACCOUNT = {
    "MPESA_ENVIRONMENT": "simulator",
    "MPESA_CONSUMER_KEY": "sim-key",
    "MPESA_CONSUMER_SECRET": "sim-secret",
    "MPESA_SHORTCODE": "174379",
    "MPESA_PASSKEY": "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919",
}
PAYS, HAS_NO_FUNDS, RINGS = "254708374149", "254708374150", "254712345678"


class Machine:
    """Runs commands in its directory."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.directory = directory
        self.environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **environment}
        self._running: list[Hatched] = []

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return run_hakika(arguments, self.directory, {**self.environment, **environment}, DEADLINE_S * 2)

    def ask(self, *arguments: str, **environment: str) -> tuple[int, dict[str, Any]]:
        """Run a command with --json. → its exit code and document."""
        done = self.run(*arguments, "--json", **environment)
        assert "Traceback" not in done.stderr, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, document

    def start(self, *arguments: str, **environment: str) -> Hatched:
        """Start a command that goes on."""
        environment = {**self.environment, **environment}
        process = start_hakika(arguments, self.directory, environment, self.directory / "errors.log")
        self._running.append(process)
        return process

    def serve(self, *arguments: str, **environment: str) -> tuple[Hatched, dict[str, Any]]:
        """Start a server on a free port. → its process and what it says it runs with."""
        process = self.start("serve", "--port", "0", "--json", *arguments, **environment)
        return process, self._read_line(process)

    def simulate(self) -> str:
        """Start a simulator. → its URL."""
        return str(self._read_line(self.start("simulate", "--port", "0", "--speed", SPEED, "--json"))["url"])

    def _read_line(self, process: Hatched) -> dict[str, Any]:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (self.directory / "errors.log").read_text()
        document: dict[str, Any] = json.loads(line)
        return document

    def stop(self, process: Hatched, number: int = signal.SIGTERM) -> int:
        """Tell a process to stop. → its exit code."""
        process.send_signal(number)
        return process.wait(DEADLINE_S)

    def close(self) -> None:
        """End everything that was started."""
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.wait(DEADLINE_S)
            if process.stdout is not None:
                process.stdout.close()


def tell_simulator(url: str, path: str, body: dict[str, Any]) -> None:
    """Tell the simulator what to do next."""
    request = Request(f"{url}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    build_opener(ProxyHandler({})).open(request, timeout=DEADLINE_S).close()
