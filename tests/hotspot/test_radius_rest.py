"""The routes that FreeRADIUS asks: who may ask, and what odd requests come to."""

from collections.abc import AsyncIterator
from hashlib import md5

import httpx2
import pytest
from starlette.applications import Starlette

from hakika_hotspot.domain.access import Access, Happened, Nas, Session
from hakika_hotspot.network.attributes import describe_change, describe_start, find_password, read_record
from tests.hotspot.freeradius import TOKEN
from tests.hotspot.town import HOUR, PHONE, Town, gate, opened_town

MAY = Access(allowed=True, reason="granted", seconds_left=60)
ASKED = {"User-Name": {"type": "string", "value": [PHONE]}}
AUTH = httpx2.BasicAuth("freeradius", TOKEN)
FROM_GATE = {"X-Hakika-Router": "gate-town"}


@pytest.fixture
async def town(sqlite_url: str) -> AsyncIterator[Town]:
    """Give a town whose phone has an hour."""
    async with opened_town(sqlite_url, gate()) as town:
        town.grant(HOUR)
        yield town


def _visit(town: Town) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(Starlette(routes=town.desk.routes()))
    return httpx2.AsyncClient(transport=transport, base_url="http://hotspot.test", headers=FROM_GATE)


@pytest.mark.anyio
async def test_only_who_has_the_token_may_ask(town: Town) -> None:
    """No password, a wrong one, a nonsense header: 403, before anything is read; with the token, 200."""
    wrong = httpx2.BasicAuth("freeradius", "guessed")
    async with _visit(town) as browser:
        answers = [await browser.post(f"/radius/{what}", json=ASKED) for what in ("authorize", "accounting")]
        answers.append(await browser.post("/radius/authorize", json=ASKED, auth=wrong))
        answers.append(await browser.post("/radius/authorize", json=ASKED, headers={"Authorization": "Basic ???"}))
        right = await browser.post("/radius/authorize", json=ASKED, auth=AUTH)
    assert [answer.status_code for answer in answers] == [403] * 4
    assert right.status_code == 200


@pytest.mark.anyio
async def test_without_a_token_in_the_settings_nobody_may_ask(town: Town) -> None:
    """An empty token is no token: it does not open the door for an empty password."""
    town.settings = town.settings.model_copy(update={"radius_token": ""})
    await town.restart()
    async with _visit(town) as browser:
        answer = await browser.post("/radius/authorize", json=ASKED, auth=httpx2.BasicAuth("freeradius", ""))
    assert answer.status_code == 403


@pytest.mark.anyio
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"User-Name": 7}', b'{"User-Name": {"value": "x"}}'])
async def test_nonsense_is_refused_and_receipted(town: Town, body: bytes) -> None:
    """A body of another shape says nothing of a device: no; for accounting a receipt, told again it were the same."""
    async with _visit(town) as browser:
        asked = await browser.post("/radius/authorize", content=body, auth=AUTH)
        told = await browser.post("/radius/accounting", content=body, auth=AUTH)
    assert (asked.status_code, told.status_code) == (401, 204)
    assert town.live() == []


@pytest.mark.anyio
async def test_values_are_never_worked_out_by_freeradius(town: Town) -> None:
    """Each value of an answer is marked as literal: no `%{…}` in a name can make FreeRADIUS do something."""
    async with _visit(town) as browser:
        answer = await browser.post("/radius/authorize", json=ASKED, auth=AUTH)
    assert all(value["do_xlat"] is False for value in answer.json().values())


def test_chap_is_compared_with_what_is_likely() -> None:
    """The digest of id, password and challenge names the password; that of another is none of them."""
    challenge = bytes(range(16))
    digest = b"\x07" + md5(b"\x07" + b"ABCDE23456" + challenge).digest()  # noqa: S324  CHAP is made of it
    sent = {"CHAP-Password": [f"0x{digest.hex()}"], "CHAP-Challenge": [f"0x{challenge.hex()}"]}
    assert find_password(sent, ["", "ABCDE23456"]) == "ABCDE23456"
    assert find_password(sent, ["", "other"]) == ""
    assert find_password({"CHAP-Password": ["nonsense"]}, ["ABCDE23456"]) == ""
    assert find_password({"User-Password": ["plain"]}, []) == "plain"


def test_no_limit_is_said_as_none() -> None:
    """Without limits RouterOS is told 0/0, which overrides its profile's own; others are told nothing."""
    told = describe_start(MAY, 60, 0)
    assert told["Mikrotik-Rate-Limit"] == "0/0"
    assert not [name for name in told if "Bandwidth" in name or "Total" in name]


def test_a_change_counts_from_the_start_of_the_session() -> None:
    """An hour on the air, a minute left: 3,660 seconds; a router's clock that runs behind ours takes nothing off."""
    session = Session("gate", "s1", PHONE, PHONE, "", "", "ent_1", 0, 0, 0, 0)
    assert describe_change(MAY, session, 3_600_000)["Session-Timeout"] == 3660
    early = Session("gate", "s1", PHONE, PHONE, "", "", "ent_1", 5_000, 5_000, 0, 0)
    assert describe_change(MAY, early, 0)["Session-Timeout"] == 60


def test_a_record_is_dated_when_it_happened() -> None:
    """Acct-Delay-Time is how long the router could not tell: a stop an hour ago ended an hour ago."""
    told = {"Acct-Status-Type": ["Stop"], "Acct-Session-Id": ["s1"], "Acct-Delay-Time": ["3600"]}
    record = read_record(told, Nas("gate", "town"), 7_200_000)
    assert record is not None
    assert (record.happened, record.at_ms) == (Happened.STOP, 3_600_000)
    assert read_record({"Acct-Status-Type": ["Tunnel-Start"]}, Nas("gate", "town"), 0) is None
