"""Queries ahead of their time take only what is left over: nothing else ever waits because of them."""

from hypothesis import given
from hypothesis import strategies as st

from hakika.domain.budget import Grant, open_budget, refill, shrink, spend

NOW = 1_700_000_000_000
CALLS = st.integers(0, 40)
RATES = st.sampled_from([6.0, 24.0, 60.0, 120.0, 600.0])


def test_half_of_the_window_is_left() -> None:
    """Of twenty calls at once ten go to queries ahead of their time; then none until something came back."""
    budget, grant = spend(open_budget(120, 120, NOW), 0, 0, 40)
    assert grant == Grant(0, 0, 10)
    assert spend(budget, 0, 0, 40)[1] == Grant(0, 0, 0)
    assert spend(refill(budget, NOW + 1_000), 0, 0, 40)[1] == Grant(0, 0, 2)


def test_the_sandbox_is_asked_nothing_ahead() -> None:
    """Where five queries a minute are answered, none of them is asked ahead of its time."""
    assert spend(open_budget(120, 5, NOW), 0, 0, 1)[1] == Grant(0, 0, 0)


def test_a_budget_that_shrank_has_nothing_to_spare() -> None:
    """After Daraja said that it is too much, queries are asked again first, and ahead of their time as it recovers."""
    shrunk = shrink(open_budget(120, 120, NOW), NOW)
    assert spend(refill(shrunk, NOW + 10_000), 0, 1, 10)[1] == Grant(0, 1, 0)
    ahead = [spend(refill(shrunk, NOW + minutes * 60_000), 0, 0, 10)[1].ahead for minutes in (1, 3, 5)]
    assert ahead == [2, 6, 10]


@given(RATES, RATES, CALLS, CALLS, st.integers(1, 40))
def test_nothing_else_suffers(calls: float, limit: float, pushes: int, queries: int, ahead: int) -> None:
    """Whatever is asked ahead, the rest is granted as without it; and what comes next finds half of each share."""
    budget = open_budget(calls, limit, NOW)
    without, plain = spend(budget, pushes, queries)
    spent, grant = spend(budget, pushes, queries, ahead)
    assert (grant.pushes, grant.queries) == (plain.pushes, plain.queries)
    if (plain.pushes, plain.queries) != (pushes, queries):
        assert grant.ahead == 0
    if grant.ahead:
        assert spent.pushes >= min(without.pushes, budget.pushes / 2)
        assert spent.queries >= min(without.queries, budget.queries / 2)
        assert spent.query_room >= budget.query_room / 2
    else:
        assert spent == without


@given(RATES, CALLS, CALLS, st.integers(0, 40))
def test_every_call_is_paid_for(calls: float, pushes: int, queries: int, ahead: int) -> None:
    """As many calls leave the budget as were granted."""
    budget = open_budget(calls, calls, NOW)
    spent, grant = spend(budget, pushes, queries, ahead)
    left = budget.pushes + budget.queries - spent.pushes - spent.queries
    assert abs(left - (grant.pushes + grant.queries + grant.ahead)) < 1e-6
