"""`/v1/checkouts`, `/v1/links`, and their pages as a stranger may ask for them."""

import asyncio
from typing import Any

import httpx2
import pytest

from hakika.api.pages import turnstile
from hakika.api.pages.turnstile import LINKS, PRESSES
from hakika.domain.errors import StoreUnavailable
from hakika.engine.keys import create_key
from tests.api.house import Open, result

pytestmark = pytest.mark.anyio
HOSTS = {"return_hosts": ["shop.example"], "display_name": "Wanjiru's"}
NOBODY = "chk_00000000000000000000000000"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def create(hakika: Open, path: str = "checkouts", **fields: Any) -> dict[str, Any]:
    """Make a checkout, or a link."""
    answer = await hakika.api.post(f"/v1/{path}", json={"reference": "order-1", "amount": 100} | fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def path_of(made: dict[str, Any]) -> str:
    """The path of its page."""
    return str(made["url"]).removeprefix("https://pay.example.com")


async def press(hakika: Open, path: str, phone: str, address: str = "203.0.113.9", **fields: str) -> httpx2.Response:
    """Send the page's form."""
    return await hakika.visit(address).post(path, data={"phone": phone} | fields)


async def answer_prompt(hakika: Open, code: int = 0) -> None:
    """Push what waits, and let the payer do something."""
    await hakika.worker.run_once()
    push = hakika.daraja.pushes[-1]
    number = len(hakika.daraja.pushes)
    told = result(f"ws_CO_{number}", code=code, amount=push.amount, receipt=f"NLJ7RT{number:04}")
    await hakika.post(push.callback_url.removeprefix("https://pay.example.com"), told)


# ── the API ──────────────────────────────


async def test_a_checkout_from_beginning_to_end(hakika: Open) -> None:
    """Made, paid on its page, waited for, read with its attempts, and told of by its events."""
    made = await create(hakika, description="Two coffees", metadata={"cart": "c-88"})
    assert (made["status"], made["mode"], made["attempts"], made["payment"]) == ("open", "test", 0, None)
    waiting = asyncio.create_task(hakika.api.get(f"/v1/checkouts/{made['id']}/wait?timeout=30"))
    assert (await press(hakika, path_of(made), "0712345678")).status_code == 303
    await answer_prompt(hakika)
    done = (await waiting).json()
    assert (done["status"], done["receipt"], done["payments"]) == ("completed", "NLJ7RT0001", [done["payment"]])
    assert (done["amount_received"], done["metadata"]) == (100, {"cart": "c-88"})
    told = (await hakika.api.get(f"/v1/events?checkout={made['id']}")).json()["data"]
    assert [event["type"] for event in told] == ["payment.created", "payment.completed", "checkout.completed"]
    assert (told[2]["data"]["id"], told[2]["payment"]) == (made["id"], None)


async def test_a_repeat_with_a_key_is_the_first_answer(hakika: Open) -> None:
    """For checkouts and for links; another body under the same key is refused."""
    for path in ("checkouts", "links"):
        body, headers = {"reference": "order-1", "amount": 5}, {"Idempotency-Key": "k"}
        first, second = [await hakika.api.post(f"/v1/{path}", json=body, headers=headers) for _ in range(2)]
        if path == "checkouts":
            assert (first.content, second.headers["idempotent-replayed"]) == (second.content, "true")
        else:
            assert (first.status_code, first.json()["code"]) == (409, "idempotency_key_reused")


async def test_finding_and_cancelling(hakika: Open) -> None:
    """Newest first, page by page, by reference and status; cancelled once."""
    made = [await create(hakika, reference=f"order-{number}") for number in range(3)]
    cancelled = await hakika.api.post(f"/v1/checkouts/{made[0]['id']}/cancel")
    assert cancelled.json()["status"] == "cancelled"
    again = await hakika.api.post(f"/v1/checkouts/{made[0]['id']}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "checkout_ended")
    first = (await hakika.api.get("/v1/checkouts?limit=2")).json()
    rest = (await hakika.api.get(f"/v1/checkouts?limit=2&cursor={first['next_cursor']}")).json()
    assert {one["id"] for one in first["data"] + rest["data"]} == {one["id"] for one in made}
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert [one["id"] for one in (await hakika.api.get("/v1/checkouts?reference=order-1")).json()["data"]] == [
        made[1]["id"]
    ]
    assert len((await hakika.api.get("/v1/checkouts?status=open")).json()["data"]) == 2


async def test_links_and_their_codes(hakika: Open) -> None:
    """A link is listed, drawn as SVG and PNG, switched off, and its checkouts are found by it."""
    link = await create(hakika, "links", amount=None, amount_least=50)
    assert (link["used"], link["amount_least"], link["url"][:28]) == (0, 50, "https://pay.example.com/link")
    svg = await hakika.api.get(f"/v1/links/{link['id']}/qr.svg")
    png = await hakika.api.get(f"/v1/links/{link['id']}/qr.png")
    assert svg.headers["content-type"] == "image/svg+xml"
    assert '<svg xmlns="http://www.w3.org/2000/svg"' in svg.text, "as a file of its own no browser would draw it"
    assert (png.headers["content-type"], png.content[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    opened = await hakika.visit().post(path_of(link))
    assert opened.status_code == 303
    found = (await hakika.api.get(f"/v1/checkouts?link={link['id']}")).json()["data"]
    assert [path_of(one) for one in found] == [opened.headers["location"]]
    await hakika.api.patch(f"/v1/links/{link['id']}", json={"active": False})
    assert (await hakika.visit().post(path_of(link))).status_code == 409
    assert (await hakika.visit().get(path_of(link))).status_code == 409
    assert (await hakika.api.get("/v1/links")).json()["data"][0]["active"] is False


async def test_a_key_sees_its_own_mode(hakika: Open) -> None:
    """A live key finds no test checkout."""
    made, link = await create(hakika), await create(hakika, "links")
    store = hakika.house.store
    live, _ = await store.write(lambda tx: create_key(tx, "live", "live", hakika.clock, hakika.house.entropy))
    api = hakika.visit(headers={"Authorization": f"Bearer {live}"})
    for path in (f"checkouts/{made['id']}", f"checkouts/{made['id']}/wait", f"links/{link['id']}"):
        assert (await api.get(f"/v1/{path}")).status_code == 404
    assert (await api.get("/v1/checkouts")).json()["data"] == []


async def test_return_hosts_are_the_accounts(lite: Open) -> None:
    """A host that the account does not list is refused; the account is changed, and it is taken."""
    fields = {"reference": "order-1", "amount": 5, "return_url": "https://shop.example/thanks"}
    refused = await lite.api.post("/v1/checkouts", json=fields)
    assert (refused.status_code, refused.json()["field"]) == (422, "return_url")
    changed = await lite.api.patch("/v1/accounts/default", json=HOSTS)
    assert changed.json()["return_hosts"] == ["shop.example"]
    assert (await lite.api.post("/v1/checkouts", json=fields)).status_code == 201
    bad = await lite.api.patch("/v1/accounts/default", json={"return_hosts": ["https://shop.example"]})
    assert bad.status_code == 422


# ── the pages ──────────────────────────────


async def test_headers_of_a_page(lite: Open) -> None:
    """Strict, uncached, unframed, and telling nobody its address."""
    page = await lite.visit().get(path_of(await create(lite)))
    told = page.headers
    assert "default-src 'none'" in told["content-security-policy"]
    assert "unsafe" not in told["content-security-policy"]
    assert (told["cache-control"], told["referrer-policy"], told["x-frame-options"]) == (
        "no-store",
        "no-referrer",
        "DENY",
    )
    assert "set-cookie" not in told
    assert "<script>" not in page.text
    assert " style=" not in page.text
    assert " onclick" not in page.text


@pytest.mark.parametrize(
    "path", [f"/pay/{NOBODY}", f"/pay/{NOBODY}/state", "/pay/%3Cscript%3E", "/link/lnk_x", f"/link/lnk_{NOBODY[4:]}"]
)
async def test_a_guessed_address(lite: Open, path: str) -> None:
    """A page says that there is none, and nothing of what was asked for."""
    page = await lite.visit().get(path, headers={"Accept-Language": "sw"})
    assert page.status_code == 404
    assert "Hakuna ukurasa kama huo" in page.text
    assert "<script>" not in page.text


@pytest.mark.parametrize(
    ("asked", "preset", "accepted", "expected"),
    [
        ("", None, "sw-KE,sw;q=0.9,en;q=0.8", "sw"),
        ("", None, "fr, en;q=0.3, sw;q=0.5", "sw"),
        ("", None, "de", "en"),
        ("", None, "", "en"),
        ("", "sw", "en", "sw"),
        ("en", "sw", "sw", "en"),
        ("xx", None, "sw;q=0", "en"),
        ("", None, ";q=,,q=x", "en"),
    ],
)
async def test_the_language_of_a_page(lite: Open, asked: str, preset: str | None, accepted: str, expected: str) -> None:
    """The payer's switch, then the merchant's wish, then the browser's first that we speak."""
    made = await create(lite, language=preset)
    page = await lite.visit().get(f"{path_of(made)}?lang={asked}", headers={"Accept-Language": accepted})
    assert f'<html lang="{expected}">' in page.text


@pytest.mark.parametrize("broken", [StoreUnavailable("The database is away."), RuntimeError("nobody planned for it")])
async def test_a_page_never_says_falsely_that_nothing_was_paid(
    lite: Open, monkeypatch: pytest.MonkeyPatch, broken: Exception
) -> None:
    """Whatever breaks, while reading or after a press, the payer gets a page: it may be paid, do not pay again."""
    path = path_of(await create(lite))

    async def fail(*_: object, **__: object) -> None:
        raise broken

    monkeypatch.setattr(lite.state.prompting, "attempt", fail)
    pressed = await press(lite, path, "0712345678")
    monkeypatch.setattr(lite.state.checkouts, "read", fail)
    for page in (pressed, await lite.visit().get(path)):
        assert page.status_code in {500, 503}
        assert "please do not pay again" in page.text
        assert "nothing was paid" not in page.text
        assert "nobody planned" not in page.text


@pytest.mark.parametrize(("asked", "kept"), [("sw", "?lang=sw"), ("%0d%0aSet-Cookie:%20a=b", ""), ("sw%26phone=1", "")])
async def test_a_redirect_keeps_the_language_and_nothing_else(lite: Open, asked: str, kept: str) -> None:
    """What a stranger writes into an address gets into no header of ours."""
    path = path_of(await create(lite))
    sent_on = await lite.visit().post(f"{path}?lang={asked}", data={"phone": "0712345678"})
    assert (sent_on.status_code, sent_on.headers["location"]) == (303, path + kept)
    assert "set-cookie" not in sent_on.headers


async def test_one_address_presses_only_so_often(lite: Open) -> None:
    """429 as a page, with the seconds; another address is not held up."""
    path = path_of(await create(lite))
    answers = [await press(lite, path, "12345") for _ in range(PRESSES + 1)]
    assert {one.status_code for one in answers[:-1]} == {422}
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "Too many tries" in answers[-1].text
    assert (await press(lite, path, "12345", "203.0.113.10")).status_code == 422
    lite.clock.pass_s(60)
    assert (await press(lite, path, "12345")).status_code == 422


async def test_a_strangers_phone_is_spared(hakika: Open) -> None:
    """From five addresses, on five pages: the fifth prompt in ten minutes is refused with 429, and none is sent."""
    for number in range(4):
        path = path_of(await create(hakika, reference=f"order-{number}", amount=10 + number))
        assert (await press(hakika, path, "0712345678", f"203.0.113.{number}")).status_code == 303
        await answer_prompt(hakika, 1032)
    answer = await press(hakika, path_of(await create(hakika, amount=50)), "0712345678", "203.0.113.5")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert len(hakika.daraja.pushes) == 4


async def test_previews_make_no_checkouts(lite: Open) -> None:
    """Opening a link of many uses makes nothing; of a single use, one; and one address opens only so many."""
    many, single = await create(lite, "links"), await create(lite, "links", reference="one", single_use=True)
    for _ in range(3):
        assert (await lite.visit("203.0.113.1").get(path_of(many))).status_code == 200
        assert (await lite.visit("203.0.113.1").get(path_of(single))).status_code == 303
    assert len((await lite.api.get("/v1/checkouts")).json()["data"]) == 1
    answers = [await lite.visit("203.0.113.2").post(path_of(many)) for _ in range(LINKS + 1)]
    assert [one.status_code for one in answers] == [303] * LINKS + [429]


async def test_the_same_phone_without_a_first(lite: Open) -> None:
    """A form that was made up is refused, and so is what is no form at all."""
    path = path_of(await create(lite))
    assert (await press(lite, path, "same")).status_code == 422
    for body in (b"", b"\xff\xfe%zz", b"phone", b"a=1&" * 30):
        assert (await lite.visit().post(path, content=body, headers=FORM)).status_code == 422
    assert (await lite.visit().post(path, content=b"x" * 70_000, headers=FORM)).status_code == 413


async def test_a_page_waits_for_a_change(hakika: Open) -> None:
    """Asked with what it shows, it answers with the next screen, or 204 after 25 seconds of nothing."""
    path = path_of(await create(hakika))
    page = (await hakika.visit().get(f"{path}/state")).text
    version = page.partition('data-version="')[2].partition('"')[0]
    waiting = asyncio.create_task(hakika.visit().get(f"{path}/state?after={version}"))
    await press(hakika, path, "0712345678")
    assert 'data-kind="sending"' in (await waiting).text
    version = (await hakika.visit().get(f"{path}/state")).text.partition('data-version="')[2].partition('"')[0]
    waiting = asyncio.create_task(hakika.visit().get(f"{path}/state?after={version}"))
    while not waiting.done():
        hakika.clock.pass_s(1)
        await asyncio.sleep(0)
    assert waiting.result().status_code == 204


async def test_one_address_holds_only_so_many_pages(lite: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is answered at once; another address still waits, and the first again when its page is closed."""
    monkeypatch.setattr(turnstile, "HELD_AT_ONCE", 1)
    path = f"{path_of(await create(lite))}/state"
    version = (await lite.visit().get(path)).text.partition('data-version="')[2].partition('"')[0]

    def follow(address: str) -> asyncio.Task[httpx2.Response]:
        return asyncio.create_task(lite.visit(address).get(f"{path}?after={version}"))

    held = [follow("203.0.113.1"), follow("203.0.113.2")]
    while len(lite.state.checkouts._waiting.get(path.split("/")[2], ())) < 2:  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0)
    assert (await follow("203.0.113.1")).status_code == 204
    assert not any(one.done() for one in held)
    lite.clock.pass_s(26)
    assert [(await one).status_code for one in held] == [204, 204]
    assert lite.state.turnstile._held == {}


async def test_success_waits_for_the_merchant(hakika: Open) -> None:
    """While an endpoint has not answered 2xx the payer stays, for HAKIKA_RETURN_AFTER_S at most; then goes back."""
    await hakika.api.patch("/v1/accounts/default", json=HOSTS)
    endpoint = await hakika.api.post("/v1/endpoints", json={"url": "https://merchant.example/hook"})
    assert endpoint.status_code == 201, endpoint.text
    path = path_of(await create(hakika, return_url="https://shop.example/thanks?a=1#top"))
    await press(hakika, path, "0712345678")
    await answer_prompt(hakika)
    waits = await hakika.visit().get(path)
    assert "data-go" not in waits.text
    hakika.clock.pass_s(6)
    goes = await hakika.visit().get(path)
    url = f"https://shop.example/thanks?a=1&amp;checkout={path.rpartition('/')[2]}&amp;status=completed#top"
    assert f'data-go="{url}"' in goes.text
    assert f'content="2;url={url}"' in goes.text
    hakika.clock.pass_s(3600)
    later = await hakika.visit().get(path)
    assert "data-go" not in later.text
    assert url in later.text


async def test_nobody_is_asked_about_for_days(lite: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that stays silent: whoever follows the page costs four reads a second for a minute, then fewer."""
    endpoint = await lite.api.post("/v1/endpoints", json={"url": "https://merchant.example/hook"})
    assert endpoint.status_code == 201, endpoint.text
    path = path_of(await create(lite))
    await press(lite, path, "0712345678")
    await answer_prompt(lite)
    reads, read = [0], lite.state.checkouts.read

    async def count(checkout_id: str) -> Any:
        reads[0] += 1
        return await read(checkout_id)

    monkeypatch.setattr(lite.state.checkouts, "read", count)
    for after_s, least, most in ((0, 90, 110), (120, 1, 10)):
        lite.clock.pass_s(after_s)
        reads[0] = 0
        waiting = asyncio.create_task(
            lite.state.checkouts.follow(path.rpartition("/")[2], 25_000, lambda seen: seen.undelivered == 0)
        )
        while not waiting.done():
            lite.clock.pass_s(0.25)
            for _ in range(20):
                await asyncio.sleep(0)
        assert least <= reads[0] <= most
