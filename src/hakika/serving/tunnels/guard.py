"""Run a program that must not outlive whoever asked for it: `python guard.py PROGRAM ARGUMENT …`.

Standard input is the lifeline. It is a pipe that only our parent holds: however that one dies, and if it is by
SIGKILL, the pipe closes, and the program is ended. Nothing but the standard library is imported: it starts at once.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from types import FrameType

ENDED_WITHIN_S = 2.0
NOT_FOUND = 127
_DIE_WITH_PARENT = 1  # Linux: PR_SET_PDEATHSIG


def main(command: list[str]) -> int:
    """Run it until it ends, or until the lifeline does. → its exit code."""
    die_too = _prepare_dying() if sys.platform == "linux" else None
    try:
        # Not yet a program of threads: what runs between fork and exec is safe here.
        running: subprocess.Popen[bytes] = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_too)  # noqa: S603, PLW1509
    except OSError as error:
        sys.stdout.write(f"error starting {command[0]}: {error.strerror}\n")
        return NOT_FOUND

    def end(_: int = 0, __: FrameType | None = None) -> None:
        running.terminate()

    def hold_on() -> None:
        sys.stdin.buffer.read()
        end()
        try:
            running.wait(ENDED_WITHIN_S)
        except subprocess.TimeoutExpired:
            running.kill()

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=hold_on, daemon=True).start()
    return running.wait()


def _prepare_dying() -> Callable[[], None]:
    """What the program does before it begins: be ended when this guard is, even by SIGKILL."""
    system, guard = ctypes.CDLL(None), os.getpid()

    def die_too() -> None:
        system.prctl(_DIE_WITH_PARENT, signal.SIGTERM)
        if os.getppid() != guard:
            os._exit(1)

    return die_too


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code if code >= 0 else 128 - code)  # at once: the lifeline's thread still reads
