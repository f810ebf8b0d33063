"""States of the pages that a payer seldom meets: nobody can tell yet, too many tries, something of ours is away."""

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from hakika.api.pages.turnstile import LINKS, PRESSES
from hakika.daraja.protocol import PushOrder, PushOutcome, Shortcode
from hakika.domain.errors import StoreUnavailable
from hakika.domain.evidence import PushRefused
from tests.pages.shopfront import Shopfront
from tests.pages.test_pay import DESKTOP, NARROW, fits, heading, pay, phone

pytestmark = pytest.mark.browser
SEEN = list(product(["en-KE", "sw-KE"], [NARROW, DESKTOP]))


@pytest.fixture(params=SEEN, ids=[f"{locale[:2]}-{size[0]}" for locale, size in SEEN])
def page(request: pytest.FixtureRequest, browser: Browser, shopfront: Shopfront) -> Iterator[Page]:
    """A window of each size, in each language; so long after the last one that no limit counts."""
    shopfront.pass_s(700)
    locale, (width, height) = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, locale=locale)
    yield context.new_page()
    context.close()


def say(page: Page, english: str, swahili: str) -> str:
    """What is expected, in the window's language."""
    return swahili if page.locator("html").get_attribute("lang") == "sw" else english


def look(page: Page, name: str) -> None:
    """Nothing sticks out; and a picture for whoever wants to see it (HAKIKA_PICTURES names a folder)."""
    assert fits(page)
    if folder := os.environ.get("HAKIKA_PICTURES"):
        wide, lang = page.evaluate("[innerWidth, document.documentElement.lang]")
        page.screenshot(path=Path(folder) / f"{name}-{lang}-{wide}.png", full_page=True)


def test_nobody_can_tell_yet(page: Page, shopfront: Shopfront) -> None:
    """No answer and no certainty: do not pay again, whom to ask and for what; no form, and it still follows."""
    page.goto(shopfront.begin(reference=f"order-{shopfront.hakika.clock()}"))
    pay(page)
    row = shopfront.ring()
    while row.status == "pending":
        shopfront.pass_s(3600)
        shopfront.do(shopfront.hakika.worker.run_once())
        row = shopfront.read_payment(row.id)
    assert row.status == "unresolved"
    heading(page, say(page, "We cannot tell yet", "Bado hatujui"))
    expect(page.locator(".text")).to_contain_text(row.reference)
    expect(page.locator(".text")).to_contain_text(say(page, "do not pay again", "usilipe tena"))
    expect(page.locator("form")).to_have_count(0)
    look(page, "unresolved")
    page.reload()
    heading(page, say(page, "We cannot tell yet", "Bado hatujui"))


def test_a_push_that_was_refused(page: Page, shopfront: Shopfront, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its code means many things, and its message that no money moved: whoever was not charged is not told to wait."""

    async def refuse(_: str, __: Shortcode, order: PushOrder, attempt: int) -> PushOutcome:
        shopfront.hakika.daraja.pushes.append(order)
        return PushOutcome(PushRefused(shopfront.hakika.clock(), attempt, "500.001.1001", "Wrong credentials"))

    page.goto(shopfront.begin())
    pay(page)
    with monkeypatch.context() as refused:
        refused.setattr(shopfront.hakika.daraja, "push", refuse)
        shopfront.ring()
    heading(page, say(page, "Not paid", "Haijalipwa"))
    expect(page.locator(".text")).to_contain_text(say(page, "not been charged", "Hujatozwa"))
    expect(page.locator(".text")).not_to_contain_text(say(page, "still confirming", "Bado tunathibitisha"))
    expect(page.locator("form")).to_have_count(0)
    look(page, "refused")


def test_another_phone_is_the_next_step(page: Page, shopfront: Shopfront) -> None:
    """Only another phone can pay: the form says so. Where it is unfolded, what is wrong is said beside the field."""
    page.goto(shopfront.begin())
    pay(page)
    shopfront.answer(8006)
    expect(page.get_by_role("heading", level=2)).to_have_text(
        say(page, "Pay from another phone", "Lipa kwa simu nyingine")
    )
    look(page, "another-phone")
    page.goto(shopfront.begin())
    pay(page)
    shopfront.answer(1032)
    page.locator("summary").click()
    pay(page, "12")
    expect(page.locator("details[open] #error")).to_be_visible()
    expect(page.locator("#error")).to_have_count(1)
    look(page, "another-phone-wrong")


def test_bounds_and_the_way_back(page: Page, shopfront: Shopfront) -> None:
    """Both bounds have their commas; nobody is offered to cancel what was called off, or is over."""
    page.goto(shopfront.begin(amount=None, amount_least=1_500, amount_most=70_000))
    expect(page.locator("#amount-hint")).to_have_text(say(page, "From 1,500 to 70,000.", "Kuanzia 1,500 hadi 70,000."))
    look(page, "bounds")
    over = shopfront.begin(expires_in_s=60, cancel_url="https://127.0.0.1/")
    shopfront.pass_s(61)
    page.goto(over)
    expect(page.locator(".after a")).to_have_text(say(page, "Back to the shop", "Rudi dukani"))
    look(page, "expired")


def test_a_phone_that_was_asked_too_often(page: Page, shopfront: Shopfront) -> None:
    """429: in words, with a wait as people tell it, beside the form that keeps the phone."""
    number = phone()
    for amount in range(100, 104):
        page.goto(shopfront.begin(amount=amount))
        pay(page, number)
        shopfront.answer(1032)
    page.goto(shopfront.begin())
    with page.expect_response(lambda answer: answer.request.method == "POST") as refused:
        pay(page, number)
    assert refused.value.status == 429
    expect(page.get_by_role("alert").filter(has_text=say(page, "10 minutes", "dakika 10"))).to_be_visible()
    expect(page.locator("#phone")).to_have_value(number)
    look(page, "asked-too-often")


def test_an_address_that_came_too_often(page: Page, shopfront: Shopfront) -> None:
    """429 as a page of its own, for links; and beside the form, for presses."""
    link, checkout = shopfront.link(), shopfront.begin()
    for _ in range(LINKS):
        shopfront.do(shopfront.hakika.visit().post(link.removeprefix(shopfront.url)))
    page.goto(link)
    page.locator("main button").click()
    heading(page, say(page, "Too many tries", "Umejaribu mara nyingi mno"))
    expect(page.locator(".text")).to_contain_text(say(page, "2 seconds", "sekunde 2"))
    look(page, "too-many-links")
    page.get_by_role("link", name=say(page, "Try again", "Jaribu tena")).click()
    expect(page.locator("main button")).to_be_visible()
    for _ in range(PRESSES):
        shopfront.do(shopfront.hakika.visit().post(checkout.removeprefix(shopfront.url), data={"phone": "1"}))
    page.goto(checkout)
    pay(page)
    expect(page.locator("#error")).to_contain_text(say(page, "Too many tries", "mara nyingi mno"))
    look(page, "too-many-presses")


def test_the_database_is_away(page: Page, shopfront: Shopfront, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page in the payer's language, which does not deny a payment that may have been made."""

    async def fail(*_: object) -> None:
        raise StoreUnavailable("It is away.")

    url = shopfront.begin()
    with monkeypatch.context() as broken:
        broken.setattr(shopfront.hakika.state.checkouts, "read", fail)
        page.goto(url)
        expect(page.locator(".text")).to_contain_text(say(page, "do not pay again", "usilipe tena"))
        look(page, "away")
    page.locator("main a").click()
    expect(page.locator("#phone")).to_be_visible()


def test_what_is_being_typed_survives_the_next_screen(page: Page, shopfront: Shopfront) -> None:
    """The wait for the first phone ends while another is typed: it stays, unfolded and in focus, the amount too."""
    page.goto(shopfront.begin(amount=None))
    page.locator("#amount").fill("70")
    pay(page)
    shopfront.answer(1032)
    page.locator("summary").click()
    page.locator("#amount").fill("80")
    page.locator("#phone").press_sequentially("0712")
    shopfront.pass_s(121)
    expect(page.locator("form").first.locator("button")).to_be_enabled()
    expect(page.locator("#phone")).to_be_focused()
    page.keyboard.type("345678")
    expect(page.locator("#phone")).to_have_value("0712345678")
    expect(page.locator("#amount")).to_have_value("80")
