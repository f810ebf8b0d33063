"""examples/minimal: each file run by its one command, in a process of its own; it takes a payment and reacts to it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from hakika.demo.surroundings import find_free_port
from tests.examples.world import World, until

MINIMAL = Path(__file__).parents[2] / "examples/minimal"
FRAMEWORKS = ("flask", "fastapi", "django")
MOST_LINES = 49
START_WITHIN_S, UNTIL_S = 30, 20


class App:
    """One of the three, running."""

    def __init__(self, url: str, log: Path) -> None:
        self._http, self._log = httpx2.Client(base_url=url, timeout=UNTIL_S, trust_env=False), log

    def pay(self, phone: str, reference: str, amount: int = 20) -> httpx2.Response:
        """Ask for money."""
        return self._http.post("/pay", json={"phone": phone, "amount": amount, "reference": reference})

    def forge(self) -> int:
        """Post what Hakika did not sign. → the status."""
        lie = {"type": "payment.completed", "data": {"id": "pay_1", "reference": "lie", "amount_received": 1}}
        return self._http.post("/mpesa/callback", json=lie).status_code

    def paid(self) -> list[str]:
        """What it has reacted to."""
        return list(self._http.get("/paid").json())

    def close(self) -> None:
        """Leave it."""
        self._http.close()

    def said(self) -> str:
        """What it printed."""
        return self._log.read_text()


@pytest.fixture(scope="module", params=FRAMEWORKS)
def app(request: pytest.FixtureRequest, world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Run one of them as its README says, at our Hakika instead of the demo."""
    folder, port = tmp_path_factory.mktemp(request.param), find_free_port()
    told = {
        "HAKIKA_SERVER": world.url,
        "HAKIKA_API_KEY": world.key,
        "PORT": str(port),
        "APP_DB": str(folder / "app.db"),
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([MINIMAL / "run", request.param], env={**os.environ, **told}, stdout=log, stderr=log)
    opened = App(f"http://127.0.0.1:{port}", folder / "log")
    try:
        wait_for(opened, process)
        yield opened
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_WITHIN_S)
        opened.close()
    left = [endpoint.url for endpoint in world.client.endpoints.list() if str(port) in endpoint.url]
    assert left == [], "its endpoint outlived it"


def wait_for(app: App, process: subprocess.Popen[bytes]) -> None:
    """Wait until it takes requests."""

    def answers() -> bool:
        assert process.poll() is None, app.said()
        try:
            app.paid()
        except httpx2.ConnectError:
            return False
        return True

    until(answers, app.said)


def test_it_takes_a_payment_and_reacts(app: App, world: World) -> None:
    """The phone rings, the payer pays, the webhook comes, and what was paid stands in its table."""
    phone, reference = world.phone(), f"order-{world.phone()}"
    world.let_answer(phone)
    answer = app.pay(phone, reference)
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    assert world.client.payments.wait(answer.json()["payment"]).is_paid
    until(lambda: reference in app.paid(), app.said)  # the webhook is on its way
    assert app.paid().count(reference) == 1


def test_it_says_why_nothing_was_paid(app: App, world: World) -> None:
    """A payer who says no: the reason in words, and nothing is paid."""
    phone, reference = world.phone(), f"order-{world.phone()}"
    world.let_answer(phone, "cancel")
    payment = app.pay(phone, reference).json()["payment"]
    assert world.client.payments.wait(payment).status == "cancelled"
    until(lambda: f"{reference} is not paid: You cancelled" in app.said(), app.said)
    assert reference not in app.paid()


def test_it_hands_on_a_refusal_and_believes_no_stranger(app: App) -> None:
    """What is no phone is refused with Hakika's status; what Hakika did not sign changes nothing."""
    refused = app.pay("0522 000 000", "order-refused")
    assert refused.status_code == 422
    assert "invalid_phone" in refused.text
    assert app.forge() == 400
    assert "lie" not in app.paid()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_file_is_short(framework: str) -> None:
    """Under 50 lines, everything included."""
    assert len((MINIMAL / f"{framework}_app.py").read_text().splitlines()) <= MOST_LINES
