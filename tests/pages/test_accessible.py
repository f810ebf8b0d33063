"""The pages and a screen reader: axe-core finds no violation in any state, in either language."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.api.house import API_KEY
from tests.pages.shopfront import Shopfront

AXE = Path(__file__).parents[2] / "clients/js/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
pytestmark = pytest.mark.browser


@pytest.fixture(params=["en-KE", "sw-KE"])
def page(request: pytest.FixtureRequest, browser: Browser, shopfront: Shopfront) -> Iterator[Page]:
    """A narrow window in which axe may run beside a page that allows no other script."""
    if not AXE.exists():
        pytest.skip("axe-core comes with `scripts/install-javascript`, which `make test` runs")
    shopfront.pass_s(700)
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, locale=request.param, bypass_csp=True, color_scheme="light"
    )
    yield context.new_page()
    context.close()


def violations(page: Page) -> list[str]:
    """What axe finds."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("tags => axe.run({runOnly: tags})", RULES)["violations"]
    return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]


def look(page: Page, url: str, kind: str) -> None:
    """Open a page and hold it to the rules."""
    page.goto(url)
    assert page.locator("#screen").get_attribute("data-kind") == kind
    assert violations(page) == [], kind


def pay(page: Page, url: str) -> None:
    """Ask a phone."""
    page.goto(url)
    page.locator("#phone").fill("0712 345 678")
    page.locator("form:has(#phone) button").click()
    page.wait_for_selector("#screen[data-kind=sending]")


def test_every_state_of_a_payment(page: Page, shopfront: Shopfront) -> None:
    """Asking, a typing error, ringing, confirming, paid."""
    url = shopfront.begin(amount=None, description="Two coffees", cancel_url="https://127.0.0.1/")
    look(page, url, "ask")
    page.locator("form button").click()
    page.wait_for_selector("#error")
    assert violations(page) == []
    page.locator("#amount").fill("10")
    page.locator("#phone").fill("0712 345 678")
    page.locator("form button").click()
    page.wait_for_selector("#screen[data-kind=sending]")
    look(page, url, "sending")
    shopfront.ring()
    look(page, url, "check")
    shopfront.pass_s(61)
    look(page, url, "confirming")
    shopfront.answer()
    look(page, url, "paid")


@pytest.mark.parametrize("code", [1032, 8006, 2002])
def test_every_step_after_no_money(page: Page, shopfront: Shopfront, code: int) -> None:
    """Wait, again, another phone, the merchant."""
    url = shopfront.begin()
    pay(page, url)
    shopfront.answer(code)
    look(page, url, "declined")
    shopfront.pass_s(121)
    look(page, url, "declined")


def test_every_other_state(page: Page, shopfront: Shopfront) -> None:
    """Another amount, expired, a link, no such page."""
    url, short = shopfront.begin(), shopfront.begin(expires_in_s=60)
    pay(page, url)
    shopfront.answer(amount=5)
    look(page, url, "mispaid")
    shopfront.pass_s(60)
    look(page, short, "expired")
    for other in (shopfront.link(), f"{shopfront.url}/pay/chk_none"):
        page.goto(other)
        assert violations(page) == []


def test_the_till(page: Page, shopfront: Shopfront) -> None:
    """Logging in, the keypad, a sale."""
    page.goto(f"{shopfront.url}/till")
    assert violations(page) == []
    page.locator("#key").fill(API_KEY)
    page.locator("main button").click()
    page.wait_for_selector("#amount")
    assert violations(page) == []
    page.locator("#amount").fill("350")
    page.locator("#phone").fill("0712 345 678")
    page.locator("form.card button.main").click()
    page.wait_for_selector("#screen[data-kind=sending]")
    shopfront.answer()
    page.wait_for_selector("#screen[data-kind=paid]")
    assert violations(page) == []
