"""What a callback does to a payment, whenever and however often it comes."""

import asyncio

import pytest

from hakika.domain.errors import NotFound
from hakika.domain.evidence import PushAccepted
from hakika.engine.case import Evidence, Origin
from tests.engine.till import ScriptedDaraja, Till, flags_of, lose, paid_row, say

pytestmark = pytest.mark.anyio


async def test_a_callback_completes_the_payment(till: Till) -> None:
    """A callback on the payment's own path completes it, with receipt, amount, time and one event."""
    row = await till.prompt()
    till.clock.pass_s(20)
    recorded = await till.call_back(row, receipt="SFF6XYZ123", paid_at_ms=till.clock() - 2_000)
    row = paid_row(recorded)
    assert (row.status, row.receipt, row.amount_received, row.confirmed_by) == (
        "completed",
        "SFF6XYZ123",
        100,
        "callback",
    )
    assert (row.paid_at_ms, row.called_back_at_ms) == (till.clock() - 2_000, till.clock())
    assert (row.final_at_ms, row.due_at_ms) == (till.clock(), None)
    assert recorded.event is not None
    assert recorded.event.type == "payment.completed"
    assert await till.read(row.id) == row
    assert await till.story(row) == ["completed"]


async def test_four_copies_one_after_another_make_one_event(till: Till) -> None:
    """The same bytes four times are one piece of evidence with four copies, and one event."""
    row = await till.prompt()
    for _ in range(4):
        await till.call_back(row, identity="the same bytes")
        till.clock.pass_s(1)
    kept = [piece for piece in await till.evidence(row) if piece.source == "callback"]
    assert [piece.copies for piece in kept] == [4]
    assert await till.story(row) == ["completed"]


async def test_four_copies_at_once_make_one_event(till: Till) -> None:
    """The same bytes four times in one batch are counted just the same."""
    row = await till.prompt()
    await asyncio.gather(*(till.call_back(row, identity="the same bytes") for _ in range(4)))
    kept = [piece for piece in await till.evidence(row) if piece.source == "callback"]
    assert [piece.copies for piece in kept] == [4]
    assert await till.story(row) == ["completed"]


async def test_a_copy_that_is_older_keeps_what_is_stored_and_what_is_known_together(till: Till) -> None:
    """A copy drained from the spool with an earlier time leaves row and stored reading at the same, earlier, time."""
    row = await till.prompt()
    till.clock.pass_s(30)
    await till.call_back(row, identity="the same bytes")
    till.clock.pass_s(-10)
    await till.call_back(row, identity="the same bytes")
    kept = next(piece for piece in await till.evidence(row) if piece.source == "callback")
    assert f'"at_ms":{till.clock()}' in kept.reading
    assert f"[{till.clock()}," in (await till.read(row.id)).facts


async def test_a_claim_with_the_same_bytes_is_no_copy(till: Till) -> None:
    """Bytes that came first without the token do not make the same bytes with the token a copy."""
    row = await till.prompt()
    await till.call_back(row, token="", identity="the same bytes")
    assert (await till.read(row.id)).status == "pending"
    await till.call_back(row, identity="the same bytes")
    assert (await till.read(row.id)).status == "completed"
    assert [(piece.source, piece.copies) for piece in await till.evidence(row)][-2:] == [("claim", 1), ("callback", 1)]


async def test_a_callback_before_the_pushs_answer(till: Till, daraja: ScriptedDaraja) -> None:
    """A callback that overtakes the push's answer is kept, and counts once the answer names its prompt."""
    asked = await till.ask()
    daraja.during_push = lambda _: early.append(asyncio.ensure_future(till.call_back(asked)))
    early: list[asyncio.Future[object]] = []
    await till.work()
    await asyncio.gather(*early)
    row = await till.read(asked.id)
    assert (row.status, row.receipt) == ("completed", "SFF6XYZ123")
    assert await till.story(row) == ["completed"]


async def test_a_callback_proves_what_a_lost_push_answer_left_open(till: Till, daraja: ScriptedDaraja) -> None:
    """Where the push's answer was lost, the callback on the secret path alone completes the payment."""
    daraja.push_answers = [lose]
    row = await till.prompt()
    assert (row.status, row.stage) == ("pending", "unsure")
    row = paid_row(await till.call_back(row, checkout_request_id="ws_CO_never_told"))
    assert (row.status, row.receipt) == ("completed", "SFF6XYZ123")


async def test_a_declining_callback_names_its_status(till: Till) -> None:
    """1032 cancels, 1037 expires, any other known-final code fails."""
    ends = {}
    for code in ("1032", "1037", "2001"):
        row = await till.prompt()
        ends[code] = paid_row(await till.call_back(row, code)).status
    assert ends == {"1032": "cancelled", "1037": "expired", "2001": "failed"}


async def test_an_unknown_code_declines_nothing_and_makes_a_query_due(till: Till) -> None:
    """A code that is on no list leaves the payment pending and has Daraja asked at once."""
    row = await till.prompt()
    till.clock.pass_s(5)
    row = paid_row(await till.call_back(row, "7777"))
    assert row.status == "pending"
    assert await till.due_in_s(row) == 0


async def test_late_proof_beats_a_decline(till: Till) -> None:
    """Success after a decline completes the payment and says that it was late and contradicted."""
    row = await till.prompt()
    await till.call_back(row, "1037")
    till.clock.pass_s(60)
    row = paid_row(await till.call_back(row))
    assert row.status == "completed"
    assert {"late", "contradicted"} <= set(flags_of(row))
    assert await till.story(row) == ["expired", "completed"]


async def test_another_shortcode_in_the_header_makes_it_a_claim(till: Till) -> None:
    """A callback on the right path that names another shortcode moves no money, flags, and is confirmed."""
    row = await till.prompt()
    row = paid_row(await till.call_back(row, origin=Origin(shortcode="600999")))
    assert row.status == "pending"
    assert "shortcode_mismatch" in flags_of(row)
    assert await till.due_in_s(row) == 0
    assert paid_row(await till.call_back(row, origin=Origin(shortcode="174379"))).status == "completed"


async def test_a_callback_of_another_prompt_on_our_path_is_a_claim_about_the_other(till: Till) -> None:
    """Another payment's CheckoutRequestID on this payment's path proves nothing: the other is asked about."""
    mine, other = await till.prompt(), await till.prompt()
    recorded = await till.call_back(mine, checkout_request_id=other.checkout_request_id)
    assert await till.read(mine.id) == mine
    row = paid_row(recorded)
    assert (row.id, row.status) == (other.id, "pending")
    assert await till.due_in_s(row) == 0


async def test_a_callback_of_an_unknown_prompt_on_our_path_is_flagged_and_confirmed(till: Till) -> None:
    """A CheckoutRequestID that is nobody's, on this payment's path, proves nothing and is flagged."""
    row = await till.prompt()
    row = paid_row(await till.call_back(row, checkout_request_id="ws_CO_nobodys"))
    assert (row.status, flags_of(row)) == ("pending", ["checkout_mismatch"])
    assert await till.due_in_s(row) == 0


async def test_a_query_completes_without_a_receipt_which_comes_later(till: Till, daraja: ScriptedDaraja) -> None:
    """A success learned by query is complete at once; the callback's receipt is an update."""
    row = await till.prompt()
    daraja.query_default = say("0")
    await till.work(after_s=10)
    row = await till.read(row.id)
    assert (row.status, row.receipt, row.confirmed_by) == ("completed", "", "query")
    row = paid_row(await till.call_back(row))
    assert (row.status, row.receipt) == ("completed", "SFF6XYZ123")
    assert await till.story(row) == ["completed", "updated"]


async def test_evidence_about_an_unknown_id_is_refused(till: Till) -> None:
    """A caller that names a payment which does not exist is told so, and nothing is kept."""
    with pytest.raises(NotFound):
        await till.ledger.record(Evidence(PushAccepted(till.clock(), 1, "ws_CO_1"), "x", payment="pay_none"))
    assert await till.quarantined() == []
