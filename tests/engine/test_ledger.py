"""The ledger: many pieces in one commit, each answered for itself, and nobody left hanging."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from hakika.domain.errors import CannotCancel, NotFound, StoreUnavailable
from hakika.domain.evidence import GaveUp, PaybillConfirmed, PushStarted
from hakika.domain.payment import NOTHING, Stage, Status, View
from hakika.engine import fold
from hakika.engine.case import Case, Evidence, Surroundings, read_facts
from hakika.engine.collect import NothingToDo, _still_at
from hakika.engine.conclusion import conclude, find_broken
from hakika.store.payments import PaymentRow
from tests.engine.till import Till, paid_row

pytestmark = pytest.mark.anyio


def started(row: PaymentRow) -> Evidence:
    """Make the decision to send attempt 1, which holds only while nothing was sent."""
    return Evidence(PushStarted(1, 1), "push:1:started", payment=row.id, guard=_still_at(read_facts(row)))


async def test_many_pieces_share_one_commit(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits together is folded in one transaction."""
    rows = [await till.prompt() for _ in range(5)]
    folded: list[int] = []
    apply = fold.apply

    def count(*given: Any) -> Any:
        folded.append(len(given[3]))
        return apply(*given)

    monkeypatch.setattr("hakika.engine.ledger.apply", count)
    await till.together(*(till.call_back(row, receipt=f"SFF6XYZ00{n}") for n, row in enumerate(rows)))
    assert sum(folded) == 5
    assert len(folded) <= 2
    assert await till.statuses() == {"completed": 5}


async def test_two_workers_cannot_both_start_the_same_push(till: Till) -> None:
    """Of two decisions to send the same attempt in one batch, one holds."""
    row = await till.ask()
    answers = await asyncio.gather(*(till.ledger.record(started(row)) for _ in range(2)), return_exceptions=True)
    assert sum(isinstance(answer, NothingToDo) for answer in answers) == 1
    assert (await till.read(row.id)).stage == "sending"


async def test_two_nodes_cannot_both_start_the_same_push(till: Till, second_till: Till) -> None:
    """Of two nodes' decisions to send the same attempt, one holds."""
    row = await till.ask()
    answers = await asyncio.gather(
        *(node.ledger.record(started(row)) for node in (till, second_till)), return_exceptions=True
    )
    assert sum(isinstance(answer, NothingToDo) for answer in answers) == 1


async def test_what_is_called_off_is_not_sent(till: Till) -> None:
    """Of a cancellation and a decision to send in one batch, the first holds and the second is refused."""
    row = await till.ask()
    cancelled, sent = await asyncio.gather(
        till.cashier.cancel(row.id), till.ledger.record(started(row)), return_exceptions=True
    )
    assert isinstance(sent, NothingToDo)
    assert not isinstance(cancelled, BaseException)
    assert cancelled.status == "cancelled"


async def test_what_is_sent_is_not_called_off(till: Till) -> None:
    """The other way round: once sending has begun, in the same batch even, it is too late."""
    row = await till.ask()
    sent, cancelled = await asyncio.gather(
        till.ledger.record(started(row)), till.cashier.cancel(row.id), return_exceptions=True
    )
    assert not isinstance(sent, BaseException)
    assert isinstance(cancelled, CannotCancel)
    assert await till.kinds(row) == ["push_started"]


async def test_a_refused_decision_is_not_kept(till: Till) -> None:
    """A decision whose guard says no leaves no evidence and no event."""
    row = await till.ask()
    await till.work()
    before = await till.evidence(row)
    with pytest.raises(NothingToDo):
        await till.ledger.record(started(row))
    assert await till.evidence(row) == before


async def test_one_bad_piece_fails_alone(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece that breaks its batch is told so; the others of the batch are recorded."""
    good, bad, missing = await till.prompt(), await till.prompt(), await till.prompt()
    break_folding(monkeypatch, lambda case: case.row.id == bad.id, RuntimeError("a defect of ours"))
    ghost = PaybillConfirmed(till.clock(), "SFF6GHOST1", 100)
    answers = await asyncio.gather(
        till.call_back(good, receipt="SFF6XYZ001"),
        till.call_back(bad, receipt="SFF6XYZ002"),
        till.ledger.record(Evidence(ghost, "ghost", payment="pay_none")),
        till.call_back(missing, receipt="SFF6XYZ003"),
        return_exceptions=True,
    )
    assert [type(answer).__name__ for answer in answers] == ["Recorded", "RuntimeError", "NotFound", "Recorded"]
    assert isinstance(answers[2], NotFound)
    assert await till.statuses() == {"completed": 2, "pending": 1}
    assert await till.kinds(bad) == ["push_started", "push_accepted"]


def break_folding(monkeypatch: pytest.MonkeyPatch, fits: Callable[[Case], bool], error: Exception) -> None:
    """Raise `error` when a case that fits is concluded."""

    def conclude_or_break(case: Case, around: Surroundings) -> None:
        if fits(case):
            raise error
        conclude(case, around)

    monkeypatch.setattr("hakika.engine.fold.conclude", conclude_or_break)


async def test_a_broken_invariant_freezes_one_payment(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """A payment whose step breaks a rule stays as it was, keeps the evidence, is due no more; others go on."""
    frozen, other = await till.prompt(amount=666), await till.prompt()

    def find(before: View, after: View, row: PaymentRow) -> str:
        return "injected" if row.amount == 666 else find_broken(before, after, row)

    monkeypatch.setattr("hakika.engine.conclusion.find_broken", find)
    await till.together(till.call_back(frozen, receipt="SFF6XYZ001"), till.call_back(other, receipt="SFF6XYZ002"))
    row = await till.read(frozen.id)
    assert (row.status, row.frozen, row.due_at_ms, row.facts) == ("pending", "injected", None, frozen.facts)
    assert (await till.read(other.id)).status == "completed"
    monkeypatch.undo()
    await till.call_back(frozen, "1032", identity="more")
    assert await till.read(frozen.id) == row
    assert await till.kinds(frozen) == ["push_started", "push_accepted", "callback", "callback"]
    assert await till.story(frozen) == []


def test_invariants_have_names() -> None:
    """Each rule that a step may break is found and named."""
    asked: dict[str, Any] = {**dict.fromkeys(PaymentRow._fields), "amount": 100, "verified": True}
    row, queued = PaymentRow(**asked), Stage.QUEUED
    pending, completed = View(Status.PENDING, queued), View(Status.COMPLETED, queued, amount_received=100)
    assert find_broken(pending, completed, row) == ""
    assert "may not become" in find_broken(completed, pending, row)
    assert "amount_received 0" in find_broken(pending, View(Status.COMPLETED, queued), row)
    assert "5 of 100" in find_broken(pending, View(Status.COMPLETED, queued, amount_received=5), row)
    assert "receipt X" in find_broken(pending, View(Status.FAILED, queued, receipt="X"), row)


async def test_an_unavailable_store_records_nothing_and_says_so(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database is away every caller is told StoreUnavailable; afterwards all goes on."""
    rows = [await till.prompt() for _ in range(3)]

    async def fail(_: object) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(till.store, "write", fail)
    answers = await asyncio.gather(*(till.call_back(row) for row in rows), return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
    monkeypatch.undo()
    assert all([await till.kinds(row) == ["push_started", "push_accepted"] for row in rows])
    assert paid_row(await till.call_back(rows[0])).status == "completed"


async def test_a_store_that_breaks_before_the_job_leaves_nobody_hanging(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that no job caused is told to all who wait, and is not tried for ever."""
    row = await till.prompt()

    async def fail(_: object) -> None:
        raise RuntimeError("cannot schedule new futures after shutdown")

    monkeypatch.setattr(till.store, "write", fail)
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(till.call_back(row), 5)


async def test_a_dead_committer_fails_its_waiters(till: Till) -> None:
    """Whoever waits for a ledger that is stopped is told so, and the next to come starts it again."""
    row = await till.prompt()
    waiting = asyncio.ensure_future(till.call_back(row))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert till.ledger._committers
    for committer in till.ledger._committers:
        committer.cancel()
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(waiting, 5)
    assert paid_row(await till.call_back(row, identity="again")).status == "completed"


async def test_evidence_is_kept_as_it_came(till: Till) -> None:
    """The bytes, who said it and when are kept beside what was understood."""
    row = await till.prompt()
    till.clock.pass_s(5)
    await till.hear(row, PaybillConfirmed(till.clock(), "SFF6XYZ123", 100), raw=b"\x00\xff{not text", identity="c2b:1")
    piece = (await till.evidence(row))[-1]
    assert (piece.raw, piece.source, piece.at_ms) == (b"\x00\xff{not text", "paybill", till.clock())
    assert (piece.identity, piece.copies, piece.origin) == ("c2b:1", 1, "{}")


async def test_the_answer_is_the_payment_as_it_is_stored(till: Till) -> None:
    """What a caller is told of a payment includes what its own evidence made follow."""
    first = await till.prompt(reference="INV-1")
    await till.call_back(first, "1037")
    await till.call_back(await till.prompt(reference="INV-1"), receipt="SFF6XYZ222")
    row = paid_row(await till.call_back(first, receipt="SFF6XYZ111"))
    assert row == await till.read(first.id)


async def test_events_carry_the_payment_as_it_was(till: Till) -> None:
    """Events number on without gaps, count up within a payment, and hold a snapshot each."""
    row = await till.prompt()
    await till.call_back(row, "1037")
    await till.call_back(row)
    events = await till.events(row)
    assert [event.number for event in events] == [1, 2, 3]
    assert [event.sequence for event in events] == [1, 2, 3]
    assert ['"status":"pending"' in events[0].snapshot, '"status":"expired"' in events[1].snapshot] == [True, True]


async def test_nothing_is_concluded_from_nothing(till: Till) -> None:
    """A new payment's facts are the unit of join, and giving up on it calls a person."""
    row = await till.ask()
    assert read_facts(row) == NOTHING
    assert paid_row(await till.hear(row, GaveUp(till.clock(), "a test"))).status == "unresolved"
