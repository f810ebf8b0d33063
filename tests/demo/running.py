"""A demo in a process of its own, as a newcomer runs it."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hakika.demo.surroundings import LOOPBACK, PortTaken, find_free_port, listen

SOURCE = Path(__file__).parents[2] / "src"
START_WITHIN_S = 30


@dataclass
class Demo:
    """A running demo."""

    process: subprocess.Popen[str]
    port: int
    printed: str

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def api_key(self) -> str:
        """The key that it printed."""
        found = re.search(r"hk_test_[0-9a-f]+", self.printed)
        assert found, self.printed
        return found[0]

    def stop(self) -> tuple[int, str]:
        """Press Ctrl-C. → the exit code and all that was printed."""
        self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=20)
        return self.process.returncode, self.printed + rest


def find_two_free_ports() -> int:
    """Find a port whose successor is free as well."""
    while True:
        port = find_free_port()
        try:
            listen(LOOPBACK, port + 1).close()
        except (PortTaken, OverflowError):
            continue
        return port


@contextmanager
def running_demo(directory: Path, **environment: str) -> Iterator[Demo]:
    """Run a demo in a directory until the block ends."""
    port = find_two_free_ports()
    process = subprocess.Popen(
        [sys.executable, "-m", "hakika.cli", "demo", "--port", str(port)],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        printed = ""
        while "Ctrl-C" not in printed:
            line = process.stdout.readline()
            assert line, f"the demo did not start:\n{printed}"
            printed += line
        yield Demo(process, port, printed)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def fetch(url: str, body: bytes | None = None, **headers: str) -> str:
    """Fetch a page, or post JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **named})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        return str(response.read().decode())


def elapsed_s(started: float) -> float:
    """How long ago something started."""
    return time.monotonic() - started
