"""A MikroTik that we log in to: devices let in, changed and put out by its API, and its sessions in our books."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from hakika_hotspot.config import Router
from hakika_hotspot.entitlements import revoke
from hakika_hotspot.tasks import owe_close
from tests.hotspot.mikrotik import ADMIN, MikroTik, running_mikrotik
from tests.hotspot.town import FAST, HEAVY, HOUR, OTHER, PHONE, Clock, Town, opened_town

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> Clock:
    """One clock for the town and its router."""
    return Clock()


@pytest.fixture
async def router(clock: Clock) -> AsyncIterator[MikroTik]:
    """Run a MikroTik with the phone on its WiFi."""
    async with running_mikrotik(MikroTik(clock)) as running:
        running.add_host(PHONE, "10.5.50.9")
        yield running


@pytest.fixture
async def town(database_url: str, clock: Clock, router: MikroTik) -> AsyncIterator[Town]:
    """Give a town with that router, on both databases."""
    async with opened_town(database_url, _at(router.port), clock=clock) as town:
        yield town


def _at(port: int, name: str = "gate") -> Router:
    user, password = ADMIN
    where = {"address": "127.0.0.1", "api_port": port, "api_user": user, "api_password": password}
    return Router.model_validate({"name": name, "site": "town", "kind": "routeros", **where})


async def _settle(town: Town) -> None:
    """Let the worker do what is owed, and hear what came of it."""
    for _ in range(3):
        await town.worker.run_once()


async def _pass(town: Town, seconds: int) -> None:
    """Let time pass as it does: the worker works all the while."""
    for _ in range(0, seconds, 300):
        town.clock.move(min(300, seconds))
        await _settle(town)


async def test_who_bought_is_logged_in_at_its_speed(town: Town, router: MikroTik) -> None:
    """A user for that MAC alone, with an hour and the package's profile; then the log-in; then the books know of it."""
    entitlement = town.grant(HOUR, router="gate", address="10.5.50.9")
    await _settle(town)
    user = router.user(PHONE)
    assert (user["limit-uptime"], user["mac-address"], user["profile"]) == ("3600s", PHONE, "hakika-512k-2048k")
    assert router.rate_of(PHONE) == "512k/2048k"
    assert [(one.mac, one.entitlement_id, one.router) for one in town.live()] == [(PHONE, entitlement, "gate")]
    assert town.owed() == []


async def test_a_device_whose_address_is_unknown_is_found(town: Town, router: MikroTik) -> None:
    """The portal may not know it: the router's own list of devices does."""
    town.grant(HOUR, router="gate")
    await _settle(town)
    assert router.on_air() == [PHONE]


async def test_an_extension_adds_to_what_is_left(town: Town, router: MikroTik) -> None:
    """Half an hour in, another hour: the new session ends ninety minutes from now, whatever was used before."""
    town.grant(HOUR, router="gate", address="10.5.50.9")
    await _settle(town)
    await _pass(town, 1800)
    town.grant(HOUR, router="gate", address="10.5.50.9")
    await _settle(town)
    assert router.user(PHONE)["limit-uptime"] == f"{1800 + 5400}s"
    assert router.on_air() == [PHONE]
    assert len(town.live()) == 1


async def test_another_speed_takes_hold_at_once(town: Town, router: MikroTik) -> None:
    """A faster package bought in the middle is the live session's speed; when it is over the old one is again."""
    town.grant(HOUR, router="gate", address="10.5.50.9")
    await _settle(town)
    town.clock.move(60)
    town.grant(FAST, router="gate", address="10.5.50.9")
    await _settle(town)
    assert router.rate_of(PHONE) == "2000k/8000k"
    await _pass(town, 3600)
    assert router.rate_of(PHONE) == "512k/2048k"


async def test_expiry_puts_the_device_out(town: Town, router: MikroTik) -> None:
    """At the end session, user and cookie are gone, and other people's users are left alone."""
    router.add("user", {"name": "staff", "profile": "default", "mac-address": OTHER})
    router.add("cookie", {"mac-address": PHONE, "user": PHONE})
    town.grant(HOUR, router="gate", address="10.5.50.9")
    await _settle(town)
    await _pass(town, 3300)
    assert router.on_air() == [PHONE]
    await _pass(town, 300)
    assert (router.on_air(), router.menus["cookie"]) == ([], [])
    assert [row["name"] for row in router.menus["user"]] == ["staff"]
    assert town.live() == []


async def test_a_reversal_puts_the_device_out(town: Town, router: MikroTik) -> None:
    """What was granted is revoked: the session ends at once."""
    town.grant(HOUR, source="payment:pay_1", router="gate", address="10.5.50.9")
    await _settle(town)
    town.store.write_now(lambda tx: revoke(tx, "payment:pay_1", "reversed", town.clock.at_ms))
    await _settle(town)
    assert router.on_air() == []


async def test_usage_is_heard_and_a_cap_holds(town: Town, router: MikroTik) -> None:
    """Asked once a minute: bytes are in the books, and who used up the volume is put out."""
    town.grant(HEAVY, router="gate", address="10.5.50.9")
    await _settle(town)
    assert router.user(PHONE)["limit-bytes-total"] == str(HEAVY.bytes_limit)
    router.use(PHONE, 1_000, 2_000)
    town.clock.move(60)
    await town.worker.run_once()
    [session] = town.live()
    assert (session.bytes_up, session.bytes_down) == (1_000, 2_000)
    router.use(PHONE, 0, 5_000_000_000)
    town.clock.move(60)
    await _settle(town)
    assert router.on_air() == []


async def test_a_session_that_is_listed_no_more_is_over(town: Town, router: MikroTik) -> None:
    """Who left holds no place; who came back is a new session."""
    town.grant(HOUR, router="gate", address="10.5.50.9")
    await _settle(town)
    before = town.live()
    router.leave(PHONE)
    town.clock.move(60)
    await town.worker.run_once()
    assert town.live() == []
    router.run("/ip/hotspot/active/login", {"user": PHONE, "password": "", "mac-address": PHONE, "ip": "10.5.50.9"}, {})
    town.clock.move(60)
    await town.worker.run_once()
    assert [one.mac for one in town.live()] == [PHONE]
    assert town.live()[0].session_id != before[0].session_id


async def test_a_user_whose_time_ran_out_while_away_is_put_out(town: Town, router: MikroTik) -> None:
    """The router counts hours on the air, we by the clock: who logs in the next day is put out within a minute."""
    town.grant(HOUR, router="gate", address="10.5.50.9")
    await _settle(town)
    router.leave(PHONE)
    town.clock.move(86_400)
    await _settle(town)
    router.run("/ip/hotspot/active/login", {"user": PHONE, "password": "", "mac-address": PHONE, "ip": "10.5.50.9"}, {})
    town.clock.move(60)
    await _settle(town)
    assert (router.on_air(), router.menus["user"]) == ([], [])


async def test_the_owner_puts_a_device_out(town: Town, router: MikroTik) -> None:
    """Kick: the session ends although time is left."""
    town.grant(HOUR, router="gate", address="10.5.50.9")
    await _settle(town)
    [session] = town.live()
    town.store.write_now(lambda tx: owe_close(tx, session, town.clock.at_ms))
    await _settle(town)
    assert (router.on_air(), town.live()) == ([], [])


async def test_a_router_out_of_reach_is_told_when_it_is_back(town: Town, router: MikroTik) -> None:
    """Nothing is lost while it is away, and what it then does is what holds by then: the rest of the hour."""
    async with opened_town(town.url, _at(1), clock=town.clock) as away:
        away.grant(HOUR, router="gate", address="10.5.50.9")
        for _ in range(5):
            assert (await away.worker.run_once())["postponed"] <= 1
            town.clock.move(60)
    assert [task.kind for task in town.owed()] == ["open"]
    await _settle(town)
    assert router.on_air() == [PHONE]
    assert router.user(PHONE)["limit-uptime"] == "3300s"


async def test_one_who_paid_and_left_is_not_waited_for_without_end(town: Town, router: MikroTik) -> None:
    """A device that is not on the air is given up after a quarter of an hour; it asks anew when it is back."""
    town.grant(HOUR, OTHER, router="gate")
    for _ in range(30):
        await town.worker.run_once()
        town.clock.move(60)
    assert town.owed() == []


async def test_two_routers_are_told_each_its_own(database_url: str) -> None:
    """Several sites: a device is let in where it stands."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        routers = [await stack.enter_async_context(running_mikrotik(MikroTik(clock))) for _ in range(2)]
        gates = (_at(routers[0].port, "one"), _at(routers[1].port, "two"))
        town = await stack.enter_async_context(opened_town(database_url, *gates, clock=clock))
        for number, mac in enumerate((PHONE, OTHER)):
            routers[number].add_host(mac, "10.5.50.9")
        town.grant(HOUR, PHONE, router="one")
        town.grant(HOUR, OTHER, router="two")
        await _settle(town)
        assert [router.on_air() for router in routers] == [[PHONE], [OTHER]]
