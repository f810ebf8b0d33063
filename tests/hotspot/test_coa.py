"""CoA and Disconnect to a router, which here is a real FreeRADIUS: told once, and until it has confirmed."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hakika_hotspot.config import Router as Gate
from hakika_hotspot.domain.access import Access, Happened, Session
from hakika_hotspot.entitlements import revoke
from hakika_hotspot.network.doors import RadiusNetwork
from hakika_hotspot.network.router import Device, Network
from hakika_hotspot.network.worker import NetworkWorker
from hakika_hotspot.tasks import LEASE_MS, claim_tasks, owe_close
from tests.deploy.proxies import free_ports
from tests.hotspot.freeradius import Router, running_router
from tests.hotspot.town import FAMILY, FAST, HEAVY, HOUR, OTHER, PHONE, Town, gate, opened_town

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def shared_router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    """Run one router for this file."""
    [port] = free_ports(1)
    with running_router(tmp_path_factory.mktemp("router"), port) as running:
        yield running


@pytest.fixture
def router(shared_router: Router) -> Router:
    """Give the router, with nothing told yet."""
    shared_router.forget()
    return shared_router


@pytest.fixture
async def town(sqlite_url: str, router: Router) -> AsyncIterator[Town]:
    """Give a town with that router, and a phone on the air."""
    async with opened_town(sqlite_url, gate(coa_port=router.port)) as town:
        town.grant(HOUR)
        town.tell(Happened.START, "s1")
        yield town


def _attributes(text: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in re.findall(r'([\w-]+) = ("[^"]*"|[^,]+)', text)}


async def _pass(town: Town, seconds: int, session: str = "s1") -> None:
    """Let time pass; the router tells of the session all the while."""
    for _ in range(0, seconds, 300):
        town.clock.move(300)
        await town.worker.run_once()
        if town.live():
            town.tell(Happened.INTERIM, session)


async def test_an_extension_reaches_the_live_session(town: Town, router: Router) -> None:
    """Named as the router named it, with a timeout from the session's start: half an hour gone, ninety minutes left."""
    await _pass(town, 1800)
    town.grant(HOUR)
    assert await town.worker.run_once() == {"done": 1}
    [(kind, text)] = router.told()
    told = _attributes(text)
    assert kind == "CoA-Request"
    assert (told["User-Name"], told["Acct-Session-Id"]) == (PHONE, "s1")
    assert (told["Framed-IP-Address"], told["NAS-IP-Address"]) == ("10.5.50.9", "10.8.0.2")
    assert told["Session-Timeout"] == str(1800 + 5400)
    assert told["WISPr-Session-Terminate-Time"] == "2027-01-15T10:00:00+00:00"
    assert await town.worker.run_once() == {}


async def test_another_speed_comes_and_goes(town: Town, router: Router) -> None:
    """A faster hour holds from when it is bought; when it is over the slower speed is back."""
    town.clock.move(60)
    town.grant(FAST)
    await town.worker.run_once()
    await _pass(town, 3600)
    limits = [_attributes(text)["Mikrotik-Rate-Limit"] for _, text in router.told()]
    assert limits == ["2000k/8000k", "512k/2048k"]


async def test_a_volume_counts_from_the_start_of_the_session(town: Town, router: Router) -> None:
    """What the session has used is added to what is left, in gigawords."""
    town.grant(HEAVY, OTHER)
    town.tell(Happened.START, "s2", OTHER)
    town.clock.move(60)
    town.tell(Happened.INTERIM, "s2", OTHER, bytes_down=1_000_000_000)
    town.grant(HEAVY, OTHER)
    await town.worker.run_once()
    told = _attributes(router.told()[0][1])
    total = int(told["Mikrotik-Total-Limit-Gigawords"]) * 2**32 + int(told["Mikrotik-Total-Limit"])
    assert total == 10_000_000_000


async def test_expiry_disconnects(town: Town, router: Router) -> None:
    """When the hour is over the session is ended; nothing is told before."""
    await _pass(town, 3300)
    assert router.told() == []
    await _pass(town, 300)
    [(kind, text)] = router.told()
    assert (kind, _attributes(text)["Acct-Session-Id"]) == ("Disconnect-Request", "s1")


async def test_the_owner_and_a_reversal_disconnect(town: Town, router: Router) -> None:
    """Kick and revoke end a session in the middle of its time."""
    town.grant(HOUR, OTHER, source="payment:pay_1")
    town.tell(Happened.START, "s2", OTHER)
    first = next(session for session in town.live() if session.mac == PHONE)
    town.store.write_now(lambda tx: owe_close(tx, first, town.clock.at_ms))
    town.store.write_now(lambda tx: revoke(tx, "payment:pay_1", "reversed", town.clock.at_ms))
    await town.worker.run_once()
    told = {(kind, _attributes(text)["Acct-Session-Id"]) for kind, text in router.told()}
    assert told == {("Disconnect-Request", "s1"), ("Disconnect-Request", "s2")}


async def test_a_session_that_the_router_does_not_know_is_over(town: Town, router: Router) -> None:
    """Session-Context-Not-Found: nothing is owed any more, and its place is free."""
    town.grant(HOUR, OTHER)
    town.tell(Happened.START, "gone", OTHER)
    town.grant(HOUR, OTHER, source="payment:second")
    assert await town.worker.run_once() == {"gone": 1}
    assert [session.session_id for session in town.live()] == ["s1"]
    assert town.owed() == []


async def test_a_router_that_cannot_change_a_session_ends_it(town: Town, router: Router) -> None:
    """CoA refused: Disconnect in the same breath, and the device comes back on its new terms."""
    town.grant(HOUR, OTHER)
    town.tell(Happened.START, "stubborn", OTHER)
    town.grant(HOUR, OTHER, source="payment:second")
    assert await town.worker.run_once() == {"done": 1}
    assert [kind for kind, _ in router.told()] == ["CoA-Request", "Disconnect-Request"]


async def test_a_change_that_comes_too_late_ends_the_session(town: Town, router: Router) -> None:
    """What is told is the state of now: an extension that waited until all was over is a disconnect."""
    town.grant(HOUR, source="payment:second")
    town.store.write_now(lambda tx: revoke(tx, "payment:second", "reversed", town.clock.at_ms))
    await _pass(town, 3600)
    assert router.told()[-1][0] == "Disconnect-Request"


async def test_a_session_that_stopped_by_itself_is_not_told(town: Town, router: Router) -> None:
    """What was owed to it is done with."""
    town.grant(HOUR, source="payment:second")
    town.tell(Happened.STOP, "s1")
    assert await town.worker.run_once() == {"gone": 1}
    assert router.told() == []


async def test_a_router_that_comes_back_is_told_once_what_holds_then(sqlite_url: str, tmp_path: Path) -> None:
    """Out of reach, our server restarted meanwhile, extended twice: one CoA when it is back, then nothing."""
    [port] = free_ports(1)
    async with opened_town(sqlite_url, gate(coa_port=port)) as town:
        quick = _quick(town, gate(coa_port=port))
        town.grant(HOUR)
        town.tell(Happened.START, "s1")
        town.clock.move(60)
        for number in range(2):
            town.grant(HOUR, source=f"payment:{number}")
            assert await quick.run_once() == {"postponed": 1}
            town.clock.move(60)
        await town.restart()
        [owed] = town.owed()
        assert owed.kind == "change"
        with running_router(tmp_path / "router", port) as router:
            assert await town.worker.run_once() == {"done": 1}
            assert await town.worker.run_once() == {}
            [(_, text)] = router.told()
    assert _attributes(text)["Session-Timeout"] == str(3 * 3600)


async def test_a_wrong_secret_stays_owed(sqlite_url: str, router: Router) -> None:
    """The router drops what it cannot verify: it stays owed, and is tried ever more seldom."""
    wrong = gate(coa_port=router.port).model_copy(update={"secret": "another"})
    async with opened_town(sqlite_url, wrong) as town:
        town.grant(HOUR)
        town.tell(Happened.START, "s1")
        quick = _quick(town, wrong)
        town.grant(HOUR, source="payment:second")
        tried = []
        for _ in range(60):
            tried.append((await quick.run_once())["postponed"])
            town.clock.move(1)
    assert router.told() == []
    assert 4 <= sum(tried) <= 7
    assert [task.kind for task in town.owed()] == ["change"]


async def test_what_a_dead_worker_held_is_told_by_the_next(town: Town, router: Router) -> None:
    """A worker that died with a task in its hands: nobody takes it while its lease runs, and then the next one does."""
    town.grant(HOUR, source="payment:second")
    assert len(town.store.write_now(lambda tx: claim_tasks(tx, town.clock.at_ms))) == 1
    assert await town.worker.run_once() == {}
    town.clock.move(LEASE_MS / 1000)
    assert await town.worker.run_once() == {"done": 1}
    assert len(router.told()) == 1


class _Silent:
    """A router that takes what it is told, and never answers."""

    async def open(self, _: Device, __: Access) -> None:
        await asyncio.Event().wait()

    async def change(self, _: Session, __: Access) -> None:
        await asyncio.Event().wait()

    async def close(self, _: Session) -> None:
        await asyncio.Event().wait()


async def test_a_silent_router_keeps_nobody_waiting(sqlite_url: str, router: Router) -> None:
    """One router hangs: what the other is owed is told all the same, at once."""
    gates = gate("silent"), gate(coa_port=router.port)
    async with opened_town(sqlite_url, *gates) as town:
        networks: dict[str, Network] = {"silent": _Silent(), gates[1].name: RadiusNetwork(gates[1], town.clock)}
        worker = NetworkWorker(town.store, town.settings, town.clock, networks)
        for mac, name in ((OTHER, "silent"), (PHONE, gates[1].name)):
            town.grant(FAMILY, mac)
            town.tell(Happened.START, f"s-{name}", mac, router=name)
            town.grant(FAMILY, mac, source=f"payment:{name}")
        working = asyncio.create_task(worker.run())
        async with asyncio.timeout(5):
            while not router.told():
                await town.store.changed(0.05)
        working.cancel()
        await asyncio.wait([working])


def _quick(town: Town, router: Gate) -> NetworkWorker:
    """A worker that waits for no router."""
    networks = {router.name: RadiusNetwork(router, town.clock, patience_seconds=0.02)}
    return NetworkWorker(town.store, town.settings, town.clock, networks)
