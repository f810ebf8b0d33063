"""The shop of the demo: its backend by HTTP, and its page in a real browser, used as a newcomer would."""

import json
import re
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, ConsoleMessage, FrameLocator, Page, expect
from standardwebhooks.webhooks import Webhook

from hakika.demo.shop.app import STATIC
from hakika.demo.shop.goods import GOODS, PRICES
from hakika.demo.shop.hearing import Hearing
from tests.browser import open_browser
from tests.demo.running import Demo, fetch, running_demo

DESKTOP, NARROW = (1280, 800), (360, 740)
LARGEST_PAGE_BYTES = 30_000
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
in_a_browser = pytest.mark.browser


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for this file; each test uses a phone of its own."""
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


# ── the backend ──────────────────────────────


def buy(demo: Demo, phone: str, visit: int = 1, good: str = "chai") -> tuple[int, dict[str, object]]:
    """Post an order as the page does."""
    fetch(f"{demo.url}/shop/shelf")
    body = json.dumps({"good": good, "visit": visit, "phone": phone}).encode()
    try:
        return 201, json.loads(fetch(f"{demo.url}/shop/orders", body))
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        return error.code, json.loads(text) if text.startswith("{") else {}


def test_the_key_never_reaches_the_browser(demo: Demo) -> None:
    """Neither the page nor anything that the shop answers holds the API key or a callback's token."""
    _, order = buy(demo, "0720 000 001")
    paths = ["", "/shelf", f"/orders/{order['id']}", f"/orders/{order['id']}/timeline"]
    paths += [f"/static/{file.name}" for file in STATIC.iterdir()]
    told = json.dumps(order) + "".join(fetch(f"{demo.url}/shop{path}") for path in paths)
    assert demo.api_key not in told
    assert not re.search(r"[0-9a-f]{32}", told)


def test_only_the_shops_own_orders_are_shown(demo: Demo) -> None:
    """A payment that was made without the shop is nobody's business here."""
    body = json.dumps({"amount": 5, "phone": "0720000002", "reference": "not-the-shop's"}).encode()
    payment = json.loads(fetch(f"{demo.url}/v1/payments", body, Authorization=f"Bearer {demo.api_key}"))
    with pytest.raises(urllib.error.HTTPError, match="404"):
        fetch(f"{demo.url}/shop/orders/{payment['id']}")


@pytest.mark.parametrize(("good", "visit"), [("gold", 1), ("chai", 0), ("chai", 10**6)])
def test_a_price_that_was_never_shown_is_refused(demo: Demo, good: str, visit: int) -> None:
    """The page chooses a good and a visit; the price is the shop's."""
    assert buy(demo, "0720 000 003", visit, good)[0] == 422


def test_another_sites_page_cannot_order(demo: Demo) -> None:
    """What a form of another site can send, without the browser asking us first, is refused."""
    body = json.dumps({"good": "chai", "visit": 1, "phone": "0720 000 004"}).encode()
    with pytest.raises(urllib.error.HTTPError, match="415"):
        fetch(f"{demo.url}/shop/orders", body, Content_Type="text/plain")


def test_a_webhook_that_hakika_did_not_sign_is_refused(demo: Demo) -> None:
    """Anybody can post to the shop's receiver; only what is signed with the endpoint's secret counts."""
    _, order = buy(demo, "0720 000 005")
    event = json.dumps({"id": "evt_1", "type": "payment.completed", "payment": order["id"], "data": {}}).encode()
    headers = {"Webhook_Id": "evt_1", "Webhook_Timestamp": str(int(time.time()))}
    for signature in ("", "none", "v1,AAAA", "v1,bm90IG91cnM="):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            fetch(f"{demo.url}/shop/webhook", event, Webhook_Signature=signature, **headers)
    heard = json.loads(fetch(f"{demo.url}/shop/orders/{order['id']}"))["heard"]
    assert "payment.completed" not in [one["type"] for one in heard]


def test_an_event_that_comes_twice_is_heard_once() -> None:
    """Webhooks come at least once: the shop goes by the event's id."""
    hearing = Hearing(SECRET)
    body = json.dumps({"id": "evt_1", "type": "payment.completed", "payment": "pay_1", "data": {}})
    now = datetime.now(UTC)
    signed = {"webhook-signature": Webhook(SECRET).sign("evt_1", now, body)}
    signed |= {"webhook-id": "evt_1", "webhook-timestamp": str(int(now.timestamp()))}
    assert hearing.take(body.encode(), signed)
    assert hearing.take(body.encode(), signed)
    assert [one["type"] for one in hearing.tell("pay_1")] == ["payment.completed"]


def test_a_checkout_of_somebody_else_is_not_shown(demo: Demo) -> None:
    """A reference that the shop never gave leads nowhere."""
    with pytest.raises(urllib.error.HTTPError, match="404"):
        fetch(f"{demo.url}/shop/checkouts/shop-00000000")


def test_the_same_price_does_not_come_twice_in_a_row() -> None:
    """Whoever buys the same thing again within two minutes is asked for another amount."""
    for good in GOODS:
        assert len({good.price(visit) for visit in range(PRICES)}) == PRICES


def test_the_page_is_small() -> None:
    """All that the browser loads of the shop is smaller than 30 kB."""
    assert sum(file.stat().st_size for file in STATIC.iterdir()) < LARGEST_PAGE_BYTES


# ── the page ──────────────────────────────


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for this file; each test has a profile of its own."""
    with open_browser() as opened:
        yield opened


class Shopping:
    """Opens the shop in a window. What the page may not load, or what it breaks, fails the test."""

    def __init__(self, browser: Browser, demo: Demo) -> None:
        self._browser, self._demo = browser, demo
        self._complaints: list[str] = []

    @contextmanager
    def __call__(self, size: tuple[int, int], phone: str) -> Iterator[Page]:
        """Open it, and type a phone."""
        context = self._browser.new_context(viewport={"width": size[0], "height": size[1]})
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._complaints.append(str(error)))
        page.on("request", lambda request: self._look_at(request.url))
        page.goto(self._demo.url)
        page.get_by_label("Your M-Pesa number").fill(phone)
        yield page
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        context.close()
        assert self._complaints == []

    def _hear(self, message: ConsoleMessage) -> None:
        # A refused order is a 4xx answer, which the browser notes as an error; the page has words for it.
        if message.type == "error" and "status of 4" not in message.text:
            self._complaints.append(message.text)

    def _look_at(self, url: str) -> None:
        if "//127.0.0.1:" not in url:
            self._complaints.append(url)


@pytest.fixture
def shopping(browser: Browser, demo: Demo) -> Shopping:
    """Give the way into the shop."""
    return Shopping(browser, demo)


def press(page: Page, name: str) -> None:
    """Press a button of the shop."""
    page.get_by_role("button", name=name).click()


def phone_beside(page: Page) -> FrameLocator:
    """The phone beside the shop."""
    return page.frame_locator("#phone-screen")


def receipt_in(text: str) -> str:
    """The receipt in a text."""
    found = re.search(r"\b[A-Z]{2}[A-Z0-9]{8}\b", text)
    assert found, text
    return found[0]


@in_a_browser
def test_a_newcomer_pays_with_the_phone_beside_the_shop(shopping: Shopping) -> None:
    """Pay, press the phone's button: the shop shows the receipt that the phone shows, and the whole story."""
    with shopping(DESKTOP, "+254 721 000 001") as page:
        page.get_by_text("Kiondo basket").click()
        press(page, "Pay KES 1,2")
        expect(page.get_by_role("heading", name="Check your phone")).to_be_visible()
        expect(page.get_by_text(re.compile(r"\d+ s left to answer"))).to_be_visible()
        phone_beside(page).get_by_role("button", name="Enter PIN and pay").click()
        expect(page.get_by_role("heading", name="Paid. Thank you!")).to_be_visible(timeout=15_000)
        expect(page.locator("dd.receipt")).to_have_text(re.compile(r"^[A-Z0-9]{10}$"))
        on_phone = phone_beside(page).get_by_text("Confirmed.").inner_text()
        assert receipt_in(page.locator("dd.receipt").inner_text()) == receipt_in(on_phone)
        told = re.compile(r"^The shop's server heard: payment\.completed at \d\d:\d\d:\d\d\.\d{3}$")
        expect(page.get_by_text(told)).to_be_visible()
        press(page, "What Hakika knew: the timeline")
        expect(page.get_by_text("Certain: paid")).to_be_visible()


@in_a_browser
def test_the_outcome_comes_by_itself_and_is_not_asked_for(shopping: Shopping) -> None:
    """While the phone rings the page asks nothing: Hakika tells it on one stream, with the client_secret alone."""
    with shopping(DESKTOP, "0721 000 006") as page:
        press(page, "Pay KES")
        expect(page.get_by_role("heading", name="Check your phone")).to_be_visible()
        expect(page.get_by_text("57 s left to answer")).to_be_visible()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "/simulator/" not in request.url else None)
        expect(page.get_by_text("55 s left to answer")).to_be_visible()
        assert asked == []
        streams = page.evaluate("performance.getEntriesByType('resource').map(({name}) => name)")
        assert [url for url in streams if "/stream?" in url and "client_secret=pcs_" not in url] == []
        phone_beside(page).get_by_role("button", name="Enter PIN and pay").click()
        expect(page.get_by_role("heading", name="Paid. Thank you!")).to_be_visible(timeout=15_000)


@in_a_browser
def test_a_newcomer_pays_on_hakikas_page_and_is_led_back(shopping: Shopping) -> None:
    """To the page with the price, prompted there, and back: the shop shows the receipt, and what its server heard."""
    with shopping(DESKTOP, "0721 000 007") as page:
        with page.context.expect_page() as opened:
            press(page, "Pay on Hakika's page")
        page.wait_for_url(re.compile("/pay/chk_"))
        page.get_by_label("Your M-Pesa number").fill("0721 000 007")
        press(page, "Pay KES")
        expect(page.get_by_role("heading", name="Check your phone")).to_be_visible()
        opened.value.get_by_role("button", name="Enter PIN and pay").click()
        page.wait_for_url(re.compile("/shop#pay_"), timeout=20_000)
        expect(page.get_by_role("heading", name="Paid. Thank you!")).to_be_visible()
        expect(page.locator("dd.receipt")).to_have_text(re.compile(r"^[A-Z0-9]{10}$"))
        expect(page.get_by_text("The shop's server heard: checkout.completed")).to_be_visible()


@in_a_browser
def test_a_newcomer_who_changes_their_mind_is_led_back_to_the_shelf(shopping: Shopping) -> None:
    """On Hakika's page there is a way back, and nothing was asked of the phone."""
    with shopping(NARROW, "0721 000 008") as page:
        press(page, "Pay on Hakika's page")
        page.get_by_role("link", name="Cancel and go back").click()
        expect(page.get_by_role("button", name="Pay KES")).to_be_visible()


@in_a_browser
def test_a_newcomer_cancels_and_tries_again(shopping: Shopping) -> None:
    """The outcome in plain words, in both languages, and one next step, which works at once."""
    with shopping(DESKTOP, "0721 000 002") as page:
        press(page, "Pay KES")
        phone_beside(page).get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("heading", name="Not paid")).to_be_visible(timeout=15_000)
        expect(page.get_by_text("You have not been charged.")).to_be_visible()
        press(page, "Kiswahili")
        expect(page.get_by_role("heading", name="Haijalipwa")).to_be_visible()
        press(page, "English")
        press(page, "Try again")
        press(page, "Pay KES")
        expect(page.get_by_role("heading", name="Check your phone")).to_be_visible()


@in_a_browser
def test_a_page_that_is_loaded_again_goes_on_where_it_was(shopping: Shopping) -> None:
    """Reload in the middle: the same payment is followed to its end, and nothing is asked twice."""
    with shopping(DESKTOP, "0721 000 003") as page:
        press(page, "Pay KES")
        expect(page.get_by_role("heading", name="Check your phone")).to_be_visible()
        reference = page.locator("dd").last.inner_text()
        page.reload()
        expect(page.get_by_role("heading", name="Check your phone")).to_be_visible()
        assert page.locator("dd").last.inner_text() == reference
        phone_beside(page).get_by_role("button", name="Enter PIN and pay").click()
        expect(page.get_by_role("heading", name="Paid. Thank you!")).to_be_visible(timeout=15_000)


@in_a_browser
def test_on_a_narrow_screen_the_phone_opens_beside(shopping: Shopping) -> None:
    """360 px: the shop fits, and a link opens the phone on a page of its own."""
    with shopping(NARROW, "0721 000 004") as page:
        press(page, "Pay KES")
        with page.context.expect_page() as opened:
            page.get_by_role("link", name="Open the phone").click()
        opened.value.get_by_role("button", name="Wrong PIN").click()
        expect(page.get_by_role("heading", name="Not paid")).to_be_visible(timeout=15_000)


@in_a_browser
def test_the_same_amount_too_soon_is_explained_with_the_time_left(shopping: Shopping) -> None:
    """M-Pesa would refuse it: the shop says so, and for how long, before anything is sent."""
    with shopping(NARROW, "0721 000 005") as page:
        press(page, "Pay KES")
        with page.context.expect_page() as opened:
            page.get_by_role("link", name="Open the phone").click()
        opened.value.get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Try again").click(timeout=15_000)
        expect(page.get_by_role("button", name="Pay KES")).to_be_visible()
        page.evaluate("shelf.visit -= 1")  # a shop whose prices stand still
        press(page, "Pay KES")
        expect(page.get_by_role("alert")).to_contain_text(re.compile(r"only once in two minutes\. Wait 1\d\d s"))


@in_a_browser
def test_a_phone_that_is_none_is_refused_in_words(shopping: Shopping) -> None:
    """What to correct, beside the field, and how to write it."""
    with shopping(NARROW, "12345") as page:
        press(page, "Pay KES")
        expect(page.get_by_role("alert")).to_have_text(
            "That is not a Kenyan mobile number. Write it like 0712 345 678."
        )
