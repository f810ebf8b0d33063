"""What the tests of tunnels share: time that stands still, and programs on PATH that are stand-ins."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.api.house import StillClock
from tests.tunnels.standin import install


@pytest.fixture
def clock() -> StillClock:
    """Give a clock that a test moves."""
    return StillClock()


@pytest.fixture
def lines() -> Iterator[list[EventDict]]:
    """Give the lines that are logged."""
    with capture_logs() as captured:
        yield captured


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a directory for stand-ins, with no tunnel program on PATH yet; its `life` ends when they all have."""
    os.mkfifo(tmp_path / "life")
    monkeypatch.setenv("STANDIN_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", str(install(tmp_path / "programs")))
    return tmp_path
