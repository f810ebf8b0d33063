"""Sending a push: intent first, never twice when in doubt, never late."""

from itertools import pairwise

import pytest

from hakika.daraja.protocol import PushOrder
from hakika.domain.errors import StoreUnavailable
from hakika.domain.evidence import PushAccepted
from hakika.domain.schedule import LEAVES_WITHIN_MS, START_LEASE_MS
from hakika.store import open_store
from hakika.store.payments import find_payment
from tests.engine.till import START_MS, HeldClock, ScriptedDaraja, Till, lose, refuse, refuse_for_good, refuse_softly

pytestmark = pytest.mark.anyio


async def test_what_is_asked_is_pushed(till: Till, daraja: ScriptedDaraja) -> None:
    """A new payment is due at once; its phone is prompted with its own secret callback path."""
    row = await till.ask(amount=250, reference="INV-1", description="Two chickens & a goat")
    assert await till.work() == {"pushed": 1}
    (order,) = daraja.pushes
    url = f"https://shop.example/c/{row.token}"
    assert order == PushOrder(250, row.phone, "INV-1", order.description, url, START_MS + LEAVES_WITHIN_MS)
    assert 1 <= len(order.description) <= 13
    row = await till.read(row.id)
    assert (row.stage, row.checkout_request_id, row.prompted_at_ms) == ("prompted", "ws_CO_1", START_MS)
    assert await till.work() == {}


async def test_that_we_send_is_durable_before_daraja_is_called(till: Till, daraja: ScriptedDaraja) -> None:
    """When the request leaves, another connection already reads the payment at `sending`."""
    row, seen = await till.ask(), []
    elsewhere = open_store(till.url)

    def look(_: PushOrder) -> None:
        seen.append(elsewhere.read_now(lambda tx: find_payment(tx, row.id)))

    daraja.during_push = look
    await till.work()
    await elsewhere.close()
    (stored,) = seen
    assert stored is not None
    assert (stored.stage, stored.sending_at_ms) == ("sending", START_MS)
    assert stored.due_at_ms == START_MS + 60_000


async def test_a_push_whose_answer_was_lost_is_never_sent_again(till: Till, daraja: ScriptedDaraja) -> None:
    """Unsure is not refused: the worker waits, and calls a person 5 min after the prompt's life."""
    daraja.push_answers = [lose]
    row = await till.prompt()
    assert row.stage == "unsure"
    assert await till.due_in_s(row) == 90 + 300
    assert await till.work(after_s=389) == {}
    assert await till.work(after_s=1) == {"gave_up": 1}
    row = await till.read(row.id)
    assert (row.status, row.due_at_ms, len(daraja.pushes)) == ("unresolved", None, 1)
    assert row.holds_reference


async def test_a_crash_while_sending_is_a_lost_answer(till: Till, daraja: ScriptedDaraja) -> None:
    """A row that stays at `sending` for longer than a push can take is unsure, and not sent again."""
    row = await till.ask()

    def crash(_: PushOrder) -> None:
        raise SystemError("the machine stopped")

    daraja.during_push = crash
    with pytest.raises(SystemError):
        await till.work()
    assert (await till.read(row.id)).stage == "sending"
    assert await till.work(after_s=59) == {}
    assert await till.work(after_s=1) == {"lost": 1}
    assert (await till.read(row.id)).stage == "unsure"
    assert len(daraja.pushes) == 1


async def test_an_answer_after_the_lease_still_counts(till: Till, daraja: ScriptedDaraja) -> None:
    """Daraja's answer that comes after we called it lost brings the CheckoutRequestID all the same."""
    daraja.push_answers = [lose]
    row = await till.prompt()
    await till.hear(row, PushAccepted(till.clock(), 1, "ws_CO_late"), identity="push:1:answer-late")
    row = await till.read(row.id)
    assert (row.stage, row.checkout_request_id) == ("prompted", "ws_CO_late")
    assert await till.work(after_s=10) == {"queried": 1}


async def test_what_was_surely_refused_is_sent_again(till: Till, daraja: ScriptedDaraja) -> None:
    """Refused before processing: again after 2, 4 and 8 s, then it has failed as not sent."""
    daraja.push_answers = [refuse] * 9
    row, sent_at_s = await till.ask(), []
    for _ in range(40):
        if (await till.work())["pushed"]:
            sent_at_s.append((till.clock() - START_MS) / 1000)
        till.clock.pass_s(0.5)
    assert [later - earlier for earlier, later in pairwise(sent_at_s)] == [2, 4, 8]
    row = await till.read(row.id)
    assert (row.status, row.code, row.confirmed_by) == ("failed", "not_sent", "hakika")
    assert not row.holds_reference


async def test_a_second_try_can_succeed(till: Till, daraja: ScriptedDaraja) -> None:
    """After a refusal the next attempt prompts the phone."""
    daraja.push_answers = [refuse]
    row = await till.prompt()
    assert (row.stage, await till.due_in_s(row)) == ("queued", 2)
    await till.work(after_s=2)
    assert (await till.read(row.id)).stage == "prompted"


async def test_a_refusal_for_good_fails_at_once(till: Till, daraja: ScriptedDaraja) -> None:
    """A field that Daraja calls invalid is not sent again."""
    daraja.push_answers = [refuse_for_good]
    row = await till.prompt()
    assert (row.status, row.code, row.confirmed_by, row.due_at_ms) == ("failed", "400.002.02", "push", None)


async def test_nothing_is_sent_a_minute_after_it_was_asked(till: Till, daraja: ScriptedDaraja) -> None:
    """A payment that could not be sent for a minute has failed as not sent."""
    row = await till.ask()
    assert await till.work(after_s=60.001) == {"stopped": 1}
    row = await till.read(row.id)
    assert (row.status, row.code, daraja.pushes) == ("failed", "not_sent", [])


async def test_a_refusal_near_the_end_of_the_minute_is_the_last(till: Till, daraja: ScriptedDaraja) -> None:
    """A try that would leave later than a minute after it was asked is not made."""
    daraja.push_answers = [refuse_softly] * 9
    row = await till.ask()
    till.clock.pass_s(59)
    await till.work()
    assert await till.work() == {"stopped": 1}
    assert ((await till.read(row.id)).code, len(daraja.pushes)) == ("not_sent", 1)


async def test_a_slow_database_makes_no_late_prompt(
    till: Till, clock: HeldClock, daraja: ScriptedDaraja, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the commit of `sending` itself took the rest of the minute, nothing is sent."""
    row = await till.ask()
    decide = till.collector._decide

    async def decide_late(*given: object) -> None:
        clock.pass_s(61)
        await decide(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(till.collector, "_decide", decide_late)
    assert await till.work() == {"nothing": 1}
    monkeypatch.undo()
    assert (daraja.pushes, (await till.read(row.id)).stage) == ([], "queued")
    assert await till.work(after_s=60) == {"stopped": 1}


async def test_an_answer_is_recorded_once_the_database_is_back(
    till: Till, daraja: ScriptedDaraja, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Daraja's answer survives a database that was away for some seconds."""
    row, record, failures = await till.ask(), till.ledger.record, [1, 2, 3]

    async def record_or_fail(evidence: object) -> object:
        if daraja.pushes and failures:
            failures.pop()
            raise StoreUnavailable("gone")
        return await record(evidence)  # type: ignore[arg-type]

    monkeypatch.setattr(till.ledger, "record", record_or_fail)
    assert await till.work() == {"pushed": 1}
    assert (await till.read(row.id)).stage == "prompted"
    assert till.clock() == START_MS + 1_500


async def test_a_payment_that_ended_is_not_pushed(till: Till, daraja: ScriptedDaraja) -> None:
    """Called off before it was sent: the worker finds nothing to do, even if it had taken it already."""
    row = await till.ask()
    (taken,) = await till.worker._claim()
    await till.cashier.cancel(row.id)
    assert await till.collector.act(taken) == "nothing"
    assert daraja.pushes == []


async def test_no_push_leaves_later_than_a_minute(till: Till, daraja: ScriptedDaraja) -> None:
    """Daraja's client is told by when it must leave: the minute counts from the asking, not from the sending."""
    row = await till.ask()
    await till.work(after_s=50)
    (order,) = daraja.pushes
    assert order.leave_by_ms == row.created_at_ms + 60_000


async def test_without_a_token_nothing_was_sent(till: Till, daraja: ScriptedDaraja) -> None:
    """It never stood at `sending`: refused, and sent two seconds later."""
    daraja.obstacles = [refuse_softly(START_MS, 1)]
    row = await till.ask()
    assert await till.work() == {"refused": 1}
    row = await till.read(row.id)
    assert (row.stage, row.sending_at_ms, daraja.pushes) == ("queued", 0, [])
    assert await till.kinds(row) == ["push_refused"]
    assert await till.work(after_s=2) == {"pushed": 1}
    assert (await till.read(row.id)).stage == "prompted"


async def test_a_refusal_without_a_token_counts_only_where_nobody_sends(
    till: Till, second_till: Till, daraja: ScriptedDaraja
) -> None:
    """Another node sent the push while we had no token: our refusal must not have it sent again."""
    row = await till.ask()
    (taken,) = await till.worker._claim()
    assert await second_till.work(after_s=START_LEASE_MS / 1000) == {"pushed": 1}
    daraja.obstacles = [refuse_softly(till.clock(), 1)]
    assert await till.collector.act(taken) == "nothing"
    assert await till.kinds(row) == ["push_started", "push_accepted"]


async def test_what_was_taken_and_not_started_is_sent_soon(till: Till, daraja: ScriptedDaraja) -> None:
    """A server that dies between taking a payment and storing `sending` leaves it time to be sent."""
    row = await till.ask()
    await till.worker._claim()
    assert await till.work(after_s=4.9) == {}
    assert await till.work(after_s=0.1) == {"pushed": 1}
    assert (await till.read(row.id)).stage == "prompted"


async def test_a_database_that_blinks_costs_no_lease(till: Till, daraja: ScriptedDaraja) -> None:
    """Where acting fails because the database does not answer, the payment is due again at once."""
    daraja.obstacles = [StoreUnavailable("gone")]
    row = await till.ask()
    (taken,) = await till.worker._claim()
    assert await till.due_in_s(row) == START_LEASE_MS / 1000
    assert await till.worker._act(taken) == "waits"
    assert await till.due_in_s(row) == 0
    assert await till.work() == {"pushed": 1}
    assert await till.kinds(row) == ["push_started", "push_accepted"]


async def test_what_is_under_way_is_not_taken_again(till: Till) -> None:
    """A token takes longer than the lease: the worker that waits for it extends it, and calls nothing lost."""
    queued, sending = await till.ask(), await till.ask()
    await till.spoil(sending, stage="sending")
    till.worker._under_way |= {queued.id, sending.id}
    assert await till.worker._claim() == []
    assert await till.due_in_s(queued) == await till.due_in_s(sending) == START_LEASE_MS / 1000
    till.worker._under_way.clear()
    till.clock.pass_ms(START_LEASE_MS)
    assert len(await till.worker._claim()) == 2
