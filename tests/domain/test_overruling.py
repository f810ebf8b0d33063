"""A success that names no amount does not settle what was mispaid: decided once, when it is recorded.

Here every reading is stamped as the ledger stamps it, by what is known when it comes: along each path both rules
hold, that `mispaid` waits for proof of the asked amount and that `completed` is left by reversal alone.
"""

from collections.abc import Iterable
from itertools import permutations
from typing import NamedTuple

import pytest

from hakika.domain.evidence import AnyReading, CallbackReceived
from hakika.domain.payment import (
    NOTHING,
    TRANSITIONS,
    Facts,
    Status,
    View,
    join,
    lift,
    may_be_overruled,
    overrule,
    view,
)
from tests.domain.readings import (
    ACCEPTED,
    ALPHABET,
    ASKED,
    GAVE_UP,
    LOST,
    SECOND_RECEIPT,
    STARTED,
    claimed,
    declined,
    fold,
    paid,
    queried,
    reversed_,
)

PAID_SHORT = paid(amount=1)
PAID_SOMEHOW = paid(amount=0, receipt=SECOND_RECEIPT)
_NAMES = (
    "accepted / lost / paid / paid short / query paid / cancelled early / paybill of another amount / operator: paid /"
    " operator: reversed / operator: other amount reversed"
)
WORLD = [*(ALPHABET[name] for name in _NAMES.split(" / ")), PAID_SOMEHOW]


class Move(NamedTuple):
    """One more reading was recorded, and the status changed."""

    before: Status
    after: Status
    facts: Facts


def record(known: Facts, reading: AnyReading) -> Facts:
    """Join a reading as the ledger does: stamped by what is known when it comes."""
    return join(known, lift(overrule(ASKED, known, reading)))


def _record_all(said: Iterable[AnyReading]) -> Facts:
    known = NOTHING
    for reading in said:
        known = record(known, reading)
    return known


def search_recorded() -> list[Move]:
    """Search every state that recording can reach. → every step that changes the status."""
    known, frontier, moves = {NOTHING}, [NOTHING], []
    while frontier:
        steps = [
            (before, record(before, reading))
            for before in frontier
            for reading in WORLD
            # Nobody can be asked about a prompt without its id, and what names no amount may still wait for that id:
            # the one case in which it counts for the first time after it was recorded (decision 0005).
            if before.checkout_ids or not may_be_overruled(reading)
        ]
        for before, after in steps:
            now, then = view(ASKED, before).status, view(ASKED, after).status
            if now is not then:
                moves.append(Move(now, then, after))
        frontier = list({after for _, after in steps} - known)
        known.update(frontier)
    return moves


def test_every_recorded_path_keeps_both_rules() -> None:
    """`completed` is left by reversal alone; `mispaid` by reversal, the asked amount as stated, or a person's word."""
    moves = search_recorded()
    assert {Status.MISPAID, Status.COMPLETED} <= {move.before for move in moves}
    for move in moves:
        assert move.after in TRANSITIONS[move.before], move
        if move.before is Status.COMPLETED:
            assert move.after is Status.REVERSED, move
        if (move.before, move.after) == (Status.MISPAID, Status.COMPLETED):
            assert any(p.amount == ASKED.amount or p.source == "operator" for p in move.facts.proofs), move


@pytest.mark.parametrize("unstated", [queried("0", 5_000), queried("0", 40_000), PAID_SOMEHOW])
def test_a_success_without_an_amount_leaves_mispaid_as_it_is(unstated: AnyReading) -> None:
    """Whenever it was asked, in flight or later: KES 1 stays KES 1, and a person is told of both."""
    seen = view(ASKED, record(fold(ACCEPTED, PAID_SHORT), unstated))
    assert (seen.status, seen.amount_received, seen.receipt) == (Status.MISPAID, 1, PAID_SHORT.receipt)
    assert "amount_disputed" in seen.flags


def test_what_a_query_completed_stays_completed() -> None:
    """Another amount that is stated afterwards is flagged: what was announced as paid is not taken back."""
    seen = view(ASKED, _record_all((ACCEPTED, queried("0", 11_000), PAID_SHORT)))
    assert (seen.status, seen.flags) == (Status.COMPLETED, ("amount_disputed",))


def test_either_way_a_person_is_told() -> None:
    """Which of the two came first decides the status; the flag is there in every order."""
    said: tuple[AnyReading, ...] = (STARTED, ACCEPTED, PAID_SHORT, queried("0", 11_000), GAVE_UP)
    seen = [view(ASKED, _record_all(order)) for order in permutations(said)]
    assert {one.status for one in seen} == {Status.MISPAID, Status.COMPLETED}
    assert all("amount_disputed" in one.flags for one in seen)


def test_only_an_amount_that_counts_overrules() -> None:
    """Claims, declines, a receipt that is another's, the asked amount itself and other prompts overrule nothing."""
    short_elsewhere = paid(amount=1, checkout="ws_CO_theirs")
    for other in (claimed(), declined("1032"), paid(amount=1, taken=True), paid(), short_elsewhere, reversed_("")):
        answer = queried("0", 40_000)
        assert overrule(ASKED, fold(ACCEPTED, other), answer) is answer


def test_the_asked_amount_settles_it_whatever_was_overruled() -> None:
    """Proof of the asked amount completes the payment afterwards, under its own receipt."""
    known = _record_all((ACCEPTED, PAID_SHORT, queried("0", 40_000)))
    seen = view(ASKED, record(known, paid(50_000, receipt=SECOND_RECEIPT)))
    assert (seen.status, seen.receipt, seen.amount_received) == (Status.COMPLETED, SECOND_RECEIPT, 100)


def test_an_overruled_success_alone_is_no_money() -> None:
    """Without what overruled it, it says nothing of itself: the machine answers any set of readings."""
    lone = queried("0", 40_000, overruled=True)
    assert _views(ACCEPTED, lone) == _views(ACCEPTED)
    assert view(ASKED, fold(LOST, lone, GAVE_UP)).status is Status.UNRESOLVED


def test_an_amount_is_never_overruled() -> None:
    """A stamp on a success that does name its amount means nothing."""
    stamped = paid(overruled=True)
    assert isinstance(stamped, CallbackReceived)
    assert _views(ACCEPTED, stamped) == _views(ACCEPTED, paid())


def _views(*readings: AnyReading) -> View:
    return view(ASKED, fold(*readings))
