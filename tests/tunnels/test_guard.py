"""A program that we started ends with us, however we end."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hakika.serving.tunnels.child import GUARD
from tests.tunnels.life import DEADLINE_S, Life

STUBBORN = "import os,signal,sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.open('life', os.O_RDWR)"
PATIENT = "import os; os.open('life', os.O_RDWR)"
WAITING = "; print('ready', flush=True); __import__('threading').Event().wait()"


@pytest.fixture
def life(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    """Give the FIFO that the programs here hold."""
    monkeypatch.chdir(place)
    held = Life(place)
    yield held
    held.close()


def guard(*command: str) -> subprocess.Popen[bytes]:
    """A program under a guard."""
    whole = [sys.executable, "-I", str(GUARD), *command]
    return subprocess.Popen(whole, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@contextmanager
def run(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """Python under a guard, once it says that it is ready."""
    with guard(sys.executable, "-S", "-c", code + WAITING) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"ready\n"
        yield started


@pytest.mark.parametrize("code", [PATIENT, STUBBORN], ids=["patient", "stubborn"])
def test_it_ends_when_nobody_holds_its_lifeline(code: str, life: Life) -> None:
    """The pipe closes however its holder died; a program that does not listen is killed."""
    with run(code) as started:
        assert started.stdin is not None
        started.stdin.close()
        assert life.is_over()
    assert started.returncode != 0


def test_it_ends_with_its_guard(life: Life) -> None:
    """The guard is told to end, and passes it on."""
    with run(PATIENT) as started:
        started.terminate()
        assert life.is_over()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with a parent that was killed")
def test_it_ends_with_its_killed_guard(life: Life) -> None:
    """Even SIGKILL for the guard leaves nothing behind."""
    with run(PATIENT) as started:
        started.kill()
        assert life.is_over()


def test_its_end_is_the_guards(place: Path) -> None:
    """The exit code is handed on, and a program that cannot be started is said."""
    with guard(sys.executable, "-S", "-c", "raise SystemExit(7)") as started:
        assert started.wait(DEADLINE_S) == 7
    (place / "broken").write_text("")
    with guard(str(place / "broken")) as started:
        assert started.stdout is not None
        assert b"error starting" in started.stdout.read()
        assert started.wait(DEADLINE_S) == 127
