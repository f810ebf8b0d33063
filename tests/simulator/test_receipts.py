"""Receipts: never the same twice, unless a seed was asked for, because a shop's database outlives the simulator."""

from typing import Any

import pytest

from hakika.cli import servers
from hakika.simulator import Network, Settings, receipts_from_now
from hakika.simulator import server as simulator_server
from tests.simulator.merchant import START_MS, Merchant


def receipts(network: Network, amount: int = 20) -> list[str]:
    """Have so many payments paid on one day. → their receipts."""
    network.set_rule("default", {"answer": "pay"})
    merchant = Merchant(network)
    for number in range(amount):
        merchant.accepted(f"2547{number:08}")
    merchant.wait(60_000)
    return [str(payment["receipt"]) for payment in network.payments(START_MS + 60_000)]


def test_no_receipt_comes_again_after_a_reset() -> None:
    """A network that goes on counting forgets its payments, not which receipts it wrote."""
    network = Network(Settings(first_receipt=receipts_from_now()))
    before = receipts(network)
    network.reset()
    after = receipts(network)
    network.reset()
    assert len({*before, *after, *receipts(network)}) == 60


def test_no_receipt_comes_again_in_another_run() -> None:
    """Two runs on one day, one of them a hundredth of a second after the other, share no receipt."""
    started = receipts_from_now()
    first, second = (Network(Settings(first_receipt=start)) for start in (started, started + 100))
    assert len({*receipts(first, 90), *receipts(second, 90)}) == 180
    assert started < receipts_from_now() < started + 1e9, "and the time says where a run begins"


def test_a_seed_gives_the_same_receipts_again() -> None:
    """Who asks for a seed gets the same receipts in every run and after every reset."""
    network = Network(Settings(seed=7))
    before = receipts(network)
    network.reset()
    assert before == receipts(network) == receipts(Network(Settings(seed=7)))
    assert before != receipts(Network(Settings(seed=8)))


@pytest.mark.parametrize(("seed", "counts_on"), [(None, True), (0, False), (7, False)])
def test_every_way_to_run_it_counts_on_unless_a_seed_is_given(
    monkeypatch: pytest.MonkeyPatch, seed: int | None, counts_on: bool
) -> None:
    """`hakika simulate` and `serve()` alike; even --seed 0 is a seed."""
    built: list[Settings] = []

    class Built:
        def run(self, _: Any = None) -> None:
            """Run nothing."""

    def build(network: Network, *_: Any, **__: Any) -> Built:
        built.append(network.settings)
        return Built()

    monkeypatch.setattr("hakika.simulator.build_server", build, raising=False)
    monkeypatch.setattr(simulator_server, "build_server", build)
    servers.simulate(port=0, seed=seed, as_json=True)
    simulator_server.serve(port=0, seed=seed)
    assert [(settings.first_receipt is not None, settings.seed) for settings in built] == [(counts_on, seed or 0)] * 2
