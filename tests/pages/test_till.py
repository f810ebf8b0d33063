"""The till in a real browser: a shop's staff log in once, type an amount and a phone, and see what became of it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.house import API_KEY
from tests.pages.shopfront import Shopfront

pytestmark = pytest.mark.browser


@pytest.fixture
def till(browser: Browser, shopfront: Shopfront) -> Iterator[Page]:
    """A narrow window at the till, logged in."""
    shopfront.pass_s(130)
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="en-KE")
    page = context.new_page()
    page.goto(f"{shopfront.url}/till")
    page.get_by_label("API key").fill(API_KEY)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_label("Amount in KES")).to_be_visible()
    yield page
    context.close()


def charge(page: Page, phone: str) -> None:
    """Type 350 on the keypad, and a phone."""
    for key in ("3", "5", "00", "Delete the last digit"):
        page.get_by_role("button", name=key, exact=True).click()
    page.get_by_label("Customer's M-Pesa number").fill(phone)
    page.get_by_role("button", name="Charge").click()


def test_a_sale(till: Page, shopfront: Shopfront) -> None:
    """Keypad, phone, live result, and the sale stands among the last ones."""
    charge(till, "0701 000 001")
    expect(till.get_by_role("heading", level=1)).to_have_text("Asking the customer's phone…")
    row = shopfront.ring()
    assert (row.amount, row.reference[:5]) == (350, "till-")
    expect(till.get_by_role("heading", level=1)).to_have_text("The customer's phone asks for the PIN")
    shopfront.answer()
    expect(till.get_by_role("heading", level=1)).to_have_text("Paid. Thank you!")
    expect(till.locator(".sales li").first).to_contain_text("paid")
    assert not till.evaluate("document.documentElement.scrollWidth > innerWidth")
    till.get_by_role("link", name="Next customer").click()
    expect(till.get_by_label("Amount in KES")).to_have_value("")


def test_what_was_typed_wrongly_is_kept(till: Page) -> None:
    """The amount stays where the phone is wrong."""
    charge(till, "12345")
    expect(till.get_by_role("alert").filter(has_text="not a Kenyan")).to_be_visible()
    expect(till.get_by_label("Amount in KES")).to_have_value("350")
    told, label = (till.locator(what).bounding_box() for what in ("#error", "label[for=amount]"))
    assert told
    assert label
    assert label["y"] - told["y"] - told["height"] >= 10  # what is wrong does not touch what is next


@pytest.mark.parametrize("outcome", ["confirming", "mispaid", "unresolved"])
def test_where_money_may_have_moved_nobody_charges_again(till: Page, shopfront: Shopfront, outcome: str) -> None:
    """The staff are told so, and what came instead of what; no word of failure."""
    charge(till, "0701 000 002")
    row = shopfront.ring()
    if outcome == "mispaid":
        shopfront.answer(amount=5)
    shopfront.pass_s(61)
    while outcome == "unresolved" and shopfront.read_payment(row.id).status == "pending":
        shopfront.pass_s(3600)
        shopfront.do(shopfront.hakika.worker.run_once())
    till.reload()
    if outcome == "unresolved":  # the session ended meanwhile
        till.get_by_label("API key").fill(API_KEY)
        till.get_by_role("button", name="Log in").click()
        till.goto(f"{shopfront.url}/till?payment={row.id}")
    expect(till.locator("#screen")).to_have_attribute("data-kind", outcome)
    expect(till.locator(".text")).to_contain_text("do not charge again")
    if outcome == "mispaid":
        expect(till.locator(".text")).to_contain_text("KES\u00a05 came instead of KES\u00a0350")


def test_logging_out(till: Page, shopfront: Shopfront) -> None:
    """The device forgets; no script ever saw the cookie."""
    [cookie] = till.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/till")
    assert till.evaluate("document.cookie") == ""
    till.get_by_role("button", name="Log out").click()
    expect(till.get_by_label("API key")).to_be_visible()
    assert till.context.cookies() == []
