"""The payer's page in a real browser: each state, both languages, narrow and wide, with and without JavaScript."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

from tests.pages.shopfront import MERCHANT, Shopfront

DESKTOP, NARROW = (1280, 800), (360, 740)
LARGEST_LOAD_BYTES = 30_000
WRONG_PHONES = [
    *("", "12345", "0712 345 67", "0712 345 6789", "+255 712 345 678", "254 812 345 678", "07l2 345 678"),
    *("0712-345-678-9", "<script>alert(1)</script>", "०७१२३४५६७८"),
]
pytestmark = pytest.mark.browser
_phones = count(1)


def phone() -> str:
    """A phone that no test has used."""
    return f"07{next(_phones):02} 123 456"


class Visit:
    """Windows of one browser. What a page may not load, or what it breaks, fails the test."""

    def __init__(self, browser: Browser, shopfront: Shopfront) -> None:
        self._browser, self._shopfront = browser, shopfront
        self.complaints: list[str] = []
        self.sizes: list[int] = []

    @contextmanager
    def __call__(self, size: tuple[int, int] = NARROW, **options: Any) -> Iterator[BrowserContext]:
        """Open a browser of its own."""
        fields: dict[str, Any] = {"locale": "en-KE"} | options
        context = self._browser.new_context(viewport={"width": size[0], "height": size[1]}, **fields)
        context.on("page", self._watch)
        yield context
        context.close()
        assert self.complaints == []

    def _watch(self, page: Page) -> None:
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._look_at(request.url))
        page.on("requestfinished", self._weigh)

    def _weigh(self, request: Request) -> None:
        sizes = request.sizes()
        sent = sizes["requestHeadersSize"] + sizes["requestBodySize"]
        self.sizes.append(sent + sizes["responseHeadersSize"] + sizes["responseBodySize"])

    def _hear(self, message: ConsoleMessage) -> None:
        # A refused form is a 4xx page, which the browser notes as an error.
        if message.type == "error" and "status of 4" not in message.text:
            self.complaints.append(message.text)

    def _look_at(self, url: str) -> None:
        if not url.startswith(self._shopfront.url):
            self.complaints.append(url)


@pytest.fixture
def visit(browser: Browser, shopfront: Shopfront) -> Visit:
    """Give the way to the pages. A minute passes, so that no limit of another test counts."""
    shopfront.pass_s(120)
    return Visit(browser, shopfront)


def open_page(context: BrowserContext, url: str) -> Page:
    """Open a page."""
    page = context.new_page()
    page.goto(url)
    return page


def pay(page: Page, number: str | None = None) -> None:
    """Type a phone and press the button."""
    page.locator("#phone").fill(number or phone())
    page.locator("form:has(#phone) button").click()


def heading(page: Page, text: str) -> None:
    """Expect the page to say that first."""
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def fits(page: Page) -> bool:
    """Whether nothing sticks out at the side."""
    return not page.evaluate("document.documentElement.scrollWidth > innerWidth")


@pytest.mark.parametrize("size", [NARROW, DESKTOP], ids=["narrow", "desktop"])
@pytest.mark.parametrize(
    ("locale", "titles"),
    [
        ("en-KE", ["Asking your phone…", "Check your phone", "Paid. Thank you!"]),
        ("sw-KE", ["Tunaita simu yako…", "Angalia simu yako", "Imelipwa. Asante!"]),
    ],
)
def test_a_payer_pays(
    visit: Visit, shopfront: Shopfront, size: tuple[int, int], locale: str, titles: list[str]
) -> None:
    """To whom and what, then the phone, then the receipt, each as soon as it is known and without a reload."""
    url = shopfront.begin(description="Two coffees")
    with visit(size, locale=locale) as context:
        page = open_page(context, url)
        heading(page, MERCHANT)
        expect(page.locator(".sum")).to_have_text("KES\u00a01,500")
        pay(page)
        heading(page, titles[0])
        shopfront.ring()
        heading(page, titles[1])
        expect(page.locator("progress")).to_be_visible()
        assert fits(page)
        shopfront.answer()
        heading(page, titles[2])
        expect(page.locator("dl")).to_contain_text("NLJ7RT")
        expect(page.locator("dl")).to_contain_text("Two coffees")
        assert page.evaluate("document.getElementById('said').textContent").startswith(titles[2])
        assert fits(page)


def test_the_outcome_appears_within_a_tenth_of_a_second(visit: Visit, shopfront: Shopfront) -> None:
    """From the callback's answer to the changed page; the browser's own clock tells, the best of five."""
    took_ms = []
    with visit() as context:
        for _ in range(5):
            shopfront.pass_s(130)
            page = open_page(context, shopfront.begin())
            pay(page)
            shopfront.ring()
            heading(page, "Check your phone")
            page.evaluate(
                "new MutationObserver(() => { if (document.getElementById('screen').dataset.kind === 'paid')"
                " window.seen ??= Date.now() }).observe(document.body, {childList: true})"
            )
            shopfront.answer()
            answered_ms = page.evaluate("Date.now()")
            heading(page, "Paid. Thank you!")
            took_ms.append(page.evaluate("window.seen") - answered_ms)
    assert min(took_ms) < 100, took_ms


def test_it_works_without_javascript(visit: Visit, shopfront: Shopfront) -> None:
    """Plain forms, and a page that loads itself again every few seconds while it waits."""
    url = shopfront.begin()
    with visit(java_script_enabled=False) as context:
        page = open_page(context, url)
        pay(page)
        shopfront.ring()
        page.goto(url)
        heading(page, "Check your phone")
        shopfront.answer()
        expect(page.get_by_role("heading", level=1)).to_have_text("Paid. Thank you!", timeout=10_000)
        assert fits(page)


@pytest.mark.parametrize("typed", WRONG_PHONES)
def test_a_phone_typed_wrongly_is_explained(visit: Visit, shopfront: Shopfront, typed: str) -> None:
    """In words, beside the field, which keeps what was typed; nobody is asked."""
    url = shopfront.begin()
    with visit() as context:
        page = open_page(context, url)
        pay(page, typed or " ")
        expect(page.get_by_role("alert").filter(has_text="not a Kenyan")).to_have_text(
            "That is not a Kenyan mobile number. Write it like 0712 345 678."
        )
        assert page.locator("#phone").input_value() == typed
        assert page.evaluate("document.activeElement.id") == "phone"
    assert shopfront.read(url)["attempts"] == 0


@pytest.mark.parametrize("typed", ["0712 999 001", "254712999002", "+254-712-999-003", "(0)712.999.004", "712999005"])
def test_any_kenyan_spelling_will_do(visit: Visit, shopfront: Shopfront, typed: str) -> None:
    """However it is written, the same phone rings."""
    with visit() as context:
        pay(open_page(context, shopfront.begin()), typed)
        assert shopfront.ring().phone == "254" + re.sub(r"\D", "", typed)[-9:]


def test_two_tabs_pressing_at_once_are_one_prompt(visit: Visit, shopfront: Shopfront) -> None:
    """Both tabs show the one attempt, and one phone rings once; also where one sees the other's before it presses."""
    url, number = shopfront.begin(), phone()
    with visit() as context:
        tabs = [open_page(context, url) for _ in range(2)]
        for tab in tabs:
            tab.locator("#phone").fill(number)
        for tab in tabs:
            tab.evaluate("setTimeout(() => document.querySelector('form')?.requestSubmit(), 50)")
        for tab in tabs:
            heading(tab, "Asking your phone…")
        shopfront.answer()
        for tab in tabs:
            heading(tab, "Paid. Thank you!")
    assert shopfront.read(url)["attempts"] == 1


def test_another_tab_follows(visit: Visit, shopfront: Shopfront) -> None:
    """A page that was only left open shows what was done in another."""
    url = shopfront.begin()
    with visit() as context:
        left, used = open_page(context, url), open_page(context, url)
        pay(used)
        heading(left, "Asking your phone…")


def test_a_payer_comes_back(visit: Visit, shopfront: Shopfront) -> None:
    """Closed in the middle and opened again later: what is true then is shown, and nothing is asked twice."""
    url = shopfront.begin()
    with visit() as context:
        page = open_page(context, url)
        pay(page)
        shopfront.ring()
        page.close()
        heading(again := open_page(context, url), "Check your phone")
        again.close()
        shopfront.answer()
        shopfront.pass_s(3600)
        heading(open_page(context, url), "Paid. Thank you!")
    assert shopfront.read(url)["attempts"] == 1


def test_the_language_is_switched(visit: Visit, shopfront: Shopfront) -> None:
    """By a link that needs no cookie, and it stays for the forms that follow."""
    with visit() as context:
        page = open_page(context, shopfront.begin())
        page.get_by_role("link", name="Kiswahili").click()
        expect(page.get_by_label("Nambari yako ya M-Pesa")).to_be_visible()
        pay(page)
        heading(page, "Tunaita simu yako…")
        assert context.cookies() == []


# ── what went wrong, and the one next step ──────────────────────────────


def test_wait_then_the_same_phone_again(visit: Visit, shopfront: Shopfront) -> None:
    """Cancelled on the phone: the seconds are counted, then one button asks the same phone again."""
    url = shopfront.begin()
    with visit() as context:
        page = open_page(context, url)
        pay(page)
        shopfront.answer(1032)
        heading(page, "Not paid")
        expect(page.locator(".text")).to_have_text("You cancelled the payment. You have not been charged.")
        again = page.get_by_role("button", name=re.compile("^Ask .* again$"))
        expect(again).to_be_disabled()
        expect(page.locator("[data-left]")).to_have_text(re.compile(r"^1[012]\d$"))
        shopfront.pass_s(121)
        page.reload()
        again.click()
        heading(page, "Asking your phone…")
        assert shopfront.answer().phone.startswith("2547")
        heading(page, "Paid. Thank you!")


def test_another_phone_at_once(visit: Visit, shopfront: Shopfront) -> None:
    """A locked PIN: another phone is the next step, and it works without waiting."""
    with visit() as context:
        page = open_page(context, shopfront.begin())
        pay(page)
        shopfront.answer(8006)
        heading(page, "Not paid")
        expect(page.get_by_role("button", name="again")).to_have_count(0)
        pay(page)
        heading(page, "Asking your phone…")


def test_the_merchant_is_asked(visit: Visit, shopfront: Shopfront) -> None:
    """Where the fault is the merchant's nobody is made to try again."""
    with visit() as context:
        page = open_page(context, shopfront.begin())
        pay(page)
        shopfront.answer(2002)
        expect(page.locator(".text")).to_contain_text(f"Please ask {MERCHANT}.")
        expect(page.locator("form")).to_have_count(0)


def test_it_says_when_it_asks_again_by_itself(visit: Visit, shopfront: Shopfront) -> None:
    """The rule's next prompt is counted down to."""
    with visit() as context:
        page = open_page(context, shopfront.begin(ask_again={"times": 1, "within_s": 900}))
        pay(page)
        shopfront.answer(1037)
        expect(page.locator(".count")).to_contain_text("again by ourselves in")


def test_the_end_of_the_prompt_is_not_the_end(visit: Visit, shopfront: Shopfront) -> None:
    """After the prompt's time: confirming, do not pay again; then a late success all the same."""
    url = shopfront.begin()
    with visit() as context:
        page = open_page(context, url)
        pay(page)
        row = shopfront.ring()
        shopfront.pass_s(61)
        page.reload()
        heading(page, "Confirming your payment…")
        assert row.checkout_request_id
        shopfront.answer()
        heading(page, "Paid. Thank you!")


def test_states_that_a_payer_can_only_read(visit: Visit, shopfront: Shopfront) -> None:
    """Another amount, expired, called off: a page for each, without a form."""
    mispaid, expired, cancelled = shopfront.begin(), shopfront.begin(expires_in_s=60), shopfront.begin()
    with visit() as context:
        page = open_page(context, mispaid)
        pay(page)
        shopfront.answer(amount=5)
        heading(page, "Another amount arrived")
        expect(page.locator(".text")).to_contain_text("KES\u00a05 came instead of KES\u00a01,500")
        shopfront.pass_s(61)
        heading(open_page(context, expired), "This page has expired")
        shopfront.do(shopfront.hakika.api.post(f"/v1/checkouts/{cancelled.rpartition('/')[2]}/cancel"))
        page = open_page(context, cancelled)
        heading(page, "This purchase was called off")
        expect(page.locator("form")).to_have_count(0)


def test_the_payer_chooses_an_amount(visit: Visit, shopfront: Shopfront) -> None:
    """Within the merchant's bounds, as people write amounts."""
    with visit() as context:
        page = open_page(context, shopfront.begin(amount=None, amount_least=50, amount_most=5_000))
        page.locator("#amount").fill("20")
        pay(page)
        expect(page.locator("#error")).to_have_text(
            "Type a whole number of shillings, from KES\u00a050 to KES\u00a05,000."
        )
        page.locator("#amount").fill("1,200")
        pay(page)
        assert shopfront.answer().amount == 1_200
        expect(page.locator(".text")).to_contain_text("KES\u00a01,200")


# ── going back ──────────────────────────────


def test_a_paid_payer_goes_back_to_the_shop(visit: Visit, shopfront: Shopfront) -> None:
    """To the return URL, which is told which checkout came back."""
    with visit() as context:
        back = f"{shopfront.url}/health?basket=7"
        page = open_page(context, shopfront.begin(return_url=back, cancel_url=f"{shopfront.url}/health"))
        expect(page.get_by_role("link", name="Cancel and go back")).to_have_attribute("href", f"{shopfront.url}/health")
        pay(page)
        shopfront.answer()
        page.wait_for_url(re.compile(r"/health\?basket=7&checkout=chk_\w+&status=completed$"), timeout=10_000)


# ── hostile, small, accessible ──────────────────────────────


def test_what_a_merchant_writes_is_text(visit: Visit, shopfront: Shopfront) -> None:
    """A reference and a description that look like HTML or a template are shown as they are."""
    evil = "<img src=x onerror=alert(1)>{{7*7}}\"'><script>alert(1)</script>"
    with visit() as context:
        page = open_page(context, shopfront.begin(description=evil, reference="<b>&amp;'\""))
        expect(page.get_by_text(evil)).to_be_visible()
        pay(page)
        shopfront.answer()
        expect(page.locator("dl")).to_contain_text(evil)
        expect(page.locator("dl")).to_contain_text("<b>&amp;'\"")


def test_all_that_is_loaded_is_small(visit: Visit, shopfront: Shopfront) -> None:
    """From the first request to the receipt: at most 30 kB, headers both ways included, from us alone."""
    with visit() as context:
        page = open_page(context, shopfront.begin(description="Two coffees"))
        pay(page)
        shopfront.ring()
        heading(page, "Check your phone")
        shopfront.answer()
        heading(page, "Paid. Thank you!")
        page.wait_for_load_state("networkidle")
    assert 5_000 < sum(visit.sizes) <= LARGEST_LOAD_BYTES, visit.sizes
