"""The same page against the real server and the simulator: the package and the API mean the same."""

import json
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cli.machine import ACCOUNT, RINGS, Machine, tell_simulator
from tests.clients.merchant import Answer, Merchant
from tests.demo.running import fetch

pytestmark = pytest.mark.browser
API_KEY = "hk_test_the-key-that-stays-on-the-merchants-server"


@pytest.fixture(scope="module")
def simulator(machine: Machine) -> str:
    """A simulator in real time: the phone rings for a minute."""
    process = machine.start("simulate", "--port", "0", "--json")
    return str(machine._read_line(process)["url"])


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Somewhere to run `hakika`."""
    running = Machine(tmp_path_factory.mktemp("machine"), **ACCOUNT)
    yield running
    running.close()


@pytest.fixture(scope="module")
def server(machine: Machine, simulator: str) -> str:
    """A real server that lets other sites' pages follow their payments. → its URL."""
    given = {"MPESA_BASE_URL": simulator, "HAKIKA_API_KEY": API_KEY, "HAKIKA_CORS_ORIGINS": "*"}
    _, told = machine.serve(**given)
    return str(told["url"])


def charge(server: str, amount: int, key: str, order: dict[str, Any]) -> Answer:
    """What a merchant's backend does: ask Hakika, with the page's idempotency key, and hand the answer on."""
    body = json.dumps({"amount": amount, "phone": order["phone"], "reference": f"order-{amount}"}).encode()
    headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency_Key": key}
    try:
        return 201, json.loads(fetch(f"{server}/v1/payments", body, **headers))
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def open_page(browser: Browser, merchant: Merchant, server: str, amount: int) -> Page:
    """Open the merchant's page, type the phone that rings, and pay."""
    merchant.charge = lambda key, order: charge(server, amount, key, order)
    page = browser.new_page(locale="en-KE")
    page.goto(f"{merchant.url}/?server={server}")
    page.get_by_label("Your M-Pesa number").fill(RINGS)
    page.get_by_label("Your M-Pesa number").press("Enter")
    expect(page.get_by_text("Check your phone")).to_be_visible(timeout=15_000)
    return page


def test_a_page_pays_at_a_real_server(browser: Browser, merchant: Merchant, server: str, simulator: str) -> None:
    """Across origins and by stream: the phone rings, the payer pays, the page shows the receipt."""
    page = open_page(browser, merchant, server, 1200)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    tell_simulator(simulator, f"/simulator/phones/{RINGS}/answer", {"answer": "pay"})
    expect(page.get_by_role("status")).to_contain_text("M-Pesa receipt: ", timeout=15_000)
    assert asked == []  # the stream told it
    page.close()


def test_a_page_hears_why_it_failed_from_a_real_server(
    browser: Browser, merchant: Merchant, server: str, simulator: str
) -> None:
    """A wrong PIN: the server's own words for the payer, and the next step."""
    page = open_page(browser, merchant, server, 1300)
    tell_simulator(simulator, f"/simulator/phones/{RINGS}/answer", {"answer": "wrong_pin"})
    expect(page.get_by_role("status")).to_contain_text("The M-Pesa PIN was wrong.", timeout=15_000)
    expect(page.get_by_role("button", name="Try again")).to_be_enabled()
    page.close()


def test_a_page_says_what_a_real_server_refuses(browser: Browser, merchant: Merchant, server: str) -> None:
    """A problem document that the backend hands on becomes the words of the form."""
    merchant.charge = lambda key, order: charge(server, 1400, key, order)
    page = browser.new_page(locale="en-KE")
    page.goto(f"{merchant.url}/?server={server}")
    page.get_by_label("Your M-Pesa number").fill("12345")
    page.get_by_label("Your M-Pesa number").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("That is not a Kenyan mobile number.")
    page.close()


def test_nothing_of_the_secret_is_in_the_servers_log(
    browser: Browser, merchant: Merchant, server: str, simulator: str, machine: Machine
) -> None:
    """The stream's address carries the secret; the server's own log does not."""
    page = open_page(browser, merchant, server, 1500)
    tell_simulator(simulator, f"/simulator/phones/{RINGS}/answer", {"answer": "cancel"})
    expect(page.get_by_role("status")).to_contain_text("Cancelled", timeout=15_000)
    page.close()
    assert "pcs_" not in (Path(machine.directory) / "errors.log").read_text()
