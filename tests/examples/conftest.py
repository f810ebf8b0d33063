"""What the tests of the examples share."""

from collections.abc import Iterator

import pytest

from tests.examples.world import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One Hakika on one simulator for each pytest process; each test has phones and orders of its own."""
    with World(tmp_path_factory.mktemp("world")) as opened:
        yield opened
