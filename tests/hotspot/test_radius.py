"""A real FreeRADIUS with the files of deploy/freeradius, radclient as the router, and our books behind it."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from hakika_hotspot.domain.access import Reason
from tests.deploy.proxies import DEPLOY, free_ports
from tests.hotspot.freeradius import Answer, Radius, running_freeradius
from tests.hotspot.town import COAST, FAMILY, HEAVY, HOUR, OTHER, PHONE, THIRD, Town, gate, opened_town, serving

pytestmark = pytest.mark.anyio


@dataclass
class Hotspot:
    """A town, and FreeRADIUS in front of it."""

    radius: Radius
    port: int
    town: Town

    async def join(self, mac: str = PHONE, session: str = "", **more: Any) -> Answer:
        """A device comes on the air: the router asks by its MAC."""
        asked: dict[str, str | int] = {"User_Name": mac, "User_Password": "", "Calling_Station_Id": mac, **more}
        if session:
            asked["Acct_Session_Id"] = session
        return await asyncio.to_thread(lambda: self.radius.authenticate(**asked))

    async def tell(self, kind: str, session: str, mac: str = PHONE, **more: Any) -> Answer:
        """The router tells of a session."""
        told: dict[str, str | int] = {"Acct_Status_Type": kind, "Acct_Session_Id": session, "User_Name": mac}
        told |= {"Calling_Station_Id": mac, "Framed_IP_Address": "10.5.50.9", **more}
        return await asyncio.to_thread(lambda: self.radius.account(**told))


@pytest.fixture(scope="module")
def radius(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Radius, int]]:
    """Run one FreeRADIUS for this file; a test's own town stands behind it."""
    hotspot, authentication, accounting = free_ports(3)
    with running_freeradius(tmp_path_factory.mktemp("radius"), hotspot, (authentication, accounting)) as server:
        yield server, hotspot


@pytest.fixture
async def hotspot(radius: tuple[Radius, int], tmp_path: Path) -> AsyncIterator[Hotspot]:
    """Give a town of the test's own."""
    async with opened_town(f"sqlite:///{tmp_path / 'hotspot.db'}", gate(), gate("gate-coast", "coast")) as town:
        yield Hotspot(*radius, town)


async def test_a_device_that_bought_gets_the_time_that_is_left(hotspot: Hotspot) -> None:
    """MAC authentication: Session-Timeout is the rest of the hour, speeds are as the router sees them."""
    hotspot.town.grant(HOUR)
    hotspot.town.clock.move(600)
    async with serving(hotspot.town, hotspot.port):
        answer = await hotspot.join("aa-bb-cc-00-00-01")
    assert answer.kind == "Access-Accept"
    assert answer.attributes["Session-Timeout"] == "3000"
    assert answer.attributes["Mikrotik-Rate-Limit"] == "512k/2048k"
    assert answer.attributes["WISPr-Bandwidth-Max-Up"] == "512000"
    assert answer.attributes["WISPr-Bandwidth-Max-Down"] == "2048000"
    assert answer.attributes["WISPr-Session-Terminate-Time"] == "2027-01-15T09:00:00+00:00"
    assert answer.attributes["Acct-Interim-Interval"] == "60"


async def test_a_device_that_bought_nothing_is_refused_and_told_why(hotspot: Hotspot) -> None:
    """A stranger, one whose time is up and one at another site get a no with its reason."""
    hotspot.town.grant(HOUR, PHONE)
    hotspot.town.grant(COAST, OTHER)
    hotspot.town.clock.move(3599)
    async with serving(hotspot.town, hotspot.port):
        elsewhere = await hotspot.join(OTHER)
        hotspot.town.clock.move(1)
        answers = [await hotspot.join(THIRD), await hotspot.join(PHONE), elsewhere]
    assert [answer.kind for answer in answers] == ["Access-Reject"] * 3
    assert [answer.attributes["Reply-Message"] for answer in answers] == [
        Reason.NOTHING_BOUGHT,
        Reason.TIME_IS_UP,
        Reason.OTHER_SITE,
    ]


async def test_a_volume_beyond_32_bits_is_said_in_gigawords(hotspot: Hotspot) -> None:
    """5 GB is one gigaword and a rest for RouterOS."""
    hotspot.town.grant(HEAVY)
    async with serving(hotspot.town, hotspot.port):
        answer = await hotspot.join()
    high, low = (int(answer.attributes[f"Mikrotik-Total-Limit{name}"]) for name in ("-Gigawords", ""))
    assert high * 2**32 + low == HEAVY.bytes_limit


@pytest.mark.parametrize("password", ["User_Password", "CHAP_Password"])
async def test_a_code_brings_in_a_device_by_name_and_password(hotspot: Hotspot, password: str) -> None:
    """The code of what was bought, as user name and password, lets a second device in: by PAP and by CHAP."""
    entitlement = hotspot.town.grant(FAMILY)
    code = hotspot.town.code_of(entitlement)
    async with serving(hotspot.town, hotspot.port):
        answer = await hotspot.join(OTHER, User_Name=code, **_login(password, code))
        again = await hotspot.join(OTHER)
    assert (answer.kind, again.kind) == ("Access-Accept", "Access-Accept")


async def test_a_wrong_code_is_refused(hotspot: Hotspot) -> None:
    """A code that nobody was given lets nobody in."""
    hotspot.town.grant(FAMILY)
    async with serving(hotspot.town, hotspot.port):
        answer = await hotspot.join(OTHER, User_Name="ABCDE23456", User_Password="ABCDE23456")
    assert answer.kind == "Access-Reject"


async def test_a_third_device_is_refused_until_one_leaves(hotspot: Hotspot) -> None:
    """Two devices have their places from the moment they are let in; the third gets one when a session stops."""
    entitlement = hotspot.town.grant(FAMILY, PHONE)
    hotspot.town.bind(entitlement, OTHER, THIRD)
    async with serving(hotspot.town, hotspot.port):
        first = await hotspot.join(PHONE, "s1")
        second = await hotspot.join(OTHER, "s2")
        third = await hotspot.join(THIRD, "s3")
        assert (first.kind, second.kind, third.kind) == ("Access-Accept", "Access-Accept", "Access-Reject")
        assert third.attributes["Reply-Message"] == Reason.TOO_MANY_DEVICES
        hotspot.town.clock.move(60)
        await hotspot.tell("Stop", "s1", PHONE)
        assert (await hotspot.join(THIRD, "s3")).kind == "Access-Accept"


async def test_a_device_that_comes_back_takes_no_second_place(hotspot: Hotspot) -> None:
    """The same MAC that asks again, its old session never stopped, is the same device."""
    hotspot.town.grant(HOUR)
    async with serving(hotspot.town, hotspot.port):
        answers = [await hotspot.join(PHONE, "s1"), await hotspot.join(PHONE, "s2")]
    assert [answer.kind for answer in answers] == ["Access-Accept", "Access-Accept"]


async def test_accounting_counts_each_byte_once(hotspot: Hotspot) -> None:
    """Start, updates twice and out of order, and stop: counts with gigawords, no byte doubled, the session over."""
    hotspot.town.grant(HEAVY)
    async with serving(hotspot.town, hotspot.port):
        await hotspot.tell("Start", "s1")
        second: dict[str, Any] = {
            "Acct_Input_Octets": 5,
            "Acct_Output_Octets": 7,
            "Acct_Output_Gigawords": 1,
            "Acct_Session_Time": 120,
        }
        hotspot.town.clock.move(120)
        for _ in range(2):
            assert (await hotspot.tell("Interim-Update", "s1", **second)).kind == "Accounting-Response"
        await hotspot.tell("Interim-Update", "s1", Acct_Input_Octets=4, Acct_Output_Octets=6, Acct_Session_Time=60)
        [session] = hotspot.town.live()
        assert (session.bytes_up, session.bytes_down) == (5, 2**32 + 7)
        answer = await hotspot.join(PHONE)
        await hotspot.tell("Stop", "s1", Acct_Terminate_Cause="User-Request", **second)
    left = 5_000_000_000 - 2**32 - 12
    assert answer.attributes["Mikrotik-Total-Limit"] == str(left)
    assert hotspot.town.live() == []


async def test_a_cap_that_is_reached_ends_the_session(hotspot: Hotspot) -> None:
    """An update that passes the volume owes the router the end of the session; the next log-in is refused."""
    hotspot.town.grant(HEAVY)
    async with serving(hotspot.town, hotspot.port):
        await hotspot.tell("Start", "s1")
        hotspot.town.clock.move(60)
        await hotspot.tell("Interim-Update", "s1", Acct_Output_Gigawords=2)
        [owed] = hotspot.town.owed()
        answer = await hotspot.join(PHONE)
    assert (owed.kind, owed.session_id, owed.router) == ("close", "s1", "gate-town")
    assert answer.attributes["Reply-Message"] == Reason.DATA_IS_USED_UP


async def test_a_session_that_outlived_what_it_goes_by_is_closed(hotspot: Hotspot) -> None:
    """A router that was out of reach at the end tells of a session an hour later: it is owed its end."""
    hotspot.town.grant(HOUR)
    async with serving(hotspot.town, hotspot.port):
        await hotspot.tell("Start", "s1")
        hotspot.town.clock.move(7200)
        await hotspot.town.worker.run_once()
        assert hotspot.town.owed() == []
        await hotspot.tell("Interim-Update", "s1", Acct_Session_Time=7200)
    assert [(task.kind, task.session_id) for task in hotspot.town.owed()] == [("close", "s1")]


async def test_a_router_that_restarts_has_no_sessions_left(hotspot: Hotspot) -> None:
    """Accounting-On ends all sessions of that router."""
    hotspot.town.grant(HOUR)
    async with serving(hotspot.town, hotspot.port):
        await hotspot.tell("Start", "s1")
        hotspot.town.clock.move(5)
        await hotspot.tell("Accounting-On", "none")
    assert hotspot.town.live() == []


async def test_a_session_id_that_a_router_uses_anew_is_a_new_session(hotspot: Hotspot) -> None:
    """A router counts its sessions from one again: another device with an old id is counted for itself."""
    hotspot.town.grant(HEAVY, PHONE)
    mine = hotspot.town.grant(HEAVY, OTHER)
    async with serving(hotspot.town, hotspot.port):
        await hotspot.tell("Start", "s1", PHONE)
        await hotspot.tell("Interim-Update", "s1", PHONE, Acct_Output_Octets=4_000_000_000)
        hotspot.town.clock.move(600)
        await hotspot.tell("Accounting-On", "none")
        hotspot.town.clock.move(60)
        await hotspot.tell("Start", "s1", OTHER)
        await hotspot.tell("Interim-Update", "s1", OTHER, Acct_Output_Octets=1_000_000_000)
        answer = await hotspot.join(OTHER)
    assert [(one.mac, one.entitlement_id) for one in hotspot.town.live()] == [(OTHER, mine)]
    assert int(answer.attributes["Mikrotik-Total-Limit"]) == 4_000_000_000


async def test_while_we_are_away_routers_get_no_answer(hotspot: Hotspot) -> None:
    """Neither a yes nor a no, and no receipt for accounting: the router asks and tells again, and all is as before."""
    hotspot.town.grant(HOUR)
    impatient = replace(hotspot, radius=replace(hotspot.radius, patience_s=1))
    silent = await asyncio.gather(impatient.join(), impatient.tell("Start", "s1"))
    async with serving(hotspot.town, hotspot.port):
        answers = [await hotspot.join(), await hotspot.tell("Start", "s1")]
    assert [answer.kind for answer in silent] == ["", ""]
    assert [answer.kind for answer in answers] == ["Access-Accept", "Accounting-Response"]


async def test_a_restart_forgets_nothing(hotspot: Hotspot) -> None:
    """Server restarted in the middle of a session: time left, places and bytes are as they were."""
    hotspot.town.grant(HEAVY)
    async with serving(hotspot.town, hotspot.port):
        await hotspot.tell("Start", "s1")
        await hotspot.tell("Interim-Update", "s1", Acct_Output_Octets=1_000_000_000)
    await hotspot.town.restart()
    hotspot.town.clock.move(3600)
    async with serving(hotspot.town, hotspot.port):
        await hotspot.tell("Interim-Update", "s1", Acct_Output_Octets=1_500_000_000)
        answer = await hotspot.join()
    assert answer.attributes["Session-Timeout"] == str(86_400 - 3600)
    assert int(answer.attributes["Mikrotik-Total-Limit"]) == 3_500_000_000


async def test_a_router_that_settings_do_not_know_is_refused(hotspot: Hotspot, tmp_path: Path) -> None:
    """Its name in clients.conf is nowhere in the settings: no, and why; by NAS-Identifier it may still be known."""
    barber = gate("roaming", identifiers=("barber-shop",))
    async with opened_town(f"sqlite:///{tmp_path / 'other.db'}", barber) as town, serving(town, hotspot.port):
        town.grant(HOUR)
        unknown = await hotspot.join()
        known = await hotspot.join(NAS_Identifier="barber-shop")
    assert unknown.attributes["Reply-Message"] == Reason.UNKNOWN_ROUTER
    assert known.kind == "Access-Accept"


def test_the_page_installs_each_file_where_the_file_says() -> None:
    """docs/hotspot-routers.md copies every file of deploy/freeradius to the place that its own first line names."""
    page = (DEPLOY.parent / "docs/hotspot-routers.md").read_text()
    files = sorted((DEPLOY / "freeradius").iterdir())
    assert len(files) == 3
    for file in files:
        [place] = re.findall(rf"deploy/freeradius/{file.name} (\S+)", page)
        assert f"/etc/freeradius/3.0/{place}" in file.read_text().splitlines()[0]


def _login(kind: str, password: str) -> dict[str, Any]:
    """One password attribute: radclient makes CHAP of the second."""
    return {"User_Password": password} if kind == "User_Password" else {"User_Password": "", "CHAP_Password": password}
