"""The page with the phones, in a real browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, async_playwright, expect

from hakika.simulator import Clock, Network
from tests.browser import ARGUMENTS, CHROMIUM
from tests.simulator.loopback import push, running, shopping

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium on this machine"),
]


@asynccontextmanager
async def browsing(address: str, width: int) -> AsyncIterator[Page]:
    """Open a page in a window of some width."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await browser.new_page(viewport={"width": width, "height": 740})
        await page.goto(address)
        yield page
        await browser.close()


async def overflows(page: Page) -> bool:
    """Tell whether the page is wider than its window."""
    return bool(await page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@pytest.mark.parametrize("width", [360, 1280])
async def test_a_person_pays_on_the_page(network: Network, width: int) -> None:
    """The phone rings by itself, a press of Pay pays, and the phone shows the receipt; nothing is cut off."""
    async with (
        running(network, Clock(20)) as origin,
        shopping(origin) as session,
        browsing(f"{origin}/simulator", width) as page,
    ):
        await expect(page.get_by_text("No phone is ringing.")).to_be_visible()
        await push(session)
        await expect(page.get_by_text("Do you want to pay KES 100 to Hakika Demo Shop?")).to_be_visible()
        assert not await overflows(page)
        await page.get_by_role("button", name="Enter PIN and pay").click()
        await expect(page.get_by_text("Confirmed. KES 100 paid to Hakika Demo Shop.")).to_be_visible()
        assert network.payments(2**53)[0]["answered_by"] == "person"


async def test_several_phones_ring_at_once_in_swahili(network: Network) -> None:
    """Each phone has its own prompt, and the page speaks the language that was chosen."""
    async with running(network) as origin, shopping(origin) as session:
        for number in range(3):
            await push(session, msisdn=f"25471111111{number}")
        async with browsing(f"{origin}/simulator", 360) as page:
            await page.get_by_role("button", name="Kiswahili").click()
            await expect(page.get_by_role("button", name="Ghairi")).to_have_count(3)
            await page.get_by_role("button", name="Ghairi").nth(1).click()
            await expect(page.get_by_role("button", name="Ghairi")).to_have_count(2)
            assert not await overflows(page)


async def test_one_phone_fills_the_screen(network: Network) -> None:
    """A phone's own address shows that phone alone."""
    async with running(network) as origin, shopping(origin) as session:
        for number in range(2):
            await push(session, msisdn=f"25471111111{number}")
        async with browsing(f"{origin}/simulator/phone/254711111111", 360) as page:
            await expect(page.locator(".phone")).to_have_count(1)
            await expect(page.get_by_text("0711 111 111")).to_be_visible()


async def test_a_reference_is_never_markup(network: Network) -> None:
    """What a merchant writes is shown letter by letter, and no script of its runs."""
    reference = "<img src=x>"
    async with running(network) as origin, shopping(origin) as session:
        await push(session, reference=reference)
        async with browsing(f"{origin}/simulator", 360) as page:
            await expect(page.get_by_text(f"Account: {reference}")).to_be_visible()
            assert await page.locator("main img").count() == 0


async def test_a_newcomer_makes_something_go_wrong(network: Network) -> None:
    """A fault is chosen by its description and ordered for what comes next."""
    async with running(network) as origin, browsing(f"{origin}/simulator", 360) as page:
        await page.get_by_text("Make something go wrong").click()
        await page.get_by_role("combobox").select_option("callback_lost")
        await page.get_by_role("button", name="Order it").click()
        await expect(page.get_by_text("Ordered: No callback is posted.")).to_be_visible()
        assert network.faults()["next"][0]["faults"] == [{"fault": "callback_lost"}]
