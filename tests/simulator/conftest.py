"""What the simulator's tests share."""

import pytest

from hakika.simulator import Network, Settings
from tests.simulator.merchant import Merchant


@pytest.fixture
def network() -> Network:
    """Make a network with its default settings."""
    return Network(Settings(seed=7))


@pytest.fixture
def merchant(network: Network) -> Merchant:
    """Make a merchant that has a token."""
    return Merchant(network)
