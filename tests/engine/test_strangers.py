"""What strangers say: kept, confirmed by a query, and never money by itself."""

import msgspec
import pytest

from hakika.domain.evidence import CallbackUnreadable
from hakika.domain.schedule import CONFIRM_APART_MS
from hakika.engine.case import Evidence, Origin
from hakika.engine.orders import read_registration
from hakika.store.search import find_by_anything
from tests.engine.till import ScriptedDaraja, Till, flags_of, lose, paid_row, say

pytestmark = pytest.mark.anyio

FORGED_TOKEN = "0" * 32


async def test_a_callback_about_nothing_of_ours_is_quarantined(till: Till) -> None:
    """A callback with an unknown token and an unknown CheckoutRequestID is kept and believed by nobody."""
    row = await till.prompt()
    for _ in range(2):
        recorded = await till.call_back(
            row, token=FORGED_TOKEN, checkout_request_id="ws_CO_elsewhere", identity="x", raw=b"{}"
        )
        assert recorded.payment is None
    (parked,) = await till.quarantined()
    assert (parked.checkout_request_id, parked.copies, parked.raw) == ("ws_CO_elsewhere", 2, b"{}")
    assert '"trusted":true' not in parked.reading
    assert await till.read(row.id) == row


@pytest.mark.parametrize("token", ["", FORGED_TOKEN])
async def test_without_the_token_a_callback_is_a_claim(till: Till, daraja: ScriptedDaraja, token: str) -> None:
    """No token or a wrong one: no money moves, and Daraja is asked at once; its word then counts."""
    row = await till.prompt()
    row = paid_row(await till.call_back(row, token=token, receipt="FORGED1234"))
    assert (row.status, row.receipt, row.called_back_at_ms) == ("pending", "", 0)
    daraja.query_answers = [say("0")]
    assert await till.work() == {"queried": 1}
    row = await till.read(row.id)
    assert (row.status, row.receipt, row.confirmed_by) == ("completed", "FORGED1234", "query")
    assert "receipt_claimed" in flags_of(row)


async def test_a_claimed_receipt_gives_way_to_the_proven_one(till: Till, daraja: ScriptedDaraja) -> None:
    """A stranger's receipt stands only until a trusted source names another."""
    row = await till.prompt()
    await till.call_back(row, token="", receipt="FORGED1234")
    daraja.query_answers = [say("0")]
    await till.work()
    row = paid_row(await till.call_back(row, receipt="SFF6XYZ123"))
    assert row.receipt == "SFF6XYZ123"
    assert "receipt_claimed" not in flags_of(row)


async def test_a_payment_is_found_by_the_receipt_that_it_shows(till: Till, daraja: ScriptedDaraja) -> None:
    """A claimed receipt, all that a payment which another program asked for may ever have, is found like any other."""
    row = await till.prompt()
    await till.call_back(row, token="", receipt="SFF6CLAIM1")
    assert await till.find(receipt="SFF6CLAIM1") == []
    daraja.query_answers = [say("0")]
    await till.work()
    for receipt in ("SFF6CLAIM1", "SFF6PROOF1"):
        assert [found.id for found in await till.find(receipt=receipt)] == [row.id]
        called = await till.store.read(lambda tx, name=receipt: find_by_anything(tx, name.lower()))  # type: ignore[misc]
        assert [found.id for found in called] == [row.id]
        await till.call_back(row, receipt="SFF6PROOF1")
    assert await till.find(receipt="SFF6CLAIM1") == []


async def test_a_claim_takes_no_receipt_from_its_owner(till: Till) -> None:
    """A receipt that a stranger claimed for one payment still belongs to the payment that proves it."""
    mine, other = await till.prompt(), await till.prompt()
    await till.call_back(mine, token="", receipt="SFF6XYZ123")
    row = paid_row(await till.call_back(other, receipt="SFF6XYZ123"))
    assert (row.status, row.receipt, flags_of(row)) == ("completed", "SFF6XYZ123", [])


async def test_a_flood_of_claims_asks_daraja_only_now_and_then(
    till: Till, daraja: ScriptedDaraja, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many claims come, one payment is not queried more often than every ten seconds."""
    row = await till.prompt()
    monkeypatch.setattr(till.health, "expect", lambda *_: True)  # so that only the claims make queries due
    for _ in range(30):
        await till.call_back(row, token="")
        await till.work(after_s=1)
    assert len(daraja.queries) == 30_000 // CONFIRM_APART_MS


async def test_claims_while_a_query_is_under_way_start_no_second_one(till: Till, daraja: ScriptedDaraja) -> None:
    """What strangers send between a query and its answer makes no further query due."""
    row = await till.prompt()
    await till.call_back(row, token="")
    taken = await till.worker._claim()
    assert [one.id for one in taken] == [row.id]
    await till.call_back(row, token="")
    assert await till.work() == {}
    assert await till.due_in_s(row) == CONFIRM_APART_MS / 1000
    assert daraja.queries == []


async def test_a_claim_delays_no_query_that_was_planned_earlier(till: Till) -> None:
    """Strangers can bring a query forward, never put one off."""
    row = await till.prompt()
    await till.work(after_s=10)
    planned_in_s = await till.due_in_s(row)
    assert planned_in_s is not None
    await till.call_back(row, token="")
    assert await till.due_in_s(row) == min(planned_in_s, CONFIRM_APART_MS / 1000)


async def test_a_claim_about_a_declined_payment_is_confirmed_too(till: Till, daraja: ScriptedDaraja) -> None:
    """After a decline a claim of success has Daraja asked once; what it says wins."""
    row = await till.prompt()
    await till.call_back(row, "1037")
    row = paid_row(await till.call_back(row, token=""))
    assert row.status == "expired"
    daraja.query_answers = [say("0")]
    assert await till.work() == {"queried": 1}
    assert (await till.read(row.id)).status == "completed"


async def test_the_same_claim_again_asks_for_nothing(till: Till, daraja: ScriptedDaraja) -> None:
    """The same bytes once a second about an ended payment: Daraja is asked once, and each copy is counted."""
    row = await till.prompt()
    await till.call_back(row, "1032")
    for _ in range(60):
        await till.call_back(row, token="", identity="the same bytes")
        await till.work(after_s=1)
    assert daraja.queries == [row.checkout_request_id]
    assert (await till.evidence(row))[-2].copies == 60
    assert (await till.read(row.id)).status == "cancelled"


async def test_a_copy_takes_no_query_away(till: Till, daraja: ScriptedDaraja) -> None:
    """A claim's query that is planned for later stays planned, whatever copies come until then."""
    row = await till.prompt()
    await till.work(after_s=10)
    await till.call_back(row, "1032")
    for identity in ("first", "first", "first"):
        await till.call_back(row, token="", identity=identity)
        assert await till.due_in_s(row) is not None
        await till.work(after_s=1)
    await till.call_back(row, "1032", identity="trusted, and nothing new")
    daraja.query_answers = [say("0")]
    assert await till.work(after_s=10) == {"queried": 1}
    assert (await till.read(row.id)).status == "completed"


async def test_ever_new_claims_are_asked_about_ever_less_often(till: Till, daraja: ScriptedDaraja) -> None:
    """About an ended payment each query takes twice as long as the last, and after a day there is none."""
    row = await till.prompt()
    await till.call_back(row, "1032")
    ended_at_ms, asked_at_s = till.clock(), []
    while till.clock() < ended_at_ms + 3 * 24 * 3600 * 1000:
        await till.call_back(row, token="")
        if await till.work(after_s=5 if till.clock() < ended_at_ms + 400_000 else 3600):
            asked_at_s.append((till.clock() - ended_at_ms) // 1000)
    assert asked_at_s[:6] == [5, 15, 30, 60, 120, 240]
    assert asked_at_s[-1] <= 24 * 3600 + 3600
    assert len(asked_at_s) < 16


async def test_the_first_claim_after_hours_is_asked_about_at_once(till: Till, daraja: ScriptedDaraja) -> None:
    """Whoever says nothing else has its claim confirmed at once, within a day of the end."""
    row = await till.prompt()
    await till.call_back(row, "1032")
    till.clock.pass_s(20 * 3600)
    daraja.query_answers = [say("0")]
    await till.call_back(row, token="")
    assert await till.work() == {"queried": 1}
    assert (await till.read(row.id)).status == "completed"


async def test_what_came_from_the_quarantine_says_whence(till: Till) -> None:
    """Adopted evidence keeps who sent it and where to."""
    origin = Origin("203.0.113.9", "/mpesa/callback", "174379")
    asked = await till.ask()
    await till.call_back(asked, token="", checkout_request_id="ws_CO_1", origin=origin)
    await till.work()
    kept = [piece for piece in await till.evidence(asked) if piece.source == "claim"]
    assert [msgspec.json.decode(piece.origin, type=Origin) for piece in kept] == [origin]


async def test_unreadable_bytes_on_the_secret_path_of_an_ended_payment_make_one_query_due(
    till: Till, daraja: ScriptedDaraja
) -> None:
    """Nonsense on the path of a declined payment is a reason to ask once; its copies are none."""
    row = await till.prompt()
    await till.call_back(row, "1032")
    till.clock.pass_s(48 * 3600)
    for _ in range(30):
        reading = CallbackUnreadable(till.clock(), "not JSON", trusted=True)
        await till.ledger.record(Evidence(reading, "nonsense", token=row.token, raw=b"<html>"))
        await till.work(after_s=1)
    assert daraja.queries == [row.checkout_request_id]


async def test_unreadable_bytes_on_the_secret_path_make_a_query_due(till: Till) -> None:
    """Nonsense on a payment's own path is kept, flagged, and a reason to ask Daraja."""
    row = await till.prompt()
    reading = CallbackUnreadable(till.clock(), "not JSON", trusted=True)
    row = paid_row(await till.ledger.record(Evidence(reading, "nonsense", token=row.token, raw=b"<html>")))
    assert (row.status, flags_of(row)) == ("pending", ["callback_unreadable"])
    assert await till.due_in_s(row) == 0
    assert (await till.evidence(row))[-1].raw == b"<html>"


async def test_what_was_quarantined_is_adopted_by_a_registration(till: Till, daraja: ScriptedDaraja) -> None:
    """A callback that came before its payment was registered is found again, as a claim that is confirmed."""
    stranger = await till.prompt()
    await till.call_back(stranger, token="", checkout_request_id="ws_CO_elsewhere", receipt="SFF6ELSE01", amount=70)
    order = till.order(amount=70)
    registration = read_registration(checkout_request_id="ws_CO_elsewhere", merchant_request_id="mr-1", order=order)
    await till.cashier.register(registration)
    assert await till.quarantined() == []
    daraja.query_answers = [say("0")]
    assert await till.work() == {"queried": 1}
    assert daraja.queries == ["ws_CO_elsewhere"]
    (row,) = [row for row in await till.find() if row.id != stranger.id]
    assert (row.status, row.receipt) == ("completed", "SFF6ELSE01")
    assert flags_of(row) == ["amount_unverified", "receipt_claimed"]
    assert await till.kinds(row) == ["push_registered", "callback", "query"]


async def test_what_was_quarantined_is_adopted_when_the_pushs_answer_names_it(till: Till) -> None:
    """A tokenless callback that overtakes the push's answer becomes a claim of that payment."""
    asked = await till.ask()
    await till.call_back(asked, token="", checkout_request_id="ws_CO_1")
    assert len(await till.quarantined()) == 1
    await till.work()
    row = await till.read(asked.id)
    assert (row.status, row.stage) == ("pending", "prompted")
    assert await till.quarantined() == []
    assert await till.due_in_s(row) == 0


async def test_a_claim_does_not_speak_for_a_lost_push(till: Till, daraja: ScriptedDaraja) -> None:
    """Where the push's answer was lost, a stranger's callback is about nothing that we know."""
    daraja.push_answers = [lose]
    row = await till.prompt()
    await till.call_back(row, token="", checkout_request_id="ws_CO_1")
    assert (await till.read(row.id)).status == "pending"
    assert len(await till.quarantined()) == 1
