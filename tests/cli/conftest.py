"""Machines for the tests of the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.cli.machine import ACCOUNT, SPEED, Machine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Give a machine with nothing on it."""
    made = Machine(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machine, str]]:
    """Give a machine on which server and simulator run, and the simulator's URL."""
    made = Machine(tmp_path_factory.mktemp("shop"), **ACCOUNT, HAKIKA_CLOCK_SPEED=SPEED)
    simulator = made.simulate()
    made.environment["MPESA_BASE_URL"] = simulator
    made.serve()
    yield made, simulator
    made.close()


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Give a runner in this process, in an empty directory, with none of our settings in the environment."""
    monkeypatch.chdir(tmp_path)
    clear_settings(monkeypatch)
    return CliRunner()


def clear_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take our settings out of the environment."""
    from hakika.config import Settings  # noqa: PLC0415
    from hakika.serving.settings import names_of  # noqa: PLC0415

    for field in Settings.model_fields.values():
        for name in names_of(field):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
