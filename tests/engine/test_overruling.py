"""What names no amount does not settle what was mispaid, and nobody asks Daraja about it (decision 0005)."""

import msgspec
import pytest

from hakika.domain.evidence import AnyReading, CallbackReceived, QueryAnswered
from hakika.engine.case import read_facts
from hakika.engine.verification import check_payment
from hakika.store.watching.audit import read_page
from tests.engine.till import ScriptedDaraja, Till, flags_of, paid_row, say

pytestmark = pytest.mark.anyio

READING: msgspec.json.Decoder[AnyReading] = msgspec.json.Decoder(AnyReading)


async def differences(till: Till) -> list[str]:
    """Hold what is stored against its evidence, as `hakika verify` does."""
    files = await till.store.read(lambda tx: read_page(tx, "", 100))
    return [difference.detail for file in files for difference in check_payment(file)]


async def test_daraja_is_not_asked_about_what_was_mispaid(till: Till, daraja: ScriptedDaraja) -> None:
    """A person's query of a mispaid payment answers what is known: a query proves no amount."""
    row = await till.prompt(amount=100)
    row = paid_row(await till.call_back(row, amount=1))
    daraja.query_default = say("0")
    assert await till.cashier.query(row.id) == row
    await till.call_back(row, token="")
    assert await till.work(after_s=3600) == {}
    assert daraja.queries == []


async def test_a_query_in_flight_leaves_mispaid_as_it_is(till: Till, daraja: ScriptedDaraja) -> None:
    """Asked before the callback and answered after it: KES 1 stays KES 1, flagged, and the answer is kept."""
    asked = await till.prompt(amount=100)
    await till.call_back(asked, amount=1)
    daraja.query_answers = [say("0"), say("0")]
    await till.collector.query(asked, read_facts(asked))
    row = paid_row(await till.collector.query(asked, read_facts(asked)))
    assert (row.status, row.amount_received, row.receipt) == ("mispaid", 1, "SFF6XYZ123")
    assert flags_of(row) == ["amount_disputed"]
    assert await till.story(row) == ["mispaid", "updated"]
    readings = [READING.decode(piece.reading) for piece in await till.evidence(row)]
    assert [one.overruled for one in readings if isinstance(one, QueryAnswered)] == [True, True]
    assert await differences(till) == []


async def test_told_in_one_batch_the_stated_amount_counts(till: Till) -> None:
    """A query's success and a callback with another amount at once: mispaid, whichever comes first in the batch."""
    for turn in (1, -1):
        row = await till.prompt(amount=100)
        acts = [
            till.call_back(row, amount=1, receipt=f"SFF6XYZ{turn:+}".replace("+", "P").replace("-", "M")),
            till.hear(row, QueryAnswered(till.clock(), "0", row.checkout_request_id or "")),
        ]
        await till.together(*acts[::turn])
        assert (await till.read(row.id)).status == "mispaid"
    assert await differences(till) == []


async def test_what_a_query_completed_is_not_taken_back(till: Till, daraja: ScriptedDaraja) -> None:
    """Another amount that is stated after a query's success is flagged for a person."""
    row = await till.prompt(amount=100)
    daraja.query_answers = [say("0")]
    await till.work(after_s=10)
    row = paid_row(await till.call_back(row, amount=1))
    assert (row.status, flags_of(row)) == ("completed", ["amount_disputed"])
    assert await differences(till) == []


async def test_a_copy_of_the_answer_that_completed_it_changes_nothing(till: Till) -> None:
    """The same answer recorded again, after another amount was stated, is no second opinion."""
    row = await till.prompt(amount=100)
    answer = QueryAnswered(till.clock(), "0", row.checkout_request_id or "")
    await till.hear(row, answer, identity="qry-1")
    await till.call_back(row, amount=1)
    row = paid_row(await till.hear(row, answer, identity="qry-1"))
    assert row.status == "completed"
    assert await differences(till) == []


async def test_a_callback_without_an_amount_leaves_mispaid_as_it_is(till: Till) -> None:
    """Its receipt is kept as this payment's, and flagged beside the other."""
    row = await till.prompt(amount=100)
    await till.call_back(row, amount=1, receipt="SFF6XYZ001")
    row = paid_row(await till.call_back(row, amount=0, receipt="SFF6XYZ002"))
    assert (row.status, row.amount_received, row.receipt) == ("mispaid", 1, "SFF6XYZ001")
    assert flags_of(row) == ["amount_disputed", "receipts_disputed"]
    kept = [READING.decode(piece.reading) for piece in await till.evidence(row)]
    assert [one.overruled for one in kept if isinstance(one, CallbackReceived)] == [False, True]
    assert await differences(till) == []
