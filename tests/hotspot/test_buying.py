"""From the portal to the air: who buys is let in, once for each payment, whatever becomes of Hakika's events."""

import asyncio
from itertools import permutations

import msgspec
import pytest
from sqlalchemy import func, select

from hakika.client import Event
from hakika_hotspot.domain.access import AccountingRecord, Happened, Reason
from hakika_hotspot.entitlements import Place, bind_device, read_turns, revoke
from hakika_hotspot.network.hearing import hear_list
from hakika_hotspot.receiver import hear
from hakika_hotspot.store import Transaction
from hakika_hotspot.store.tables import entitlements, grants, network_tasks
from tests.hotspot.hut import MAC, NAS, OTHER_MAC, OTHER_NAS, Hut

pytestmark = pytest.mark.anyio
HOUR_MS = 3_600_000


async def count_grants(hut: Hut) -> int:
    """How many grants there are."""
    return await hut.store.read(lambda tx: int(tx.execute(select(func.count()).select_from(grants)).scalar_one()))


async def test_who_paid_is_let_in(hut: Hut) -> None:
    """A device that has bought nothing is refused; once the payment is completed it has its time, speed and no more."""
    assert (await hut.ask()).reason == Reason.NOTHING_BOUGHT
    row = await hut.begin()
    assert (row.status, row.payment is not None, row.phone) == ("pending", True, "254712345678")
    assert not (await hut.ask()).allowed
    receipt = await hut.pay(row)
    await hut.hotspot.reader.read_once()
    row = await hut.purchase(row)
    assert (row.status, row.receipt, row.entitlement is not None) == ("completed", receipt, True)
    access = await hut.ask("aabb.ccdd.ee01")
    assert (access.allowed, access.seconds_left, access.rate_up_kbps, access.rate_down_kbps) == (True, 3600, 2000, 5000)
    hut.clock.pass_s(600)
    assert (await hut.ask()).seconds_left == 3000, "what is told again is the time that is left"
    hut.clock.pass_s(3000)
    assert (await hut.ask()).reason == Reason.TIME_IS_UP


async def test_an_event_grants_once(hut: Hut) -> None:
    """The same events by webhook, by the reader and in many threads at once grant one hour, in one entitlement."""
    row = await hut.begin()
    await hut.pay(row)
    done = next(event for event in await hut.events() if event.type == "payment.completed")
    now_ms = hut.clock()
    heard = await asyncio.gather(
        *(hut.store.write(lambda tx: hear(tx, done, "test", now_ms)) for _ in range(8)), hut.hotspot.reader.read_once()
    )
    assert sum(map(int, heard)) == 1
    assert await hut.hotspot.reader.read_once() == 0
    assert await count_grants(hut) == 1
    assert (await hut.ask()).seconds_left == 3600


async def test_one_more_prolongs(hut: Hut) -> None:
    """A second package of the same terms extends the first to an absolute end: nothing of it is lost or doubled."""
    first = await hut.buy()
    second = await hut.buy()
    assert first.entitlement == second.entitlement
    access = await hut.ask()
    start_ms = first.ended_at_ms
    assert access.expires_at_ms == start_ms + 2 * HOUR_MS
    assert access.seconds_left == (start_ms + 2 * HOUR_MS - hut.clock()) // 1000


async def test_a_faster_hour_within_a_slow_day(hut: Hut) -> None:
    """Another package runs at once, and what was left of the first runs after it, on its own terms."""
    await hut.buy("day")
    await hut.buy("hour")
    access = await hut.ask()
    assert (access.package, access.rate_down_kbps) == ("hour", 5000)
    hut.clock.pass_s(access.seconds_left + 1)
    after = await hut.ask()
    assert (after.allowed, after.package, after.rate_down_kbps) == (True, "day", 3000)
    assert after.expires_at_ms == access.expires_at_ms


async def test_a_late_success_still_grants(hut: Hut) -> None:
    """A payment that was given up as expired and proves paid after all lets the device in then, with its whole time."""
    row = await hut.begin()
    await hut.pay(row, code=1037)
    await hut.hotspot.reader.read_once()
    assert (await hut.purchase(row)).status == "expired"
    hut.clock.pass_s(900)
    await hut.pay(row)
    await hut.hotspot.reader.read_once()
    assert (await hut.purchase(row)).status == "completed"
    assert (await hut.ask()).seconds_left == 3600


async def test_a_reversal_revokes(hut: Hut) -> None:
    """Money that was sent back takes its time back, and only its own; the live session is to be closed."""
    kept, reversed_one = await hut.buy(), await hut.buy()
    await hut.tell(Happened.START)
    until_ms = (await hut.ask()).expires_at_ms
    body = {"outcome": "reversed", "reason": "sent back", "operator": "Amina"}
    answer = await hut.hakika.api.post(f"/v1/payments/{reversed_one.payment}/resolve", json=body)
    assert answer.status_code == 200, answer.text
    await hut.hotspot.reader.read_once()
    assert (await hut.ask()).expires_at_ms == until_ms - HOUR_MS
    answer = await hut.hakika.api.post(f"/v1/payments/{kept.payment}/resolve", json=body)
    await hut.hotspot.reader.read_once()
    assert (await hut.ask()).reason == Reason.REVOKED
    owed = select(network_tasks.c.kind).where(
        network_tasks.c.due_at_ms.is_not(None), network_tasks.c.session_id == "s1"
    )
    assert await hut.store.read(lambda tx: tx.execute(owed).scalars().all()) == ["close"]


async def test_events_in_any_order(light_hut: Hut) -> None:
    """Completed, updated and reversed in every order leave the device with nothing, and without a second grant."""
    hut = light_hut
    row = await hut.begin()
    await hut.pay(row)
    await hut.hakika.api.post(
        f"/v1/payments/{(await hut.purchase(row)).payment}/resolve", json={"outcome": "reversed", "reason": "sent back"}
    )
    told = [event for event in await hut.events() if event.payment]
    assert [event.type for event in told] == ["payment.created", "payment.completed", "payment.reversed"]

    class Undo(Exception):
        """So that each order begins anew."""

    for order in permutations(told):

        def play(tx: Transaction, order: tuple[Event, ...] = order) -> None:
            for event in order:
                hear(tx, event, "test", hut.clock())
            standing = select(func.count()).select_from(grants).where(grants.c.revoked_at_ms.is_(None))
            assert tx.execute(standing).scalar_one() == 0, order
            raise Undo

        with pytest.raises(Undo):
            await hut.store.write(play)


async def test_what_is_not_of_our_mode_or_price_grants_nothing(light_hut: Hut) -> None:
    """A live event beside a test key, another app's payment, and an amount that is not the price change nothing."""
    hut = light_hut
    row = await hut.begin()
    await hut.pay(row)
    done = next(event for event in await hut.events() if event.type == "payment.completed")
    foreign = msgspec.structs.replace(done, data={**done.data, "reference": "another-app"})
    cheap = msgspec.structs.replace(done, data={**done.data, "amount": 1})
    now_ms = hut.clock()
    assert not await hut.store.write(lambda tx: hear(tx, done, "live", now_ms))
    assert not await hut.store.write(lambda tx: hear(tx, foreign, "test", now_ms))
    await hut.store.write(lambda tx: hear(tx, cheap, "test", now_ms))
    assert await count_grants(hut) == 0


async def test_a_mispaid_purchase_waits_for_a_person(light_hut: Hut) -> None:
    """One shilling for an hour lets nobody in, and stands on the list of what a person has to look at."""
    hut = light_hut
    row = await hut.begin()
    await hut.pay(row, amount=1)
    await hut.hotspot.reader.read_once()
    assert (await hut.purchase(row)).status == "mispaid"
    assert not (await hut.ask()).allowed


async def test_data_that_is_used_up_ends_the_package(hut: Hut) -> None:
    """Bytes count once however often and in whichever order a router tells them; at the limit the session is closed."""
    await hut.buy("data")
    assert (await hut.ask()).bytes_left == 500_000_000
    await hut.tell(Happened.START)
    for up, down in [(100_000_000, 100_000_000), (50_000_000, 90_000_000), (100_000_000, 100_000_000)]:
        await hut.tell(Happened.INTERIM, bytes_up=up, bytes_down=down)
    assert (await hut.ask()).bytes_left == 300_000_000
    await hut.tell(Happened.INTERIM, bytes_up=200_000_000, bytes_down=400_000_000)
    assert (await hut.ask()).reason == Reason.DATA_IS_USED_UP
    owed = select(network_tasks.c.kind).where(
        network_tasks.c.due_at_ms.is_not(None), network_tasks.c.session_id == "s1"
    )
    assert await hut.store.read(lambda tx: tx.execute(owed).scalars().all()) == ["close"]


async def test_so_many_devices_and_no_more(hut: Hut) -> None:
    """A package of two devices takes two at a time, by our own accounting; who leaves makes room."""
    bought = await hut.buy("day")
    code = await hut.store.read(
        lambda tx: tx.execute(select(entitlements.c.code).where(entitlements.c.id == bought.entitlement)).scalar_one()
    )
    macs = [MAC, OTHER_MAC, "AA:BB:CC:DD:EE:09"]
    for number, mac in enumerate(macs[:2]):
        assert (await hut.ask(mac, code)).allowed
        await hut.tell(Happened.START, f"s{number}", mac)
    assert (await hut.ask(macs[2], code)).reason == Reason.TOO_MANY_DEVICES
    assert (await hut.ask(MAC)).allowed, "a device that is on may come again"
    await hut.tell(Happened.STOP, "s0", MAC)
    await hut.tell(Happened.INTERIM, "s0", MAC)
    assert (await hut.ask(macs[2], code)).allowed


async def test_of_two_let_in_at_one_moment_one_stays(light_hut: Hut) -> None:
    """A router without accounting lets two devices in before the books show either: the later one is closed, once."""
    hut = light_hut
    row = await hut.buy("hour")
    place = Place(OTHER_MAC, router=NAS.router)
    await hut.store.write(lambda tx: bind_device(tx, str(row.entitlement), place, hut.clock()))

    def told(mac: str, seconds: int) -> AccountingRecord:
        return AccountingRecord(Happened.INTERIM, NAS, hut.clock(), mac=mac, seconds=seconds)

    async def list_owed(*records: AccountingRecord) -> list[str]:
        await hut.store.write(lambda tx: hear_list(tx, NAS, records, hut.clock()))
        owed = select(network_tasks.c.mac).where(
            network_tasks.c.kind == "close", network_tasks.c.due_at_ms.is_not(None)
        )
        return list(await hut.store.read(lambda tx: tx.execute(owed).scalars().all()))

    assert await list_owed(told(MAC, 60)) == []
    assert await list_owed(told(OTHER_MAC, 1)) == [], "who left makes room in the same list"
    assert await list_owed(told(OTHER_MAC, 1), told(MAC, 0)) == [MAC]


async def test_sites_and_routers(hut: Hut) -> None:
    """A package of one site opens no other; a router that starts anew has no sessions left."""
    await hut.buy("market-day", site="market", router="market-gate", ip="10.6.0.9")
    assert (await hut.ask(nas=OTHER_NAS)).allowed
    assert (await hut.ask()).reason == Reason.OTHER_SITE
    await hut.tell(Happened.START, nas=OTHER_NAS)
    await hut.tell(Happened.ON, "", "", nas=OTHER_NAS)
    assert (await hut.ask(OTHER_MAC, nas=OTHER_NAS)).reason == Reason.NOTHING_BOUGHT
    assert (await hut.ask(nas=OTHER_NAS)).allowed


async def test_a_revoked_grant_leaves_what_the_others_alone_would_have_given(light_hut: Hut) -> None:
    """Revoking the first of two does not shorten the second, which then began when it was bought."""
    first, second = await light_hut.buy(), await light_hut.buy()
    source = f"payment:{first.payment}"
    assert await light_hut.store.write(lambda tx: revoke(tx, source, "test", light_hut.clock()))
    assert not await light_hut.store.write(lambda tx: revoke(tx, source, "test", light_hut.clock()))
    turns = await light_hut.store.read(lambda tx: read_turns(tx, second.entitlement))
    assert [(turn.from_ms, turn.until_ms) for turn in turns] == [(second.ended_at_ms, second.ended_at_ms + HOUR_MS)]
