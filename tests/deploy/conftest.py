"""A real server, and the proxies of deploy/ in front of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.machine import ACCOUNT, Machine
from tests.deploy.proxies import RUNNING, Front

API_KEY = "hk_the-configured-key-of-these-tests"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machine, str]]:
    """Give a machine on which the server runs as behind a proxy, and the server's URL."""
    machine = Machine(
        tmp_path_factory.mktemp("server"),
        **{**ACCOUNT, "MPESA_ENVIRONMENT": "sandbox"},
        HAKIKA_API_KEY=API_KEY,
        HAKIKA_TRUSTED_PROXIES="127.0.0.1",
        CALLBACK_BASE_URL="https://pay.example.com",
    )
    try:
        machine.environment["MPESA_BASE_URL"] = machine.simulate()
        _, summary = machine.serve()
        yield machine, str(summary["url"])
    finally:
        machine.close()


@pytest.fixture(scope="session", params=sorted(RUNNING))
def front(
    request: pytest.FixtureRequest, server: tuple[Machine, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """Give each proxy in turn, in front of the server."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    with RUNNING[request.param](folder, server[1]) as running:
        yield running
