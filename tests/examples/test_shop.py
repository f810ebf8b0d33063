"""examples/shop in a real browser, with phones of the simulator: order → M-Pesa → success page."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import open_browser
from tests.clients.javascript import PACKAGE
from tests.examples.shop import SHOP, build_front_end, open_shop
from tests.examples.world import World, until

pytestmark = pytest.mark.browser
SOON_MS = 20_000
FOLDERS = (SHOP / "frontend", PACKAGE)


@pytest.fixture(scope="module")
def front_end(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, built once."""
    return build_front_end(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def shop(world: World, front_end: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The shop, open. → its URL."""
    with open_shop(world, front_end, tmp_path_factory.mktemp("shop")) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for this file; each visit has a profile of its own."""
    with open_browser() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, shop: str) -> Iterator[Page]:
    """The shelf of the shop, as a new visitor sees it; an error on the page fails the test."""
    errors: list[str] = []
    context = browser.new_context(locale="en-KE", viewport={"width": 360, "height": 740})
    opened = context.new_page()
    opened.set_default_timeout(SOON_MS)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(shop)
    yield opened
    assert errors == []
    context.close()


def order(page: Page, phone: str, good: str = "Chai") -> None:
    """Order something, and click Pay."""
    page.get_by_role("button", name=f"Buy {good}").click()
    page.get_by_label("Your M-Pesa number").fill(phone)
    page.get_by_role("button", name="with M-Pesa").click()


def wait_for(page: Page, words: str) -> None:
    """Wait until the page says it."""
    expect(page.get_by_text(words).first).to_be_visible(timeout=SOON_MS)


def order_of(page: Page) -> str:
    """The order that the page is about."""
    return page.url.removesuffix("/success").rpartition("/")[2]


def test_an_order_is_paid(page: Page, world: World) -> None:
    """The phone rings, the payer pays, and the success page shows order and receipt; opened anew, it still does."""
    phone = world.phone()
    order(page, phone)
    wait_for(page, "Check your phone")
    world.answer(phone)
    wait_for(page, "Thank you!")
    paid = world.client.payments.list(reference=order_of(page)).data[0]
    expect(page.get_by_text(f"M-Pesa receipt: {paid.receipt}")).to_be_visible()
    page.reload()
    wait_for(page, f"M-Pesa receipt: {paid.receipt}")
    assert page.url.endswith("/success")


def test_a_cancelled_payment_can_be_tried_again(page: Page, world: World) -> None:
    """The page says that the payer said no; the next try is another payment of the same order."""
    phone = world.phone()
    order(page, phone, "Four mandazi")
    wait_for(page, "Check your phone")
    world.answer(phone, "cancel")
    wait_for(page, "Cancelled")
    other = world.phone()
    page.get_by_role("button", name="Try again").click()
    page.get_by_label("Your M-Pesa number").fill(other)
    page.get_by_role("button", name="with M-Pesa").click()
    wait_for(page, "Check your phone")
    world.answer(other)
    wait_for(page, "Thank you!")
    attempts = world.client.payments.list(reference=order_of(page)).data
    assert [payment.status for payment in attempts] == ["completed", "cancelled"]


def test_a_phone_that_nobody_answers_times_out(page: Page, world: World) -> None:
    """When the prompt is over the page says so, and offers another try; the order is not paid."""
    order(page, world.phone())
    wait_for(page, "No answer")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    page.goto(f"{page.url}/success")
    wait_for(page, "This order is not paid.")


def test_a_lost_callback_loses_nothing(page: Page, world: World) -> None:
    """Safaricom's callback never comes: Hakika asks Daraja, and the page, which waits, shows success."""
    phone = world.phone()
    world.order(fault="callback_lost", msisdn=phone)
    order(page, phone)
    wait_for(page, "Check your phone")
    world.answer(phone)
    wait_for(page, "Thank you!")
    assert world.client.payments.list(reference=order_of(page)).data[0].confirmed_by == "query"


def test_a_reload_in_the_middle_goes_on(page: Page, world: World) -> None:
    """The page that is opened anew follows the payment that is under way, and the phone rings once."""
    phone = world.phone()
    order(page, phone)
    wait_for(page, "Check your phone")
    page.reload()
    wait_for(page, "Check your phone")
    expect(page.get_by_label("Your M-Pesa number")).to_have_count(0)
    world.answer(phone)
    wait_for(page, "Thank you!")
    assert world.pushes(phone) == 1


def test_a_double_click_charges_once(page: Page, world: World) -> None:
    """Two clicks on Buy are one order, two on Pay are one payment, and one prompt on the phone."""
    phone = world.phone()
    page.get_by_role("button", name="Buy Chai").dblclick()
    page.get_by_label("Your M-Pesa number").fill(phone)
    page.get_by_role("button", name="with M-Pesa").dblclick()
    wait_for(page, "Check your phone")
    world.answer(phone)
    wait_for(page, "Thank you!")
    assert len(world.client.payments.list(reference=order_of(page)).data) == 1
    assert world.pushes(phone) == 1


def test_the_backend_decides(shop: str, world: World) -> None:
    """What is no good is refused; an order is shown to its visitor alone; what Hakika did not sign is refused."""
    with (
        httpx2.Client(base_url=shop, trust_env=False) as visitor,
        httpx2.Client(base_url=shop, trust_env=False) as other,
    ):
        assert visitor.post("/api/orders", json={"good": "gold"}).status_code == 422
        ordered = visitor.post("/api/orders", json={"good": "chai", "amount": 1}).json()["id"]
        assert visitor.get(f"/api/orders/{ordered}").json()["amount"] == 50
        assert other.get(f"/api/orders/{ordered}").status_code == 404
        assert other.post(f"/api/orders/{ordered}/pay", json={"phone": world.phone()}).status_code == 404
        refused = visitor.post(f"/api/orders/{ordered}/pay", json={"phone": "0522 000 000"})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_phone")
        assert other.post("/webhooks/hakika", json={"type": "payment.completed"}).status_code == 400


def test_the_shop_hears_of_a_payment_that_nobody_watches(shop: str, world: World) -> None:
    """The payer closes the page: the webhook alone tells the shop what became of the order."""
    phone = world.phone()
    world.let_answer(phone)
    with httpx2.Client(base_url=shop, trust_env=False) as visitor:
        ordered = visitor.post("/api/orders", json={"good": "mandazi"}).json()["id"]
        payment = visitor.post(f"/api/orders/{ordered}/pay", json={"phone": phone}).json()["id"]
    until(lambda: sys.modules["examples_shop"].find_status(ordered)[:2] == (payment, "completed"))


def test_its_lock_is_that_of_the_client() -> None:
    """The page is tested with the tools that clients/js locks: one version of each, in both."""
    ours, theirs = (json.loads((folder / "package-lock.json").read_text())["packages"] for folder in FOLDERS)
    wanted = json.loads((FOLDERS[0] / "package.json").read_text())
    assert {name: ours[""][name] for name in ("dependencies", "devDependencies")}.items() <= wanted.items()
    for name in ("vite", "rollup", "react", "react-dom", "scheduler"):
        assert ours[f"node_modules/{name}"]["version"] == theirs[f"node_modules/{name}"]["version"], name
