"""`hakika` as a process of its own that starts in 20 ms: forked from one that has imported everything already.

A fresh interpreter needs 0.7 s of computing to import what a command needs, and the tests run hundreds of commands.
What is forked has its own directory, environment, pipes and end, as any process has; only its imports are there before.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[1]
LONGEST_MESSAGE = 1 << 20


class Hatched:
    """A process, with what tests use of `subprocess.Popen`."""

    def __init__(self, hatchery: "Hatchery", pid: int, stdout: IO[str] | None) -> None:
        self.pid, self.stdout, self.returncode = pid, stdout, None if pid else 0
        self._hatchery, self._ended = hatchery, os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. → its exit code. Raises subprocess.TimeoutExpired."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(["hakika"], timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to stop."""
        self.send_signal(signal.SIGTERM)

    def _look(self, timeout_s: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], timeout_s)[0]:
            os.close(self._ended)
            self.returncode = self._hatchery.reap(self.pid)
        return self.returncode


class Hatchery:
    """The process that all are forked from."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Its environment is as empty as that of the commands: what depends on it when Python starts is then the same.
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
        command = [sys.executable, "-m", "tests.hatchery", str(theirs.fileno())]
        self._process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
        )
        theirs.close()
        self._line = ours

    def start(
        self, arguments: Sequence[str], directory: Path, environment: Mapping[str, str], stdout: int, stderr: int
    ) -> Hatched:
        """Start `hakika` with these arguments. `stdout` and `stderr`: what it writes to."""
        told = {"arguments": list(arguments), "directory": str(directory), "environment": dict(environment)}
        socket.send_fds(self._line, [json.dumps(told).encode()], [stdout, stderr])
        return Hatched(self, json.loads(self._line.recv(LONGEST_MESSAGE)), None)

    def reap(self, pid: int) -> int:
        """The exit code of what has ended; negative where a signal ended it, as `subprocess` says it."""
        self._line.send(json.dumps({"reap": pid}).encode())
        return int(json.loads(self._line.recv(LONGEST_MESSAGE)))

    def close(self) -> None:
        """End it. What was forked from it goes on."""
        self._line.close()
        self._process.wait(30)


@functools.cache
def hatchery() -> Hatchery:
    """The one of this process."""
    made = Hatchery()
    atexit.register(made.close)
    return made


def run_hakika(
    arguments: Sequence[str], directory: Path, environment: Mapping[str, str], timeout_s: float
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    with contextlib.ExitStack() as stack:
        written, complained = (os.fdopen(os.memfd_create("out"), "w+b") for _ in range(2))
        stack.enter_context(written)
        stack.enter_context(complained)
        process = hatchery().start(arguments, directory, environment, written.fileno(), complained.fileno())
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout_s)
            raise
        texts = [_read(file) for file in (written, complained)]
    return subprocess.CompletedProcess(["hakika", *arguments], code, *texts)


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def start_hakika(
    arguments: Sequence[str], directory: Path, environment: Mapping[str, str], complaints: Path
) -> Hatched:
    """Start a command that goes on; what it writes is read from `stdout`, what it complains of goes to that file."""
    reading, writing = os.pipe()
    with complaints.open("ab") as errors:
        process = hatchery().start(arguments, directory, environment, writing, errors.fileno())
    os.close(writing)
    process.stdout = os.fdopen(reading, encoding="utf-8")
    return process


# ── in the process that all are forked from ──────────────────────────────


def hatch(line: socket.socket) -> None:
    """Fork a process for each message, until nobody sends any more."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(line, LONGEST_MESSAGE, 2)
        if not message:
            return
        told: dict[str, Any] = json.loads(message)
        if "reap" in told:
            _, status = os.waitpid(told["reap"], 0)
            line.send(json.dumps(os.waitstatus_to_exitcode(status)).encode())
            continue
        pid = os.fork()
        if pid == 0:
            line.close()
            become(told, *descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        line.send(json.dumps(pid).encode())


def become(told: Mapping[str, Any], stdout: int, stderr: int) -> None:
    """Be the command."""
    for descriptor, place in ((stdout, 1), (stderr, 2)):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.chdir(told["directory"])
    os.environ.clear()
    os.environ.update(told["environment"])
    time.tzset()
    sys.argv = ["hakika", *told["arguments"]]
    from hakika.cli import main  # noqa: PLC0415

    main()


def preload() -> None:
    """Import all that a command may import while it runs, but what is only for agents."""
    import hakika  # noqa: PLC0415
    from hakika.cli.app import registered  # noqa: PLC0415

    for module in pkgutil.walk_packages(hakika.__path__, "hakika."):
        if not module.name.startswith(("hakika.agent", "hakika.store.migrations")) and "__main__" not in module.name:
            importlib.import_module(module.name)
    registered()
    gc.freeze()  # a collection would copy the pages that are shared


if __name__ == "__main__":
    preload()
    hatch(socket.socket(fileno=int(sys.argv[1])))
