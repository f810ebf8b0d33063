"""The examples and the demo run side by side: each has a port of its own."""

import re

from tests.house.source import ROOT

DEMO = {"8000", "8001"}  # the server with its shop, and the simulator


def test_no_example_wants_a_port_of_the_demo() -> None:
    """No `run` script listens by default where `make demo` or another example does."""
    ports = [port for run in ROOT.glob("examples/*/run") for port in re.findall(r"PORT:-(\d+)\}", run.read_text())]
    assert len(ports) >= 4
    assert len(set(ports)) == len(ports)
    assert not DEMO & set(ports)
