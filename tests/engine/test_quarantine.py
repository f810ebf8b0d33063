"""What strangers post is bounded as it comes: no flood fills the disk, or pushes out what waits for its payment."""

import pytest
from sqlalchemy import func, select

from hakika.domain.evidence import CallbackUnreadable
from hakika.engine.case import Evidence, Origin
from hakika.engine.desk import Posted, read_posted
from hakika.engine.intake import UNREADABLE_KEPT_BYTES
from hakika.engine.orders import read_registration
from hakika.store import quarantine as shares
from hakika.store.quarantine import thin_quarantine
from hakika.store.tables import quarantine
from tests.api.house import result
from tests.engine.till import Till

pytestmark = pytest.mark.anyio
ORIGIN = Origin("203.0.113.9", "/mpesa/callback")
FLOOD = 60


async def post(till: Till, body: bytes | str, *, foreign: bool = False) -> None:
    """Post to an open path."""
    body = body.encode() if isinstance(body, str) else body
    await till.ledger.record(read_posted(Posted(body, "", ORIGIN, till.clock(), foreign)))


async def junk(till: Till, number: int, size: int = 65_536) -> None:
    """Post bytes that are no callback, unlike any other."""
    await post(till, f"{number:08}".encode().ljust(size, b"x"))


async def parked_bytes(till: Till) -> int:
    """Return how many bytes of bodies are quarantined."""
    row = await till.store.read(lambda tx: tx.one(select(func.sum(func.length(quarantine.c.raw)))))
    return int(row[0] or 0) if row else 0


async def parked_ids(till: Till) -> set[str]:
    """Return what the quarantined callbacks are about."""
    return {row.checkout_request_id for row in await till.quarantined()} - {""}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the shares small, so that little fills them."""
    for name in ("junk", "foreign", "known"):
        monkeypatch.setitem(shares.SHARES_BYTES, name, 20_000)
    monkeypatch.setattr("hakika.engine.intake.THIN_EVERY_BYTES", 10_000)


async def test_of_unreadable_bytes_the_beginning_is_kept(till: Till) -> None:
    """2 KiB show a person what it was, and the origin says that there was more."""
    await junk(till, 7)
    await post(till, b"<html>")
    short, long = await till.quarantined()
    assert (long.raw or b"") == b"00000007".ljust(UNREADABLE_KEPT_BYTES, b"x")
    assert '"truncated":true' in long.origin
    assert ((short.raw or b""), "truncated" in short.origin) == (b"<html>", False)


async def test_on_a_payments_own_path_more_is_kept(till: Till) -> None:
    """What came with the token is evidence: all that the server took in stays."""
    row = await till.prompt()
    reading = CallbackUnreadable(till.clock(), "not JSON", trusted=True)
    await till.ledger.record(Evidence(reading, "nonsense", token=row.token, raw=b"x" * 65_536))
    assert len((await till.evidence(row))[-1].raw or b"") == 65_536


@pytest.mark.usefixtures("small")
async def test_a_flood_is_bounded_as_it_comes(till: Till) -> None:
    """Without any housekeeping the bodies of strangers stay within their share, and what is thinned late."""
    for number in range(FLOOD):
        await junk(till, number)
    assert 0 < await parked_bytes(till) <= 20_000 + 10_000
    newest = (await till.quarantined())[0]
    assert (newest.raw or b"").startswith(f"{FLOOD - 1:08}".encode())


@pytest.mark.usefixtures("small")
async def test_junk_never_pushes_out_a_callback_that_waits(till: Till) -> None:
    """A callback that came before its payment was registered survives a flood, and is adopted."""
    await post(till, result("ws_CO_waits", receipt="SFF6ELSE01"))
    for number in range(FLOOD):
        await junk(till, number)
    assert await parked_ids(till) == {"ws_CO_waits"}
    order = till.order(amount=100)
    registration = read_registration(checkout_request_id="ws_CO_waits", merchant_request_id=None, order=order)
    await till.cashier.register(registration)
    assert await parked_ids(till) == set()


@pytest.mark.usefixtures("small")
async def test_forged_callbacks_never_push_out_safaricoms(till: Till) -> None:
    """Readable callbacks from foreign addresses have a share of their own, and oversized ones count as junk."""
    await post(till, result("ws_CO_waits"))
    for number in range(FLOOD):
        await post(till, result(f"ws_CO_forged_{number}"), foreign=True)
        await post(till, result(f"ws_CO_huge_{number}") + " " * 5_000)
    kept = await parked_ids(till)
    assert "ws_CO_waits" in kept
    assert f"ws_CO_forged_{FLOOD - 1}" in kept
    assert "ws_CO_forged_0" not in kept
    assert "ws_CO_huge_0" not in kept


async def test_what_was_adopted_is_not_thinned(till: Till) -> None:
    """Thinning forgets what nobody owns, the oldest first; a share of nothing keeps nothing."""
    asked = await till.ask()
    await till.call_back(asked, token="", checkout_request_id="ws_CO_1")
    await till.work()
    for number in range(3):
        await junk(till, number, size=10)
    none = dict.fromkeys(shares.SHARES_BYTES, 0)
    assert await till.store.write(lambda tx: thin_quarantine(tx, none)) == 3
    assert await till.quarantined() == []
    adopted = await till.store.read(lambda tx: tx.all(select(quarantine.c.adopted_by)))
    assert [row[0] for row in adopted] == [asked.id]
