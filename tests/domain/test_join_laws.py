"""The laws of join: what a payment is depends on the set of evidence alone."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hakika.domain.evidence import AnyReading
from hakika.domain.payment import NOTHING, PAID, TRANSITIONS, Asked, Facts, join, lift, view
from tests.domain.strategies import copy_of, facts, readings, retold


@given(facts, facts)
def test_commutative(a: Facts, b: Facts) -> None:
    """Which of two was joined to which does not matter."""
    assert join(a, b) == join(b, a)


@given(facts, facts, facts)
def test_associative(a: Facts, b: Facts, c: Facts) -> None:
    """Batches may be joined before they are joined to the row."""
    assert join(join(a, b), c) == join(a, join(b, c))


@given(facts, facts)
def test_idempotent(a: Facts, b: Facts) -> None:
    """What is already known adds nothing, alone or as part of more."""
    both = join(a, b)
    assert join(a, a) == a
    assert join(both, a) == both == join(both, copy_of(b))


@given(facts)
def test_nothing_is_the_unit(a: Facts) -> None:
    """Nothing said changes nothing, also where the nothing was read from a row."""
    assert join(a, NOTHING) == a == join(NOTHING, a)
    assert join(a, Facts()) == a == join(copy_of(NOTHING), a)


@given(facts)
def test_facts_survive_being_stored(a: Facts) -> None:
    """A row's Facts are read back as they were written, and give the same view."""
    stored = copy_of(a)
    assert stored == a
    assert view(Asked(100), stored) == view(Asked(100), a)
    assert msgspec.json.encode(NOTHING) == b"{}"


@given(st.data(), st.lists(readings, max_size=24), st.booleans())
def test_any_telling_gives_the_same_view(data: st.DataObject, said: list[AnyReading], verified: bool) -> None:
    """Shuffled, doubled and joined in any tree of batches, the same readings make the same payment."""
    asked = Asked(100, verified)
    first, second = data.draw(retold(said)), data.draw(retold(said))
    assert first == second
    assert view(asked, first) == view(asked, second)


@given(st.lists(readings, max_size=24), st.booleans())
def test_any_path_follows_the_table(said: list[AnyReading], verified: bool) -> None:
    """Along any path of readings each step of the status is in TRANSITIONS, and paid stays paid."""
    asked, known = Asked(100, verified), NOTHING
    status = view(asked, known).status
    for reading in said:
        known = join(known, lift(reading))
        following = view(asked, known).status
        assert following is status or following in TRANSITIONS[status]
        assert following in PAID or status not in PAID
        status = following


@given(facts, facts, st.booleans())
def test_a_batch_follows_the_table(a: Facts, b: Facts, verified: bool) -> None:
    """A whole batch in one step goes where the table allows, too."""
    asked = Asked(100, verified)
    before, after = view(asked, a).status, view(asked, join(a, b)).status
    assert after is before or after in TRANSITIONS[before]


@given(facts, st.lists(readings.map(lift), max_size=4))
def test_proof_is_counted_forever(a: Facts, more: list[Facts]) -> None:
    """Once money has arrived it still has after anything else that is said, and its receipt is still known."""
    asked = Asked(100)
    known = a
    for said in more:
        known = join(known, said)
    if view(asked, a).status in PAID:
        assert view(asked, known).status in PAID
        kept = {proof[1:] for proof in known.proofs}
        assert {proof[1:] for proof in a.proofs} <= kept
