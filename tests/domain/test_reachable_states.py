"""Every state that evidence can bring a payment to, and every step between them, searched breadth-first."""

from collections import Counter
from collections.abc import Iterable
from functools import cache
from itertools import chain
from typing import NamedTuple, get_args

import pytest

from hakika.domain.evidence import AnyReading
from hakika.domain.payment import DECLINED, NOTHING, PAID, TRANSITIONS, Facts, Status, View, join, lift, view
from tests.domain.readings import ALPHABET, ASKED

# What never says anything conclusive about money, however often and in whatever company it comes.
INCONCLUSIVE = {
    "callback 4999",
    "callback unknown code",
    "claims paid",
    "claims paid otherwise",
    "claims cancelled",
    "unreadable",
    "query 4999",
    "query unknown code",
    "query unanswered",
    "query about another prompt",
    "rival paid",
    "started",
    "query paid, overruled",
    "paid, no amount, overruled",
}
# These let a callback count that waited.
ANSWERS_OF_PUSH = {"accepted", "registered", "prompt named", "busy", "refused", "lost"}

WORLDS = {
    "money": "accepted / paid / paid again, another receipt / paid short / paid, receipt taken / query paid / paybill /"
    " paybill of another amount / operator: paid / operator: reversed / operator: other amount reversed /"
    " operator: reversed, unnamed / gave up / cancelled early / paid, another prompt",
    "amounts": "accepted / paid / paid short / paid, no amount, overruled / query paid / query paid, overruled /"
    " paybill of another amount / operator: reversed / operator: other amount reversed / operator: reversed, unnamed /"
    " cancelled early",
    "declines": "accepted / cancelled early / no funds late / expired, another prompt / query wrong PIN /"
    " query wrong PIN again / query no answer, last word / query about another prompt / operator: failed /"
    " withdrawn / stopped / gave up / paid / paid short",
    "sending": "started / busy / accepted / refused / lost / registered / prompt named / stopped / withdrawn / paid /"
    " paid, another prompt / expired, another prompt / cancelled early / paid short / gave up",
    "noise": "accepted / callback 4999 / callback unknown code / claims paid / claims paid otherwise /"
    " claims cancelled / unreadable / query 4999 / query unknown code / query unanswered / rival paid /"
    " query paid / paid / cancelled early / query wrong PIN / query wrong PIN again",
}
"""Few enough readings each for *all* of their sets."""

DEEPEST = 4
"""…and of the whole alphabet all sets of up to so many readings."""


class Step(NamedTuple):
    """One more reading came: what the payment was, what came, what it is."""

    before: Facts
    said: str
    after: Facts


class Search(NamedTuple):
    """All states that a search reached, and every step that changed the status."""

    views: dict[Facts, View]
    moves: list[Step]
    steps: int


def _search(names: Iterable[str], deepest: int | None = None) -> Search:
    alphabet = [(name, lift(ALPHABET[name])) for name in names]
    views = {NOTHING: view(ASKED, NOTHING)}
    moves: list[Step] = []
    steps = depth = 0
    frontier = [NOTHING]
    while frontier and (deepest is None or depth < deepest):
        found: list[Facts] = []
        for before in frontier:
            status = views[before].status
            for name, said in alphabet:
                after = join(before, said)
                steps += 1
                seen = views.get(after)
                if seen is None:
                    seen = views[after] = view(ASKED, after)
                    found.append(after)
                if seen.status is not status:
                    moves.append(Step(before, name, after))
        frontier = found
        depth += 1
    return Search(views, moves, steps)


@cache
def _searches() -> dict[str, Search]:
    searches = {world: _search(names.split(" / ")) for world, names in WORLDS.items()}
    searches["everything"] = _search(ALPHABET, DEEPEST)
    return searches


def _moves() -> Iterable[tuple[Status, Status, Step]]:
    for search in _searches().values():
        for step in search.moves:
            yield search.views[step.before].status, search.views[step.after].status, step


def test_alphabet_is_complete() -> None:
    """The searches use every kind of reading, and every reading is in some search without a limit of depth."""
    assert {type(reading) for reading in ALPHABET.values()} == set(get_args(AnyReading))
    assert set(chain.from_iterable(names.split(" / ") for names in WORLDS.values())) == set(ALPHABET)


def test_every_step_is_in_the_table() -> None:
    """Whatever comes next, the status stays or goes where TRANSITIONS says."""
    assert [step for before, after, step in _moves() if after not in TRANSITIONS[before]] == []


def test_no_dead_entry_in_the_table() -> None:
    """Each transition of the table is really reached."""
    reached = {(before, after) for before, after, _ in _moves()}
    assert reached == {(before, after) for before, afters in TRANSITIONS.items() for after in afters}


def test_money_is_never_lost_sight_of() -> None:
    """What is paid stays paid, whatever comes after."""
    assert [step for before, after, step in _moves() if before in PAID and after not in PAID] == []


def test_completed_is_left_only_by_reversal() -> None:
    """A completed payment ends its being completed only where a reversal is among the evidence."""
    left = [(after, step) for before, after, step in _moves() if before is Status.COMPLETED]
    assert {after for after, _ in left} == {Status.REVERSED}
    assert all(step.after.reversals for _, step in left)


def test_mispaid_is_left_by_reversal_or_proof_of_the_asked_amount() -> None:
    """A wrong amount is settled by sending it back, or by proof that the asked one came."""
    for before, after, step in _moves():
        if before is not Status.MISPAID:
            continue
        if after is Status.COMPLETED:
            proofs = [proof for proof in step.after.proofs if not proof.overruled]
            assert any(proof.amount in {0, ASKED.amount} for proof in proofs), step
        else:
            assert step.after.reversals, step


def test_reversed_completes_only_after_other_money_went_back() -> None:
    """What was reversed and is completed again: the reversed money was never of the asked amount."""
    for before, after, step in _moves():
        if (before, after) == (Status.REVERSED, Status.COMPLETED):
            named = {reversal.receipt for reversal in step.after.reversals}
            reversed_ = [p for p in step.before.proofs if p.receipt in named and not p.overruled]
            assert not [proof for proof in reversed_ if proof.amount in {0, ASKED.amount}]


def test_silence_is_never_failure() -> None:
    """Errors, 4999, unknown codes, claims, unreadable bytes and answers about other prompts move no status."""
    assert [step for _, _, step in _moves() if step.said in INCONCLUSIVE] == []


def test_answers_to_the_push_move_only_what_waited() -> None:
    """An accepted, busy or lost push changes a status only where a callback had come before its answer."""
    for _, _, step in _moves():
        if step.said in ANSWERS_OF_PUSH - {"refused"}:
            waiting = {proof.checkout_request_id for proof in step.before.proofs}
            waiting |= {decline.checkout_request_id for decline in step.before.declines}
            waiting |= {answer.checkout_request_id for answer in step.before.query_declines}
            assert waiting - {""}, step


def test_a_decline_has_a_code_and_money_an_amount() -> None:
    """Each state says why: declines carry a code that is no success, money an amount and who confirmed it."""
    for search in _searches().values():
        for seen in search.views.values():
            assert (seen.amount_received > 0) == (seen.status in PAID)
            assert (seen.code == "0") == (seen.status in PAID)
            assert bool(seen.code) == bool(seen.confirmed_by) == (seen.status in PAID | DECLINED)
            assert seen.receipt == "" or seen.status in PAID


@pytest.mark.parametrize("status", Status)
def test_every_status_is_reached(status: Status) -> None:
    """No status is dead."""
    counts = Counter(seen.status for search in _searches().values() for seen in search.views.values())
    assert counts[status] > 100
