"""Money that is not what was asked for, or not clearly whose: kept, flagged, never silently dropped."""

import pytest

from hakika.domain.errors import ReferenceInUse
from hakika.domain.evidence import PaybillConfirmed
from hakika.store.payments import PaymentRow
from tests.engine.till import PHONE, ScriptedDaraja, Till, flags_of, paid_row, say

pytestmark = pytest.mark.anyio


async def test_one_shilling_does_not_settle_a_hundred(till: Till) -> None:
    """KES 1 for KES 100 is mispaid with the amount received, and keeps its reference."""
    row = await till.prompt(amount=100)
    row = paid_row(await till.call_back(row, amount=1))
    assert (row.status, row.amount_received, row.receipt) == ("mispaid", 1, "SFF6XYZ123")
    assert row.holds_reference
    assert await till.story(row) == ["mispaid"]


async def test_the_asked_amount_later_completes_what_was_mispaid(till: Till) -> None:
    """Proof of the asked amount after proof of another completes the payment, and both are told."""
    row = await till.prompt(amount=100)
    await till.call_back(row, amount=1, receipt="SFF6XYZ001")
    row = paid_row(await till.hear(row, PaybillConfirmed(till.clock(), "SFF6XYZ100", 100)))
    assert (row.status, row.amount_received, row.receipt) == ("completed", 100, "SFF6XYZ100")
    assert {"amount_disputed", "receipts_disputed"} <= set(flags_of(row))
    assert await till.story(row) == ["mispaid", "completed"]


async def test_one_receipt_belongs_to_the_first_payment_that_proved_it(till: Till) -> None:
    """The second payment under one receipt goes to a person; the first stays as it is."""
    first, second = await till.prompt(), await till.prompt()
    await till.call_back(first, receipt="SFF6XYZ123")
    row = paid_row(await till.call_back(second, receipt="SFF6XYZ123"))
    assert (row.status, row.receipt, flags_of(row)) == ("unresolved", "", ["receipt_taken"])
    assert row.due_at_ms is None
    assert (await till.read(first.id)).status == "completed"
    assert '"taken":true' in (await till.evidence(second))[-1].reading


async def test_one_receipt_for_two_payments_in_one_batch(till: Till) -> None:
    """Told at once, exactly one of two payments has the receipt."""
    rows = [await till.prompt(), await till.prompt()]
    await till.together(*(till.call_back(row, receipt="SFF6XYZ123") for row in rows))
    assert await till.statuses() == {"completed": 1, "unresolved": 1}


async def test_a_query_does_not_settle_a_payment_whose_receipt_is_taken_by_itself(till: Till) -> None:
    """A payment that waits for a person because of its receipt is not queried further."""
    first, second = await till.prompt(), await till.prompt()
    await till.call_back(first, receipt="SFF6XYZ123")
    await till.call_back(second, receipt="SFF6XYZ123")
    assert await till.work(after_s=3600) == {}


async def test_two_receipts_for_one_payment_are_flagged(till: Till) -> None:
    """A second receipt for the same payment is kept, flagged, and told as an update."""
    row = await till.prompt()
    await till.call_back(row, receipt="SFF6XYZ111", paid_at_ms=till.clock())
    row = paid_row(await till.call_back(row, receipt="SFF6XYZ222", paid_at_ms=till.clock() + 1))
    assert (row.receipt, flags_of(row)) == ("SFF6XYZ111", ["receipts_disputed"])
    assert await till.story(row) == ["completed", "updated"]


async def test_a_reference_is_free_again_after_a_decline(till: Till) -> None:
    """What ended without money may be asked again under the same reference."""
    row = await till.prompt(reference="INV-1")
    with pytest.raises(ReferenceInUse) as refused:
        await till.ask(reference="INV-1")
    assert refused.value.extra == {"payment": row.id}
    row = paid_row(await till.call_back(row, "1032"))
    assert not row.holds_reference
    assert (await till.ask(reference="INV-1")).holds_reference


async def test_a_reference_is_not_free_while_nobody_knows(till: Till) -> None:
    """An unresolved payment keeps its reference: money may have moved."""
    first, second = await till.prompt(), await till.prompt(reference="INV-1")
    await till.call_back(first, receipt="SFF6XYZ123")
    row = paid_row(await till.call_back(second, receipt="SFF6XYZ123"))
    assert (row.status, row.holds_reference) == ("unresolved", True)
    with pytest.raises(ReferenceInUse):
        await till.ask(reference="INV-1")


async def test_late_money_takes_a_free_reference_back(till: Till) -> None:
    """Late proof after a decline, with no retry, holds the reference again."""
    row = await till.prompt(reference="INV-1")
    await till.call_back(row, "1037")
    row = paid_row(await till.call_back(row))
    assert (row.status, row.holds_reference) == ("completed", True)
    with pytest.raises(ReferenceInUse):
        await till.ask(reference="INV-1")


async def pay_twice(till: Till) -> tuple[PaymentRow, PaymentRow]:
    """Decline, retry, pay the retry, and then the first is paid late."""
    first = await till.prompt(reference="INV-1")
    await till.call_back(first, "1037")
    retry = await till.prompt(reference="INV-1")
    await till.call_back(retry, receipt="SFF6XYZ222")
    recorded = await till.call_back(first, receipt="SFF6XYZ111")
    assert "paid_twice" in flags_of(paid_row(recorded))
    return await till.read(first.id), await till.read(retry.id)


async def test_late_money_beside_a_paid_retry_flags_both(till: Till) -> None:
    """Both payments keep their money and their receipts, and both say that the reference was paid twice."""
    first, retry = await pay_twice(till)
    assert [row.status for row in (first, retry)] == ["completed", "completed"]
    assert [row.receipt for row in (first, retry)] == ["SFF6XYZ111", "SFF6XYZ222"]
    assert all("paid_twice" in flags_of(row) for row in (first, retry))
    assert await till.story(retry) == ["completed", "updated"]
    assert "rival_paid" in await till.kinds(first)
    assert "rival_paid" in await till.kinds(retry)


async def test_late_money_beside_a_pending_retry_is_known_when_that_is_paid(till: Till) -> None:
    """The retry that is paid after the first one's late money says so too."""
    first = await till.prompt(reference="INV-1")
    await till.call_back(first, "1037")
    retry = await till.prompt(reference="INV-1")
    await till.call_back(first, receipt="SFF6XYZ111")
    row = paid_row(await till.call_back(retry, receipt="SFF6XYZ222"))
    assert "paid_twice" in flags_of(row)
    assert "paid_twice" in flags_of(await till.read(first.id))


async def test_a_reference_stays_taken_when_the_pending_retry_of_late_money_declines(till: Till) -> None:
    """Late money under a reference keeps it from being asked again, whatever became of the retry."""
    first = await till.prompt(reference="INV-1")
    await till.call_back(first, "1037")
    retry = await till.prompt(reference="INV-1")
    await till.call_back(first, receipt="SFF6XYZ111")
    await till.call_back(retry, "1032")
    with pytest.raises(ReferenceInUse) as refused:
        await till.ask(reference="INV-1")
    assert refused.value.extra == {"payment": first.id}


async def test_several_charges_on_purpose_are_no_rivals(till: Till) -> None:
    """With `allow_repeat` one reference is charged often, and nothing is flagged."""
    rows = [await till.prompt(reference="RENT", allow_repeat=True) for _ in range(2)]
    for number, row in enumerate(rows):
        paid = paid_row(await till.call_back(row, receipt=f"SFF6XYZ00{number}"))
        assert (paid.status, flags_of(paid)) == ("completed", [])


async def test_one_query_decline_waits_for_a_second(till: Till, daraja: ScriptedDaraja) -> None:
    """A decline known from queries alone counts at the second equal answer, asked 5 s after the first."""
    row = await till.prompt()
    daraja.query_default = say("1032")
    await till.work(after_s=10)
    assert (await till.read(row.id)).status == "pending"
    assert await till.due_in_s(row) == 5.2
    await till.work(after_s=5.2)
    row = await till.read(row.id)
    assert (row.status, row.confirmed_by, row.queries) == ("cancelled", "query", 2)


async def test_after_the_prompts_life_one_query_decline_is_enough(till: Till, daraja: ScriptedDaraja) -> None:
    """Asked when the prompt is surely gone, one known-final answer is conclusive."""
    row = await till.prompt(phone=PHONE)
    daraja.query_answers = [say("1037")]
    await till.work(after_s=90)
    assert (await till.read(row.id)).status == "expired"


async def test_a_charge_on_purpose_keeps_ordinary_ones_away(till: Till) -> None:
    """While a charge with `allow_repeat` is live or holds money, an ordinary request is refused, naming it."""
    rent = await till.prompt(reference="RENT", allow_repeat=True)
    assert rent.holds_reference
    for act in (None, till.call_back(rent)):
        if act:
            await act
        with pytest.raises(ReferenceInUse) as refused:
            await till.ask(reference="RENT")
        assert refused.value.extra == {"payment": rent.id}
    assert (await till.ask(reference="RENT", allow_repeat=True)).reference == "RENT"


async def test_each_of_several_charges_on_purpose_counts(till: Till) -> None:
    """Also the one that found the claim taken keeps ordinary requests away; with both declined it is free."""
    first, second = [await till.prompt(reference="RENT", allow_repeat=True) for _ in range(2)]
    assert (first.holds_reference, second.holds_reference) == (True, False)
    await till.call_back(first, "1032")
    with pytest.raises(ReferenceInUse) as refused:
        await till.ask(reference="RENT")
    assert refused.value.extra == {"payment": second.id}
    await till.call_back(second, "1032")
    assert (await till.ask(reference="RENT")).holds_reference


@pytest.mark.parametrize("late", ["ordinary", "on purpose"])
async def test_an_ordinary_payment_beside_a_charge_on_purpose_is_flagged(till: Till, late: str) -> None:
    """Whichever is paid last: the ordinary one says that its reference was paid twice, the other need not."""
    ordinary = await till.prompt(reference="RENT")
    await till.call_back(ordinary, "1037")
    repeat = await till.prompt(reference="RENT", allow_repeat=True)
    order = [repeat, ordinary] if late == "ordinary" else [ordinary, repeat]
    for number, row in enumerate(order):
        await till.call_back(row, receipt=f"SFF6XYZ00{number}")
    assert "paid_twice" in flags_of(await till.read(ordinary.id))
    assert flags_of(await till.read(repeat.id)) == []


async def test_an_ordinary_payment_that_holds_the_reference_is_flagged_too(till: Till) -> None:
    """Charged again on purpose while it was pending, and both are paid, in either order."""
    for reference, turn in (("A", 1), ("B", -1)):
        ordinary = await till.prompt(reference=reference)
        repeat = await till.prompt(reference=reference, allow_repeat=True)
        for number, row in enumerate([ordinary, repeat][::turn]):
            await till.call_back(row, receipt=f"SFF6{reference}{number}")
        assert flags_of(await till.read(ordinary.id)) == ["paid_twice"]
        assert flags_of(await till.read(repeat.id)) == []
