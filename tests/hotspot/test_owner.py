"""The owner's pages: behind the password, what was sold, who is online, and the owner's word."""

import re
from collections.abc import AsyncIterator

import httpx2
import pytest

from hakika_hotspot.domain.access import Happened, Reason
from tests.hotspot.hut import MAC, OTHER_NAS, Hut

pytestmark = pytest.mark.anyio
PASSWORD = "a long owner's password"
PATHS = ["", "/online", "/purchases", "/vouchers", "/network", "/pass/ent_x"]


@pytest.fixture
async def owner(light_hut: Hut) -> AsyncIterator[httpx2.AsyncClient]:
    """The owner, logged in."""
    async with light_hut.visit("127.0.0.1") as browser:
        await browser.post("/owner/login", data={"password": PASSWORD})
        yield browser


async def test_nothing_is_shown_without_the_password(light_hut: Hut) -> None:
    """Every page leads to the login; a wrong password, a forged cookie and the eleventh try do not get in."""
    hut = light_hut
    async with hut.visit() as stranger:
        for path in PATHS:
            assert str((await stranger.get(f"/owner{path}")).url).endswith("/owner/login")
        for path in ("/kick", "/extend", "/end", "/vouchers/make", "/vouchers/withdraw"):
            assert str((await stranger.post(f"/owner{path}", data={"mac": MAC})).url).endswith("/owner/login")
        stranger.cookies.set("wifi_owner", f"{hut.clock() // 1000 + 999}.{'0' * 64}")
        assert str((await stranger.get("/owner")).url).endswith("/owner/login")
        answers = [await stranger.post("/owner/login", data={"password": "wrong"}) for _ in range(10)]
        assert {answer.status_code for answer in answers} == {403}
        assert "15 minutes" in (await stranger.post("/owner/login", data={"password": PASSWORD})).text
    async with hut.visit("10.5.7.7") as owner:
        assert "Sales" in (await owner.post("/owner/login", data={"password": PASSWORD})).text
        hut.clock.pass_s(13 * 3600)
        assert str((await owner.get("/owner")).url).endswith("/owner/login"), "a session ends"


async def test_a_form_of_another_site_is_refused(light_hut: Hut, owner: httpx2.AsyncClient) -> None:
    """A page elsewhere cannot make the owner's browser kick or give."""
    await light_hut.buy()
    answer = await owner.post("/owner/kick", data={"mac": MAC}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    answer = await owner.post("/owner/kick", data={"mac": MAC}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert (await light_hut.ask()).allowed


async def test_sales_by_package_and_site(light_hut: Hut, owner: httpx2.AsyncClient) -> None:
    """Each package's number and shillings stand at its site; reversed payments are no sales; vouchers are counted."""
    hut = light_hut
    await hut.buy()
    await hut.buy()
    taken_back = await hut.buy("day")
    await hut.buy("market-day", site="market", router="market-gate", phone="0722000001", mac="AA:BB:CC:DD:EE:21")
    await hut.hakika.api.post(
        f"/v1/payments/{taken_back.payment}/resolve", json={"outcome": "reversed", "reason": "sent back"}
    )
    await hut.hotspot.reader.read_once()
    page = (await owner.get("/owner")).text
    rows = re.findall(r'<tr><td>([^<]+)<td>([^<]+)<td class="number">(\d+)<td class="number">(\d+)', page)
    assert rows == [("market-day", "Market", "1", "40"), ("hour", "Westlands", "2", "40")]
    assert "KES<b>80</b>" in page


async def test_who_is_online_and_kicked(light_hut: Hut, owner: httpx2.AsyncClient) -> None:
    """The device stands with its package and phone; kicked, its session is to be closed and it is refused."""
    hut = light_hut
    await hut.buy()
    await hut.tell(Happened.START, address="10.5.9.9", bytes_down=7_000_000)
    page = (await owner.get("/owner/online")).text
    assert all(text in page for text in (MAC, "10.5.9.9", "1 hour", "254712345678", "gate"))
    assert MAC not in (await owner.get("/owner/online?site=market")).text
    await owner.post("/owner/kick", data={"mac": MAC})
    assert "close" in (await owner.get("/owner/network")).text
    await hut.tell(Happened.STOP)
    assert (await hut.ask()).reason == Reason.NOTHING_BOUGHT


async def test_the_owner_extends_once_for_each_form_and_ends(light_hut: Hut, owner: httpx2.AsyncClient) -> None:
    """More time goes on the terms that run; the form sent twice gives it once; ended is over at once."""
    hut = light_hut
    bought = await hut.buy()
    before = await hut.ask()
    for _ in range(2):
        form = {"entitlement": bought.entitlement, "time": "2h", "token": "one-form-of-the-owner"}
        assert "Open until" in (await owner.post("/owner/extend", data=form)).text
    after = await hut.ask()
    assert after.expires_at_ms == before.expires_at_ms + 2 * 3_600_000
    assert after.rate_down_kbps == before.rate_down_kbps
    assert (await owner.post("/owner/extend", data={"entitlement": bought.entitlement, "time": "x"})).status_code == 422
    await owner.post("/owner/end", data={"entitlement": bought.entitlement})
    assert (await hut.ask()).reason == Reason.REVOKED


async def test_vouchers_are_made_and_withdrawn(light_hut: Hut, owner: httpx2.AsyncClient) -> None:
    """A batch is shown to be printed, opens, and what is unused of it is withdrawn."""
    hut = light_hut
    form = {"package": "hour", "count": "3", "days": "30", "token": "a-batch-of-three"}
    page = (await owner.post("/owner/vouchers/make", data=form)).text
    codes = re.findall(r"<div>([0-9A-Z]{5}-[0-9A-Z]{5})</div>", page)
    assert len(codes) == 3
    assert (await hut.ask(MAC, codes[0])).allowed
    await owner.post("/owner/vouchers/withdraw", data={"batch": "a-batch-of-three"})
    assert (await hut.ask("AA:BB:CC:DD:EE:31", codes[1])).reason == Reason.WRONG_CODE
    page = (await owner.get("/owner/vouchers")).text
    assert re.search(r'<td class="number">3<td class="number">1<td class="number">2', page)


async def test_what_needs_a_person_is_shown_and_found(light_hut: Hut, owner: httpx2.AsyncClient) -> None:
    """A mispaid purchase stands on the first page, and is found by its phone."""
    hut = light_hut
    row = await hut.begin()
    await hut.pay(row, amount=5)
    await hut.hotspot.reader.read_once()
    assert "mispaid" in (await owner.get("/owner")).text
    assert "mispaid" in (await owner.get("/owner/purchases?find=0712 345 678")).text
    assert "None found" in (await owner.get("/owner/purchases?find=0799999999")).text


async def test_a_site_of_its_own(light_hut: Hut, owner: httpx2.AsyncClient) -> None:
    """Devices at several sites stand together, and apart."""
    hut = light_hut
    await hut.tell(Happened.START, "s1", MAC)
    await hut.tell(Happened.START, "s1", "AA:BB:CC:DD:EE:41", nas=OTHER_NAS)
    assert "Online now: 2" in (await owner.get("/owner/online")).text
    assert "Online now: 1" in (await owner.get("/owner/online?site=market")).text
