"""A real React page with <MpesaPayment> in a real browser, against a stand-in that says what each test wants."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, expect

from tests.clients.merchant import Merchant
from tests.clients.standin import CANCELLED, PAYMENT, SECRET, TICKET, StandIn

pytestmark = pytest.mark.browser
NARROW = ViewportSize(width=360, height=740)


@pytest.fixture
def hakika() -> Iterator[StandIn]:
    """A stand-in for Hakika, on an origin of its own."""
    with StandIn() as running:
        yield running


class Shopping:
    """Opens the merchant's page. Hears all that it says on the console."""

    def __init__(self, browser: Browser, merchant: Merchant, hakika: StandIn) -> None:
        self._browser, self._merchant, self._hakika = browser, merchant, hakika
        self.complaints: list[str] = []
        self.said: list[str] = []
        merchant.charge = lambda _, __: (201, {**PAYMENT, "stage": "queued", **TICKET})
        merchant.ticket = TICKET

    @contextmanager
    def __call__(self, query: str = "") -> Iterator[Page]:
        """Open the page."""
        context = self._browser.new_context(viewport=NARROW, locale="en-KE")
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(f"{self._merchant.url}/?server={self._hakika.url}{query}")
        yield page
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        self.said.append(message.text)
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)


@pytest.fixture
def shopping(browser: Browser, merchant: Merchant, hakika: StandIn) -> Shopping:
    """Give the way into the shop."""
    return Shopping(browser, merchant, hakika)


def order(page: Page, label: str = "Your M-Pesa number") -> None:
    """Type a phone and press Enter."""
    page.get_by_label(label).fill("0712 345 678")
    page.get_by_label(label).press("Enter")


def test_a_payer_pays_and_sees_the_receipt(shopping: Shopping, hakika: StandIn, merchant: Merchant) -> None:
    """By stream alone, across origins: check your phone with the time left, then the receipt; one order was sent."""
    with shopping() as page:
        order(page)
        expect(page.get_by_text("Check your phone")).to_be_visible()
        expect(page.get_by_role("timer")).to_contain_text("s left to answer")
        hakika.say(status="completed", stage=None, receipt="NLJ7RT61SV")
        expect(page.get_by_role("status")).to_contain_text("KES 1,200 paid. Thank you!")
        expect(page.get_by_role("status")).to_contain_text("M-Pesa receipt: NLJ7RT61SV")
    assert [sent for _, sent in merchant.orders] == [{"cart": 7, "phone": "0712 345 678"}]
    assert {path.rpartition("/")[2] for path in hakika.asked} == {"stream"}
    assert shopping.complaints == []


def test_where_no_stream_comes_through_the_page_asks(shopping: Shopping, hakika: StandIn) -> None:
    """A proxy that breaks streams costs seconds, not certainty."""
    hakika.streams = False
    with shopping() as page:
        page.clock.install()
        order(page)
        expect(page.get_by_text("Check your phone")).to_be_visible()
        hakika.say(status="completed", stage=None, receipt="NLJ7RT61SV")
        page.clock.run_for(5_000)
        expect(page.get_by_role("status")).to_contain_text("NLJ7RT61SV")


def test_after_two_minutes_it_is_still_unknown(shopping: Shopping, hakika: StandIn) -> None:
    """Not failed: the page says not to pay again, and looks again when asked to."""
    with shopping() as page:
        page.clock.install()
        order(page)
        expect(page.get_by_text("Check your phone")).to_be_visible()
        page.clock.run_for(121_000)
        expect(page.get_by_role("status")).to_contain_text("Still unknown")
        expect(page.get_by_role("status")).to_contain_text("Please do not pay again")
        hakika.say(status="completed", stage=None, receipt="NLJ7RT61SV")
        page.get_by_role("button", name="Look again").click()
        expect(page.get_by_role("status")).to_contain_text("NLJ7RT61SV")


def test_a_payer_who_cancels_is_told_so_in_swahili_and_tries_again(
    shopping: Shopping, hakika: StandIn, merchant: Merchant
) -> None:
    """In the page's language although the browser speaks another; the second try is another request."""
    with shopping("&language=sw") as page:
        order(page, "Nambari yako ya M-Pesa")
        expect(page.get_by_text("Angalia simu yako")).to_be_visible()
        hakika.say(status="cancelled", stage=None, failure=CANCELLED)
        expect(page.get_by_role("status")).to_contain_text("Umeghairi malipo.")
        page.get_by_role("button", name="Jaribu tena").click()
        expect(page.get_by_label("Nambari yako ya M-Pesa")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Imeghairiwa")
    first, second = (key for key, _ in merchant.orders)
    assert first != second


def test_a_double_click_asks_once(shopping: Shopping, merchant: Merchant) -> None:
    """Two clicks before the answer are one request, with one idempotency key."""
    with shopping() as page:
        page.get_by_label("Your M-Pesa number").fill("0712345678")
        page.get_by_role("button", name="Pay KES 1,200 with M-Pesa").dblclick()
        expect(page.get_by_text("Check your phone")).to_be_visible()
    assert len(merchant.orders) == 1


def test_a_refusal_is_said_in_the_form(shopping: Shopping, merchant: Merchant) -> None:
    """Why, and for how long, where the payer looks; nothing was sent to Hakika."""
    merchant.charge = lambda _, __: (409, {"code": "payer_busy", "status": 409, "retry_after": 61})
    with shopping() as page:
        order(page)
        expect(page.get_by_role("alert")).to_contain_text("This phone is answering another request. Wait 61 s.")
        expect(page.get_by_label("Your M-Pesa number")).to_have_value("0712 345 678")


def test_leaving_closes_the_stream(shopping: Shopping, hakika: StandIn) -> None:
    """When the component leaves the page, nobody listens any more, while the page lives on."""
    with shopping() as page:
        page.clock.install()
        order(page)
        expect(page.get_by_text("Check your phone")).to_be_visible()
        page.get_by_role("button", name="Leave").click()
        expect(page.get_by_text("Check your phone")).to_be_hidden()
        while hakika.listeners:  # its thread notices at its next heartbeat
            page.evaluate("new Promise(requestAnimationFrame)")
        asked = len(hakika.asked)
        page.clock.run_for(130_000)
        assert len(hakika.asked) == asked


def test_coming_back_goes_on_where_it_was(shopping: Shopping, hakika: StandIn, merchant: Merchant) -> None:
    """With the ticket from the merchant's backend the page shows the outcome, and asks for no money."""
    hakika.say(status="completed", stage=None, receipt="NLJ7RT61SV")
    with shopping("&ticket") as page:
        expect(page.get_by_role("status")).to_contain_text("NLJ7RT61SV")
    assert merchant.orders == []


def test_the_secret_is_nowhere_but_in_memory(shopping: Shopping, hakika: StandIn) -> None:
    """Not on the page, in its address, in storage, in a cookie or on the console; and nobody else was told it."""
    with shopping() as page:
        order(page)
        expect(page.get_by_text("Check your phone")).to_be_visible()
        hakika.say(status="completed", stage=None, receipt="NLJ7RT61SV")
        expect(page.get_by_role("status")).to_contain_text("NLJ7RT61SV")
        kept = page.evaluate(
            "document.documentElement.outerHTML + location.href + document.cookie"
            " + JSON.stringify([{...localStorage}, {...sessionStorage}, history.state])"
        )
        assert SECRET not in kept
    assert SECRET not in "".join(shopping.said)
    assert hakika.refused == []
