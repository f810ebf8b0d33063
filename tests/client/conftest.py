"""Every test of the client's logic is run in both colours."""

from collections.abc import Callable

import pytest

from hakika.client import AsyncHakika, Hakika
from tests.client.wire import Reply, Wire

Wiring = Callable[..., Wire]


@pytest.fixture(params=[Hakika, AsyncHakika], ids=["sync", "async"])
def wired(request: pytest.FixtureRequest) -> Wiring:
    """Give a maker of a client on a scripted wire."""

    def make(*script: Reply, chance: float = 1.0) -> Wire:
        return Wire(request.param, *script, chance=chance)

    return make
