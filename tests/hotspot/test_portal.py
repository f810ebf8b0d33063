"""The portal as a browser without script meets it: whole pages, forms, redirects."""

import re
from typing import Any

import pytest
from sqlalchemy import select

from hakika_hotspot.domain.access import Happened
from hakika_hotspot.portal.words import WORDS
from hakika_hotspot.store.tables import purchases
from tests.hotspot.hut import MAC, OTHER_MAC, PHONE, Hut

pytestmark = pytest.mark.anyio
JOINED = {"mac": MAC, "ip": "10.5.9.9", "router": "gate", "link-orig": "http://example.com/"}
LARGEST_PAGE_BYTES = 20_000


def token_of(page: str) -> str:
    """The token that a form carries."""
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found, page
    return found[1]


def form(page: str, **fields: Any) -> dict[str, Any]:
    """Fill in the form of a page."""
    return {"token": token_of(page), "package": "hour", "phone": PHONE, "mac": MAC, "router": "gate"} | fields


async def test_every_page_is_small_and_needs_nothing_else(light_hut: Hut) -> None:
    """Each page with all that it loads is at most 20 kB, in both languages; nothing comes from elsewhere."""
    hut = light_hut
    async with hut.visit() as browser:
        home = await browser.get("/", params=JOINED)
        waiting = await browser.post("/buy", data=form(home.text))
        await hut.settle()
        await hut.pay(await hut.latest())
        await hut.hotspot.reader.read_once()
        pages = [home, waiting, await browser.get(str(waiting.url)), await browser.get("/on", params=JOINED)]
        pages += [await browser.get("/", params={**JOINED, "lang": "sw"})]
    for answer in pages:
        assert answer.status_code == 200
        assert len(answer.content) <= LARGEST_PAGE_BYTES
        assert not re.findall(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=", answer.text)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert sum(len(answer.content) for answer in pages[:3]) <= 2 * LARGEST_PAGE_BYTES
    assert 'lang="sw"' in pages[-1].text
    assert "Lipa kwa M-Pesa" in pages[-1].text


async def test_bought_without_script_or_cookie(light_hut: Hut) -> None:
    """A browser that runs no script and keeps no cookie is led by links alone, from the packages to the login."""
    hut = light_hut
    async with hut.visit() as browser:
        home = await browser.get("/", params=JOINED)
        browser.cookies.clear()
        waiting = await browser.post("/buy", data=form(home.text))
        browser.cookies.clear()
        assert 'http-equiv="refresh"' in waiting.text
        assert "0712***678" in waiting.text
        await hut.settle()
        await hut.pay(await hut.latest())
        await hut.hotspot.reader.read_once()
        paid = await browser.get(str(waiting.url))
    assert "Paid. Thank you!" in paid.text
    assert '<form id="login" action="http://10.5.50.1/login" method="post"' in paid.text
    assert "http://10.5.50.1" in paid.headers["content-security-policy"]
    assert (await hut.ask()).allowed


async def test_a_double_click_is_one_purchase(light_hut: Hut) -> None:
    """The same form twice leads to the same page and rings once; a changed or finished one is another purchase."""
    hut = light_hut
    async with hut.visit() as browser:
        home = await browser.get("/", params=JOINED)
        one, two = [await browser.post("/buy", data=form(home.text)) for _ in range(2)]
        assert one.url == two.url
        await hut.settle()
        assert len(hut.hakika.daraja.pushes) == 1
        await hut.pay(await hut.latest(), code=1032)
        await hut.hotspot.reader.read_once()
        assert "cancelled" in (await browser.get(str(one.url))).text
        hut.clock.pass_s(1)
        again = await browser.post("/buy", data=form(home.text))
        assert again.url != one.url


async def test_the_purchase_is_remembered_when_the_mac_is_another(hut: Hut) -> None:
    """A phone that comes back with a made-up MAC is known by its browser, and takes one place, not two."""
    async with hut.visit() as browser:
        home = await browser.get("/", params=JOINED)
        await browser.post("/buy", data=form(home.text))
        await hut.settle()
        await hut.pay(await hut.latest())
        await hut.hotspot.reader.read_once()
        assert not (await hut.ask(OTHER_MAC)).allowed
        back = await browser.get("/", params={**JOINED, "mac": OTHER_MAC})
        assert "You have time left: 1 h." in back.text
        await browser.post("/connect", data={"mac": OTHER_MAC, "router": "gate"})
    assert (await hut.ask(OTHER_MAC)).seconds_left == 3600
    assert not (await hut.ask(MAC)).allowed, "the place went with the phone"


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"phone": "12345"}, "bad_phone"),
        ({"package": ""}, "no_package"),
        ({"package": "market-day"}, "no_package"),
        ({"phone": "<script>alert(1)</script>"}, "bad_phone"),
    ],
)
async def test_a_form_that_is_wrong_says_what(light_hut: Hut, fields: dict[str, str], word: str) -> None:
    """The page comes again with what was wrong, and what was typed, harmless."""
    async with light_hut.visit() as browser:
        home = await browser.get("/", params=JOINED)
        answer = await browser.post("/buy", data=form(home.text, **fields))
    assert answer.status_code == 422
    assert WORDS[word][0] in answer.text
    assert "<script>alert" not in answer.text


async def test_nobody_rings_strangers_all_day(light_hut: Hut) -> None:
    """A device may ask for six prompts in a quarter of an hour, and a phone is sent six, whoever asks."""
    hut = light_hut
    async with hut.visit() as browser:
        home = await browser.get("/", params=JOINED)
        for number in range(6):
            await browser.post("/buy", data=form(home.text, phone=f"07220000{number:02}"))
        answer = await browser.post("/buy", data=form(home.text, phone="0722000077", token="another-form-altogether"))
    assert (answer.status_code, "15 minutes" in answer.text) == (422, True)
    await hut.settle()


async def test_an_old_form_rings_no_more_phones_than_a_new_one(light_hut: Hut) -> None:
    """The token of a purchase, sent again for other phones, gets nobody past the limits; the same form still shows."""
    hut = light_hut
    async with hut.visit() as browser:
        home = await browser.get("/", params=JOINED)
        first = form(home.text)
        answers = [await browser.post("/buy", data=first | {"phone": f"07220000{number:02}"}) for number in range(8)]
        answer = answers[-1]
        assert (answer.status_code, "15 minutes" in answer.text) == (422, True)
        answer = await browser.post("/buy", data=first | {"phone": "0722000000"})
        assert answer.status_code == 200, "a double click is no new prompt"
    await hut.settle()
    assert await hut.store.read(lambda tx: len(tx.execute(select(purchases)).all())) == 6


async def test_a_redirect_cannot_send_logins_elsewhere(light_hut: Hut) -> None:
    """A login address in the redirect is believed only where it is private; the settings' own always wins."""
    async with light_hut.visit() as browser:
        home = await browser.get("/", params={"mac": MAC, "link-login-only": "http://evil.example/login"})
        assert "evil.example" not in home.text
        for name in ("http://10.9.0.1/login", "http://192.168.88.1:8080/login"):
            assert name in (await browser.get("/", params={"mac": MAC, "link-login-only": name})).text
        coova = await browser.get("/", params={"mac": MAC, "uamip": "10.1.0.1", "uamport": "3990"})
        assert "http://10.1.0.1:3990/logon" in coova.text
        assert (
            "http://10.5.50.1/login"
            in (await browser.get("/", params={**JOINED, "link-login-only": "http://10.9.0.1/login"})).text
        )


async def test_the_captive_portal_api(hut: Hut) -> None:
    """RFC 8908: captive with the portal's address before, free with what is left after; strangers are told nothing."""
    async with hut.visit("10.5.9.9") as phone, hut.visit("203.0.113.5") as stranger:
        before = await phone.get("/captive-portal/api")
        assert before.headers["content-type"] == "application/captive+json"
        assert before.json() == {
            "captive": True,
            "user-portal-url": "http://wifi.test/?site=westlands&ip=10.5.9.9",
            "can-extend-session": True,
        }
        await hut.buy("data")
        await hut.tell(Happened.START, address="10.5.9.9")
        after = (await phone.get("/captive-portal/api")).json()
        assert (after["captive"], after["seconds-remaining"] > 86_000, after["bytes-remaining"]) == (
            False,
            True,
            500_000_000,
        )
        assert (await stranger.get("/captive-portal/api")).status_code == 404


async def test_nothing_is_said_to_be_asked_that_may_not_be(light_hut: Hut) -> None:
    """While M-Pesa has not taken the prompt, the page says that it is being asked for, and not that it was."""
    hut = light_hut
    async with hut.visit() as browser:
        home = await browser.get("/", params=JOINED)
        waiting = await browser.post("/buy", data=form(home.text))
    assert ("We are asking" in waiting.text, "We have asked" in waiting.text) == (True, False)
    await hut.settle()


async def test_both_languages_say_everything() -> None:
    """Every word has an English and a Swahili text, with the same values in it."""
    for word, (english, swahili) in WORDS.items():
        assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", swahili)), word
