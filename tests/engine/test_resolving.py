"""A person's word: what it may say of which payment."""

from typing import Literal

import pytest

from hakika.domain.errors import CannotResolve, InvalidRequest
from hakika.engine.resolution import Resolution
from hakika.store.payments import PaymentRow
from tests.engine.till import Till, flags_of

pytestmark = pytest.mark.anyio


async def resolve(
    till: Till, row: PaymentRow, outcome: Literal["completed", "failed", "reversed"], receipt: str = ""
) -> PaymentRow:
    """Record a person's word."""
    return await till.cashier.resolve(row.id, Resolution(outcome, "seen on the statement", receipt), "achieng")


async def unresolved(till: Till) -> PaymentRow:
    """Make a payment of which nothing is known."""
    row = await till.prompt()
    await till.work(after_s=24 * 3600)  # Daraja has the last word
    await till.work()
    row = await till.read(row.id)
    assert row.status == "unresolved"
    return row


async def test_an_unresolved_payment_is_completed_by_its_receipt(till: Till) -> None:
    """A person who found the money names its receipt, in any spelling; who said it is kept."""
    row = await resolve(till, await unresolved(till), "completed", " sff6xyz123 ")
    assert (row.status, row.receipt, row.confirmed_by) == ("completed", "SFF6XYZ123", "operator")
    assert '"operator":"achieng"' in (await till.evidence(row))[-1].reading


async def test_completing_needs_a_receipt(till: Till) -> None:
    """Without a receipt, or with something that is none, nothing is completed."""
    row = await unresolved(till)
    for receipt in ("", "not a receipt", "x" * 33):
        with pytest.raises(InvalidRequest):
            await resolve(till, row, "completed", receipt)
    with pytest.raises(InvalidRequest):
        await till.cashier.resolve(row.id, Resolution("failed", "   "), "achieng")
    assert await till.read(row.id) == row


async def test_a_foreign_receipt_is_refused(till: Till) -> None:
    """A receipt that settled another payment settles no second one."""
    paid = await till.prompt()
    await till.call_back(paid, receipt="SFF6XYZ123")
    with pytest.raises(CannotResolve) as refused:
        await resolve(till, await unresolved(till), "completed", "SFF6XYZ123")
    assert refused.value.extra == {"payment": paid.id}


async def test_only_what_is_unresolved_can_be_called_failed(till: Till) -> None:
    """While the prompt may be open, or after money came, a person cannot say that none will."""
    pending, paid = await till.prompt(), await till.prompt()
    await till.call_back(paid)
    for row in (pending, paid):
        with pytest.raises(CannotResolve):
            await resolve(till, row, "failed")
    row = await resolve(till, await unresolved(till), "failed")
    assert (row.status, row.code, row.holds_reference) == ("failed", "operator", False)


async def test_what_arrived_can_go_back(till: Till) -> None:
    """A refund made elsewhere reverses a completed and a mispaid payment, nothing else."""
    completed, mispaid, declined = [await till.prompt() for _ in range(3)]
    await till.call_back(completed, receipt="SFF6XYZ001")
    await till.call_back(mispaid, receipt="SFF6XYZ002", amount=1)
    await till.call_back(declined, "1032")
    for row in (completed, mispaid):
        assert (await resolve(till, row, "reversed")).status == "reversed"
    with pytest.raises(CannotResolve):
        await resolve(till, declined, "reversed")
    with pytest.raises(CannotResolve):
        await resolve(till, completed, "reversed")


async def test_what_was_mispaid_is_completed_by_a_second_receipt(till: Till) -> None:
    """When the right amount came under another receipt, a person says so."""
    row = await till.prompt()
    await till.call_back(row, amount=1, receipt="SFF6XYZ001")
    row = await resolve(till, row, "completed", "SFF6XYZ100")
    assert (row.status, row.receipt, row.amount_received) == ("completed", "SFF6XYZ100", 100)


async def test_a_declined_payment_is_completed_late(till: Till) -> None:
    """Money found after a decline counts, and says that it contradicts it."""
    row = await till.prompt()
    await till.call_back(row, "1037")
    till.clock.pass_s(60)
    row = await resolve(till, row, "completed", "SFF6XYZ123")
    assert row.status == "completed"
    assert {"late", "contradicted"} <= set(flags_of(row))


async def test_what_is_completed_needs_no_person(till: Till) -> None:
    """A completed payment is not completed again."""
    row = await till.prompt()
    await till.call_back(row)
    with pytest.raises(CannotResolve):
        await resolve(till, row, "completed", "SFF6XYZ123")
