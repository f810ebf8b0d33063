"""`hakika serve --tunnel`: a whole server, a tunnel that it starts, payments through it, and the end of both."""

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hakika.config import NOWHERE
from tests.cli.machine import ACCOUNT, PAYS, RINGS, SPEED, Machine, tell_simulator
from tests.tunnels.life import Life
from tests.tunnels.standin import install

_amounts = itertools.count(11)


@pytest.fixture
def tunnelled(tmp_path: Path) -> Iterator[Machine]:
    """Give a machine on which ngrok, and nothing else, is installed."""
    os.mkfifo(tmp_path / "life")
    programs = install(tmp_path / "programs", "ngrok")
    made = Machine(tmp_path, **ACCOUNT, HAKIKA_CLOCK_SPEED=SPEED, STANDIN_DIR=str(tmp_path))
    made.environment["PATH"] = f"{programs}:{made.environment['PATH']}"
    yield made
    made.close()


def pay(machine: Machine, phone: str, reference: str, *more: str) -> tuple[int, dict[str, object]]:
    """Ask a phone for an amount of its own, and follow the payment."""
    return machine.ask("pay", phone, str(next(_amounts)), "--reference", reference, "--wait", *more)


def test_a_tunnel_that_dies_in_the_middle_of_a_payment(tunnelled: Machine) -> None:
    """Callbacks come through it; when it dies the payment ends by query; the next goes by the new address.

    Nothing is restarted by hand and no file is edited; and when the server is killed hard, its tunnel ends too.
    """
    tunnelled.environment["MPESA_BASE_URL"] = simulator = tunnelled.simulate()
    life = Life(tunnelled.directory)
    process, summary = tunnelled.serve("--tunnel", "ngrok", CALLBACK_BASE_URL="https://stale.ngrok-free.dev/callback")
    assert summary["callbacks"].endswith("/c/… (by ngrok, which we started)")
    assert "stale" not in summary["callbacks"]
    code, paid = pay(tunnelled, PAYS, "before")
    assert (code, paid["confirmed_by"]) == (0, "callback")

    _, rings = pay(tunnelled, RINGS, "during", "--timeout", "1")
    assert (rings["status"], rings["stage"]) == ("pending", "prompted")
    pid = int((tunnelled.directory / "ngrok.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    tell_simulator(simulator, f"/simulator/phones/{RINGS}/answer", {"answer": "pay"})
    log, code, during = "", 3, rings
    while code == 3 or log.count("tunnel_open") < 2:
        code, during = tunnelled.ask("status", "during")
        log = (tunnelled.directory / "errors.log").read_text()
    assert (code, during["confirmed_by"]) == (0, "query")
    code, paid = pay(tunnelled, PAYS, "later")
    assert (code, paid["confirmed_by"]) == (0, "callback")
    assert int((tunnelled.directory / "ngrok.pid").read_text()) != pid
    assert log.count("tunnel_closed") == 1

    assert not life.is_over(within_s=0)
    tunnelled.stop(process, signal.SIGKILL)
    assert life.is_over(), "the tunnel outlived its server"
    life.close()


def test_a_server_whose_tunnel_cannot_be_opened(tunnelled: Machine) -> None:
    """It starts all the same, says why and what to do, and payments end by query."""
    (tunnelled.directory / "ngrok.fails").write_text("ERROR:  authentication failed: no authtoken")
    tunnelled.environment["MPESA_BASE_URL"] = tunnelled.simulate()
    process, summary = tunnelled.serve(HAKIKA_TUNNEL="ngrok")
    assert "queries do the work" in summary["callbacks"]
    assert "ngrok ended: authentication failed: no authtoken" in summary["callbacks"]
    code, paid = pay(tunnelled, PAYS, "without")
    assert (code, paid["confirmed_by"]) == (0, "query")
    assert tunnelled.stop(process) == 0
    assert NOWHERE not in summary["callbacks"]
