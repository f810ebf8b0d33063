"""A push whose answer was lost: a callback on its secret path names the prompt, and from then on it can be asked."""

import pytest

from hakika.domain.evidence import PaybillConfirmed, PushAccepted, PushLost, PushStarted
from hakika.store.payments import PaymentRow
from tests.engine.test_overruling import differences
from tests.engine.till import ScriptedDaraja, Till, flags_of, lose, paid_row, say

pytestmark = pytest.mark.anyio


async def lost(till: Till, daraja: ScriptedDaraja) -> PaymentRow:
    """Push a payment whose answer is lost."""
    daraja.push_answers = [lose]
    row = await till.prompt()
    assert (row.stage, row.checkout_request_id) == ("unsure", None)
    return row


async def test_the_callback_names_the_prompt(till: Till, daraja: ScriptedDaraja) -> None:
    """Its ids are shown, in the event as well, and the payment is found by them."""
    row = await lost(till, daraja)
    recorded = await till.call_back(row, checkout_request_id="ws_CO_named", merchant_request_id="mr-named")
    row = paid_row(recorded)
    assert (row.status, row.checkout_request_id, row.merchant_request_id) == ("completed", "ws_CO_named", "mr-named")
    assert [found.id for found in await till.find(checkout_request_id="ws_CO_named")] == [row.id]
    assert "ws_CO_named" in (await till.events(row))[-1].snapshot
    assert await till.kinds(row) == ["push_started", "push_lost", "callback", "prompt_named"]
    assert await differences(till) == []


@pytest.mark.parametrize("code", ["4999", "7777"])
async def test_a_callback_that_says_nothing_is_followed_by_a_query(
    till: Till, daraja: ScriptedDaraja, code: str
) -> None:
    """An unknown or pending code on an unsure payment: Daraja is asked about the prompt that it names."""
    row = await lost(till, daraja)
    row = paid_row(await till.call_back(row, code, checkout_request_id="ws_CO_named"))
    assert (row.status, row.stage) == ("pending", "unsure")
    daraja.query_answers = [say("0")]
    assert await till.work() == {"queried": 1}
    assert daraja.queries == ["ws_CO_named"]
    assert (await till.read(row.id)).status == "completed"


async def test_a_person_can_ask_about_it_too(till: Till, daraja: ScriptedDaraja) -> None:
    """Where the payment went to a person already, the named prompt can still be asked about."""
    row = await lost(till, daraja)
    await till.work(after_s=3600)
    row = paid_row(await till.call_back(row, "7777", checkout_request_id="ws_CO_named"))
    assert row.status == "unresolved"
    daraja.query_answers = [say("0")]
    assert (await till.cashier.query(row.id)).status == "completed"


@pytest.mark.parametrize("turn", [1, -1])
async def test_whichever_comes_first(till: Till, turn: int) -> None:
    """That the answer is lost and what the callback names: either order, or one batch, makes the same row."""
    rows = []
    for at_once in (False, True):
        row = await till.ask()
        await till.hear(row, PushStarted(till.clock(), 1))
        name = f"ws_CO_{at_once}"
        acts = [
            till.call_back(row, "4999", checkout_request_id=name),
            till.hear(row, PushLost(till.clock(), 1)),
        ][::turn]
        if at_once:
            await till.together(*acts)
        else:
            for act in acts:
                await act
        rows.append(await till.read(row.id))
    assert [row.checkout_request_id for row in rows] == ["ws_CO_False", "ws_CO_True"]
    assert [(row.status, row.stage, flags_of(row)) for row in rows] == [("pending", "unsure", [])] * 2
    assert await differences(till) == []


async def test_another_payments_prompt_is_not_taken(till: Till, daraja: ScriptedDaraja) -> None:
    """A CheckoutRequestID that is another payment's, on this one's path, is about the other (decision 0003)."""
    other = await till.prompt()
    row = await lost(till, daraja)
    await till.call_back(row, "4999", checkout_request_id=other.checkout_request_id)
    assert (await till.read(row.id)).checkout_request_id is None
    early = await till.ask()
    await till.hear(early, PushStarted(till.clock(), 1))
    await till.call_back(early, "4999", checkout_request_id="ws_CO_later")
    await till.hear(await till.ask(), PushAccepted(till.clock(), 1, "ws_CO_later"))
    recorded = await till.hear(early, PushLost(till.clock(), 1))
    assert paid_row(recorded).checkout_request_id is None


async def test_two_prompts_named_are_flagged(till: Till, daraja: ScriptedDaraja) -> None:
    """One prompt has one id: a second one on the same path is for a person to look at, in either order."""
    for names in (["ws_CO_a", "ws_CO_b"], ["ws_CO_d", "ws_CO_c"]):
        row = await lost(till, daraja)
        for name in names:
            await till.call_back(row, "4999", checkout_request_id=name)
        row = await till.read(row.id)
        assert (row.checkout_request_id, flags_of(row)) == (min(names), ["checkout_mismatch"])


async def test_nothing_is_learned_from_strangers_or_from_a_taken_receipt(till: Till, daraja: ScriptedDaraja) -> None:
    """Only a callback on the secret path, with money that is not another payment's, names the prompt."""
    other = await till.prompt()
    await till.hear(other, PaybillConfirmed(till.clock(), "SFF6OTHERS", 100))
    row = await lost(till, daraja)
    await till.call_back(row, token="", checkout_request_id="ws_CO_named")
    await till.call_back(row, checkout_request_id="ws_CO_named", receipt="SFF6OTHERS")
    assert (await till.read(row.id)).checkout_request_id is None


async def test_a_callback_that_came_before_is_adopted(till: Till, daraja: ScriptedDaraja) -> None:
    """What strangers said about the prompt before anybody knew it was ours is kept with the payment, as a claim."""
    row = await lost(till, daraja)
    await till.call_back(row, token="", checkout_request_id="ws_CO_named")
    assert len(await till.quarantined()) == 1
    await till.call_back(row, "4999", checkout_request_id="ws_CO_named")
    assert await till.quarantined() == []
    assert await differences(till) == []
