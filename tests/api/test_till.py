"""`/till` as a stranger and as a shop's staff may ask for it: keys, sessions, foreign forms, double presses."""

import httpx2
import pytest

from hakika.api.pages.turnstile import LOGINS
from hakika.engine.keys import create_key
from hakika.store.keys import revoke_api_key
from tests.api.house import API_KEY, Open

pytestmark = pytest.mark.anyio


async def log_in(hakika: Open, key: str = API_KEY, address: str = "127.0.0.1", **headers: str) -> httpx2.Response:
    """Type a key."""
    return await hakika.visit(address).post("/till/login", data={"key": key}, headers=headers)


async def test_the_till_needs_a_key(lite: Open) -> None:
    """Without a session: the login page; with a wrong key: 401; a forged cookie opens nothing."""
    assert (await lite.visit().get("/till")).status_code == 401
    assert (await log_in(lite, "hk_wrong")).status_code == 401
    for cookie in ("x", "eA==", "%00", API_KEY):
        forged = await lite.visit(headers={"Cookie": f"hakika_till={cookie}"}).get("/till")
        assert forged.status_code == 401
    posted = await lite.visit().post("/till", data={"amount": "5", "phone": "0712345678"})
    assert (posted.status_code, 'action="/till/login' in posted.text) == (401, True)
    for path in ("/till/login", "/till/logout"):  # where a form was sent, and the page's language was switched
        back = await lite.visit().get(f"{path}?lang=sw")
        assert (back.status_code, back.headers["location"]) == (303, "/till?lang=sw")
    assert lite.daraja.pushes == []


async def test_a_session_of_the_till(hakika: Open) -> None:
    """The cookie is for the till alone, Secure where payers come by https, and ends with its time or its key."""
    store = hakika.house.store
    key, row = await store.write(lambda tx: create_key(tx, "till", "test", hakika.clock, hakika.house.entropy))
    given = (await log_in(hakika, key)).headers["set-cookie"]
    assert all(part in given for part in ("HttpOnly", "Path=/till", "SameSite=strict", "Secure", "Max-Age=43200"))
    assert key not in given
    seller = hakika.visit(headers={"Cookie": given.partition(";")[0]})
    assert (await seller.get("/till")).status_code == 200
    assert (await seller.get("/v1/payments")).status_code == 401
    await store.write(lambda tx: revoke_api_key(tx, row.id, hakika.clock()))
    assert (await seller.get("/till")).status_code == 401
    another = hakika.visit(headers={"Cookie": (await log_in(hakika)).headers["set-cookie"].partition(";")[0]})
    assert (await another.get("/till")).status_code == 200
    hakika.clock.pass_s(13 * 3600)
    assert (await another.get("/till")).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_another_sites_form_is_refused(lite: Open, headers: dict[str, str]) -> None:
    """With the cookie or without: nothing is charged, nobody is logged in or out."""
    cookie = (await log_in(lite)).headers["set-cookie"].partition(";")[0]
    seller = lite.visit(headers={"Cookie": cookie, **headers})
    for path in ("/till", "/till/login", "/till/logout"):
        answer = await seller.post(path, data={"amount": "5", "phone": "0712345678", "key": API_KEY})
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
    assert (await lite.api.get("/v1/payments")).json()["data"] == []


async def test_two_presses_at_the_till_are_one_request(hakika: Open) -> None:
    """The same form twice: one payment."""
    cookie = (await log_in(hakika)).headers["set-cookie"].partition(";")[0]
    seller = hakika.visit(headers={"Cookie": cookie})
    form = {"amount": "1,500", "phone": "0712 345 678", "once": "abc"}
    first, second = [await seller.post("/till", data=form) for _ in range(2)]
    assert (first.status_code, first.headers["location"]) == (303, second.headers["location"])
    assert len((await hakika.api.get("/v1/payments")).json()["data"]) == 1
    shown = await seller.get(first.headers["location"])
    assert "KES\u00a01,500" in shown.text
    assert "254712345678" not in shown.text


async def test_keys_are_not_guessed_at_the_till(lite: Open) -> None:
    """One address tries only so many a minute."""
    answers = [await log_in(lite, f"hk_{number}", "203.0.113.9") for number in range(LOGINS + 1)]
    assert [one.status_code for one in answers] == [401] * LOGINS + [429]
