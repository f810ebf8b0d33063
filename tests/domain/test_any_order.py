"""Every order and every duplication of what was said makes the same payment."""

from collections.abc import Iterable
from functools import reduce
from itertools import chain, combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakika.domain.payment import NOTHING, TRANSITIONS, Facts, join, lift, view
from tests.domain.readings import ALPHABET, ASKED
from tests.domain.scenarios import SCENARIOS, Scenario
from tests.domain.strategies import retold

_NAMED = [pytest.param(scenario, id=name) for name, scenario in SCENARIOS.items()]


def _tellings(scenario: Scenario) -> Iterable[tuple[Facts, ...]]:
    """Give every order in which each reading comes once, or once more for every choice of the readings."""
    said = [lift(reading) for reading in scenario.said]
    doubled = chain.from_iterable(combinations(said, size) for size in range(len(said) + 1))
    for again in doubled:
        if len(said) + len(again) <= 6:
            yield from set(permutations((*said, *again)))
    for order in permutations(said):
        yield (*order, *reversed(order))


@pytest.mark.parametrize("scenario", _NAMED)
def test_scenario_ends_as_it_should(scenario: Scenario) -> None:
    """The payment is what the scenario says: status, receipt, amount, flags and who confirmed it."""
    seen = view(scenario.asked, reduce(join, map(lift, scenario.said), NOTHING))
    assert seen.status is scenario.status
    assert seen.receipt == scenario.receipt
    assert seen.amount_received == scenario.amount_received
    assert set(seen.flags) == scenario.flags
    assert seen.confirmed_by == scenario.confirmed_by


@pytest.mark.parametrize("scenario", _NAMED)
def test_every_order_and_duplication_of_a_scenario(scenario: Scenario) -> None:
    """However a scenario is told, the whole View is the same, `confirmed_by` too, and no step is illegal."""
    whole = reduce(join, map(lift, scenario.said), NOTHING)
    views = {NOTHING: view(scenario.asked, NOTHING), whole: view(scenario.asked, whole)}
    for telling in _tellings(scenario):
        known = NOTHING
        for said in telling:
            before, known = known, join(known, said)
            if known not in views:
                views[known] = view(scenario.asked, known)
            step = views[before].status, views[known].status
            assert step[0] is step[1] or step[1] in TRANSITIONS[step[0]]
        assert known == whole


def test_every_order_of_any_three_readings() -> None:
    """Any three readings of the whole alphabet, in all six orders: one and the same Facts."""
    said = [lift(reading) for reading in ALPHABET.values()]
    for three in combinations(said, 3):
        assert len({reduce(join, order) for order in permutations(three)}) == 1


@given(st.data(), st.sampled_from(sorted(SCENARIOS)), st.sampled_from(sorted(SCENARIOS)))
def test_two_scenarios_at_once_in_any_telling(data: st.DataObject, one: str, other: str) -> None:
    """Even the evidence of two scenarios thrown together is one payment, however it is told."""
    said = [*SCENARIOS[one].said, *SCENARIOS[other].said]
    first, second = data.draw(retold(said)), data.draw(retold(said))
    assert view(ASKED, first) == view(ASKED, second)


@given(st.data(), st.lists(st.sampled_from(sorted(ALPHABET)), min_size=8, max_size=38, unique=True))
def test_large_sets_in_any_telling(data: st.DataObject, names: list[str]) -> None:
    """Large sets of the alphabet, shuffled, doubled and batched in any tree, give one View."""
    said = [ALPHABET[name] for name in names]
    straight = view(ASKED, reduce(join, map(lift, said), NOTHING))
    assert view(ASKED, data.draw(retold(said))) == straight
