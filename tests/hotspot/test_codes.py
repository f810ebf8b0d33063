"""Vouchers, codes and receipts: what opens, for whom, and how often one may try."""

import asyncio

import pytest
from sqlalchemy import select

from hakika_hotspot.domain.access import Happened, Reason
from hakika_hotspot.domain.package import Package
from hakika_hotspot.entitlements import code_of
from hakika_hotspot.ids import show_code
from hakika_hotspot.store import Transaction
from hakika_hotspot.store.tables import devices, vouchers
from hakika_hotspot.vouchers import make_vouchers, withdraw_batch
from tests.hotspot.hut import MAC, OTHER_MAC, PHONE, THIRD_MAC, Hut

pytestmark = pytest.mark.anyio
HOUR = Package(id="hour", name="1 hour", seconds=3600, price=20)


async def make(hut: Hut, count: int = 1, package: Package = HOUR, **changes: int) -> list[str]:
    """Make vouchers."""
    now_ms = hut.clock()
    return await hut.store.write(lambda tx: make_vouchers(tx, package, count, f"batch-{now_ms}", now_ms, **changes))


async def enter(hut: Hut, code: str, phone: str = "", mac: str = MAC, address: str = "10.5.1.1") -> tuple[int, str]:
    """Type a code on the portal, in a browser of its own. → the page."""
    async with hut.visit(address) as browser:
        answer = await browser.post("/code", data={"code": code, "phone": phone, "mac": mac, "router": "gate"})
    return answer.status_code, answer.text


async def test_a_voucher_is_used_once(hut: Hut) -> None:
    """A voucher lets a device in for its time; five devices that enter it at once still share one hour."""
    [code] = await make(hut)
    macs = [f"AA:BB:CC:00:00:0{number}" for number in range(1, 6)]
    answers = await asyncio.gather(*(hut.ask(mac, show_code(code).lower(), "anything") for mac in macs))
    assert {answer.entitlement_id for answer in answers if answer.allowed} == {answers[0].entitlement_id}
    await hut.tell(Happened.START, "s1", macs[0])
    assert (await hut.ask(macs[1], code)).reason == Reason.TOO_MANY_DEVICES
    hut.clock.pass_s(3601)
    assert (await hut.ask(macs[0], code)).reason == Reason.TIME_IS_UP


async def test_a_voucher_that_is_withdrawn_or_too_old_opens_nothing(light_hut: Hut) -> None:
    """Nor is a form that was sent twice two batches."""
    hut = light_hut
    old = await make(hut, use_by_ms=hut.clock() + 1000)
    hut.clock.pass_s(2)
    fresh, again = await make(hut, 3), await make(hut, 3)
    assert fresh == again
    batch = await hut.store.read(
        lambda tx: tx.execute(select(vouchers.c.batch).where(vouchers.c.code == fresh[0])).scalar_one()
    )
    assert await hut.store.write(lambda tx: withdraw_batch(tx, batch, hut.clock())) == 3
    assert [(await hut.ask(MAC, code)).reason for code in (*old, fresh[0])] == [Reason.WRONG_CODE] * 2


async def test_a_receipt_opens_for_the_phone_that_paid(hut: Hut) -> None:
    """With another phone, or none, on another device, it opens nothing; with the phone, or on that device, it does."""
    bought = await hut.buy("day")
    assert bought.receipt
    assert (await enter(hut, bought.receipt, "0722000000", OTHER_MAC))[0] == 422
    assert (await enter(hut, bought.receipt, "", OTHER_MAC))[0] == 422
    assert not (await hut.ask(OTHER_MAC)).allowed
    status, page = await enter(hut, bought.receipt.lower(), PHONE, OTHER_MAC)
    assert (status, "Time left" in page) == (200, True)
    assert (await hut.ask(OTHER_MAC)).entitlement_id == bought.entitlement
    assert (await enter(hut, bought.receipt, "", MAC))[0] == 200, "on the device that bought"
    assert (await hut.ask(THIRD_MAC, PHONE, bought.receipt)).allowed, "phone and receipt as name and password"


async def test_a_claimed_mac_shows_no_code(light_hut: Hut) -> None:
    """Who only claims the buyer's MAC is not shown the code that would open it on another device."""
    bought = await light_hut.buy("day")
    code = await light_hut.store.read(lambda tx: code_of(tx, bought.entitlement))
    status, page = await enter(light_hut, bought.receipt, "", MAC)
    assert (status, show_code(code) in page) == (200, False)


async def test_few_tries(hut: Hut) -> None:
    """After five wrong codes a device is heard no more for a quarter of an hour, not even with the right one."""
    [code] = await make(hut)
    for _ in range(5):
        assert (await hut.ask(MAC, "WRONGCODE1")).reason in {Reason.WRONG_CODE, Reason.TOO_MANY_TRIES}
    assert (await hut.ask(MAC, code)).reason == Reason.TOO_MANY_TRIES
    assert (await hut.ask(OTHER_MAC, code)).allowed, "others are not kept out"
    hut.clock.pass_s(15 * 60)
    assert (await hut.ask(MAC, code)).allowed


async def test_one_address_may_not_guess_with_many_devices(light_hut: Hut) -> None:
    """A browser's word for its MAC is free to change: its address has tries of its own."""
    for number in range(60):
        assert (await enter(light_hut, f"WRONG{number:05}", mac=f"AA:BB:CC:00:01:{number:02X}"))[0] == 422
    [code] = await make(light_hut)
    status, page = await enter(light_hut, code, mac=THIRD_MAC)
    assert (status, "15 minutes" in page) == (422, True)
    assert (await enter(light_hut, code, mac=THIRD_MAC, address="10.5.1.2"))[0] == 200


async def test_a_browser_cannot_take_another_devices_place(light_hut: Hut) -> None:
    """Who claims a MAC that is on somebody else's open time does not move it to his own."""
    hut = light_hut
    mine = await hut.buy("hour")
    [code] = await make(hut)
    await enter(hut, code, mac=MAC)

    def bound(tx: Transaction) -> str:
        return str(tx.execute(select(devices.c.entitlement).where(devices.c.mac == MAC)).scalar_one())

    assert await hut.store.read(bound) == mine.entitlement


async def test_paying_for_a_strangers_mac_opens_nothing_of_the_strangers(light_hut: Hut) -> None:
    """Who buys an hour for a MAC that has a day gets an hour of his own; the stranger keeps the day."""
    hut = light_hut
    day = await hut.buy("day")
    hour = await hut.buy("hour", phone="0722000009")
    assert hour.entitlement != day.entitlement
    hut.clock.pass_s(3600)
    assert (await hut.ask(MAC)).entitlement_id == day.entitlement, "when the hour is over, the device has its day"
    again = await hut.buy("day")
    assert again.entitlement == day.entitlement, "the same phone and device: prolonged, without any cookie"
