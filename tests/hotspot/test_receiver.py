"""Hakika's word: signed webhooks, and a reader that makes up for those that were lost."""

import base64
import hashlib
import hmac
from itertools import count

import pytest
from sqlalchemy import update

from hakika.client import Event, HakikaError
from hakika.client.codes import IdempotencyKeyInFlight, NotAuthenticated, PayerBusy
from hakika_hotspot.kept import keep, read_kept
from hakika_hotspot.purchases import ASKING
from hakika_hotspot.receiver import CURSOR
from hakika_hotspot.store.tables import purchases
from tests.hotspot.hut import Hut, as_json

pytestmark = pytest.mark.anyio
_ids = count(1)


async def post(hut: Hut, event: Event, secret: str = "") -> int:
    """Post an event as Hakika does. → the answer's status."""
    body, at_s, name = as_json(event), str(hut.clock() // 1000), f"msg-{next(_ids)}"
    key = base64.b64decode((secret or hut.hotspot.receiver.secret).removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, f"{name}.{at_s}.".encode() + body, hashlib.sha256)).decode()
    headers = {"webhook-id": name, "webhook-timestamp": at_s, "webhook-signature": f"v1,{signature}"}
    async with hut.visit("127.0.0.1") as hakika:
        return (await hakika.post("/hook", content=body, headers=headers)).status_code


async def test_a_webhook_grants_and_a_forged_one_does_not(hut: Hut) -> None:
    """Signed with another secret nothing happens; signed with ours the device is let in, however often it comes."""
    row = await hut.begin()
    await hut.pay(row)
    done = next(event for event in await hut.events() if event.type == "payment.completed")
    forged = "whsec_" + base64.b64encode(b"somebody else's secret").decode()
    assert await post(hut, done, forged) == 400
    assert not (await hut.ask()).allowed
    assert [await post(hut, done) for _ in range(3)] == [204, 204, 204]
    assert (await hut.ask()).seconds_left == 3600


async def test_a_lost_webhook_loses_nothing(hut: Hut) -> None:
    """With no webhook at all the reader finds every event once, from where it left off, also after a restart."""
    first, second = await hut.buy(), await hut.buy(mac="AA:BB:CC:DD:EE:77", phone="0722000001")
    assert first.entitlement != second.entitlement
    cursor = int(await hut.store.read(lambda tx: read_kept(tx, CURSOR)))
    assert cursor == max(event.number for event in await hut.events())
    assert await hut.hotspot.reader.read_once() == 0


async def test_a_hakika_with_a_new_database_is_read_from_its_beginning(light_hut: Hut) -> None:
    """A cursor beyond the end begins anew; what was granted before is not granted again."""
    await light_hut.buy()
    await light_hut.store.write(lambda tx: keep(tx, CURSOR, "999999"))
    assert [await light_hut.hotspot.reader.read_once() for _ in range(2)] == [0, 0]
    assert int(await light_hut.store.read(lambda tx: read_kept(tx, CURSOR))) < 1000
    assert (await light_hut.ask()).expires_at_ms <= light_hut.clock() + 3_600_000


async def test_a_crash_between_intent_and_asking_rings_once(light_hut: Hut) -> None:
    """A purchase whose asking was cut off is asked for again under its own id: Hakika makes one payment of it."""
    hut = light_hut
    row = await hut.begin()
    forget = update(purchases).where(purchases.c.id == row.id).values(payment=None, status=ASKING)
    await hut.store.write(lambda tx: tx.execute(forget).rowcount)
    hut.clock.pass_s(20)
    assert await hut.hotspot.asking.ask_again(hut.clock()) == 1
    again = await hut.purchase(row)
    assert (again.payment, again.status) == (row.payment, "pending")
    assert len(hut.hakika.daraja.pushes) == 1


@pytest.mark.parametrize(
    ("error", "again", "status"),
    [
        (NotAuthenticated("No such key.", http_status=401), False, "failed"),
        (NotAuthenticated("No such key.", http_status=401), True, "asking"),
        (NotAuthenticated("No such key.", http_status=401, repeated=True), False, "asking"),
        (IdempotencyKeyInFlight("It is being answered.", http_status=409), False, "asking"),
        (PayerBusy("A prompt is open.", http_status=409), True, "failed"),
    ],
)
async def test_not_paid_is_said_only_where_nobody_was_asked(
    light_hut: Hut, monkeypatch: pytest.MonkeyPatch, error: HakikaError, again: bool, status: str
) -> None:
    """A refusal after a call whose answer was lost says nothing of that call: the phone may be ringing."""
    hut = light_hut
    row = await hut.begin()
    forget = update(purchases).where(purchases.c.id == row.id).values(payment=None, status=ASKING)
    await hut.store.write(lambda tx: tx.execute(forget).rowcount)

    async def refuse(**_: object) -> None:
        raise error

    monkeypatch.setattr(hut.hotspot.client.payments, "create", refuse)
    await hut.hotspot.asking.ask(await hut.purchase(row), again=again)
    assert (await hut.purchase(row)).status == status


async def test_nobody_is_rung_long_after(light_hut: Hut) -> None:
    """What could not be asked for within two minutes is given up; should it prove paid, it is granted all the same."""
    hut = light_hut
    row = await hut.begin()
    forget = update(purchases).where(purchases.c.id == row.id).values(payment=None, status=ASKING)
    await hut.store.write(lambda tx: tx.execute(forget).rowcount)
    hut.clock.pass_s(121)
    assert await hut.hotspot.asking.ask_again(hut.clock()) == 0
    assert (await hut.purchase(row)).status == "unasked"
    await hut.pay(row)
    await hut.hotspot.reader.read_once()
    assert (await hut.purchase(row)).status == "completed"
    assert (await hut.ask()).allowed
