"""The portal on a phone of 360 pixels, with and without script; the owner's pages."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import open_browser
from tests.hotspot.hutfront import Hutfront

pytestmark = pytest.mark.browser
PHONE_SIZE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite_file: Path) -> Iterator[Hutfront]:
    """One hotspot for this file."""
    folder = tmp_path_factory.mktemp("hutfront")
    shutil.copyfile(migrated_sqlite_file, folder / "hakika.db")
    with Hutfront(f"sqlite:///{folder / 'hakika.db'}", folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for this file."""
    with open_browser() as opened:
        yield opened


def pay(front: Hutfront, code: object = 0) -> None:
    """Let the payer answer, and the hotspot hear of it as from a webhook."""
    front.do(front.hut.settle())
    row = front.do(front.hut.latest())
    front.do(front.hut.pay(row, code))
    front.do(front.hut.hotspot.reader.read_once())
    front.hut.clock.now_ms += 1000  # so that the next purchase is the latest


def ask_for(page: Page, package: str, phone: str) -> None:
    """Choose, write the phone, press."""
    page.get_by_label(package).check()
    page.get_by_label("M-Pesa phone number").fill(phone)
    page.get_by_role("button", name="Pay with M-Pesa").click()


def fits(page: Page) -> bool:
    """Whether nothing is wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_a_phone_joins_buys_and_is_online_by_itself(front: Hutfront, browser: Browser, tmp_path: Path) -> None:
    """With script: after the payer's PIN the page goes on by itself, logs in at the router, and says so."""
    context = browser.new_context(viewport=PHONE_SIZE)  # type: ignore[arg-type]
    page, wrong = context.new_page(), list[str]()
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(front.join("AA:BB:CC:DD:EE:01"))
    page.screenshot(path=tmp_path / "1-packages.png")
    assert fits(page)
    ask_for(page, "1 hour", "0712345601")
    expect(page.get_by_text("Check your phone")).to_be_visible()
    page.screenshot(path=tmp_path / "2-waiting.png")
    pay(front)
    expect(page.get_by_text("You are online")).to_be_visible()
    page.screenshot(path=tmp_path / "3-online.png")
    assert fits(page)
    assert front.online[-1] == "AA:BB:CC:DD:EE:01"
    page.goto(front.join("02:00:00:00:00:99", lang="sw"))
    expect(page.get_by_text("Una muda uliobaki")).to_be_visible()
    page.screenshot(path=tmp_path / "4-randomised-sw.png", full_page=True)
    page.get_by_role("button", name="Unganisha").click()
    expect(page.get_by_text("Umeunganishwa")).to_be_visible()
    assert front.online[-1] == "02:00:00:00:00:99"
    assert wrong == []
    context.close()


def test_without_script_the_page_asks_again_by_itself(front: Hutfront, browser: Browser, tmp_path: Path) -> None:
    """Without script: it refreshes itself; cancelled leads back; paid needs one press, and the device is online."""
    context = browser.new_context(viewport=PHONE_SIZE, java_script_enabled=False)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(front.join("AA:BB:CC:DD:EE:02"))
    ask_for(page, "1 day", "0712345602")
    expect(page.get_by_text("Check your phone")).to_be_visible()
    pay(front, 1032)
    expect(page.get_by_text("No money was taken")).to_be_visible()
    page.screenshot(path=tmp_path / "5-cancelled.png")
    page.get_by_role("link", name="Try again").click()
    ask_for(page, "1 hour", "0712345602")
    pay(front)
    expect(page.get_by_text("Paid. Thank you!")).to_be_visible()
    page.screenshot(path=tmp_path / "6-paid-no-script.png")
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_text("You are online")).to_be_visible()
    assert front.online[-1] == "AA:BB:CC:DD:EE:02"
    context.close()


def test_the_owners_pages(front: Hutfront, browser: Browser, tmp_path: Path) -> None:
    """The owner logs in, sees sales and who is online, and makes vouchers, on a screen as on a phone."""
    context = browser.new_context(viewport={"width": 1100, "height": 700})
    page = context.new_page()
    page.goto(f"{front.url}/owner")
    page.get_by_label("Password").fill("a long owner's password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Sales")).to_be_visible()
    page.screenshot(path=tmp_path / "7-sales.png")
    page.get_by_role("link", name="Online", exact=True).click()
    expect(page.get_by_role("heading", name="Online now")).to_be_visible()
    page.screenshot(path=tmp_path / "8-online.png")
    page.get_by_role("link", name="Vouchers").click()
    page.get_by_role("button", name="Make").click()
    expect(page.get_by_text("KES 20").first).to_be_visible()
    page.screenshot(path=tmp_path / "9-vouchers.png")
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{front.url}/owner/online")
    page.screenshot(path=tmp_path / "10-online-phone.png")
    assert fits(page)
    context.close()
