"""Every delay keeps its rule: in order, never in the past, never for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakika.domain import schedule
from hakika.domain.schedule import (
    AWAITED_QUERIES_AFTER_MS,
    CALLBACK_OVERDUE_MS,
    CONFIRM_APART_MS,
    EARLY_QUERIES_AFTER_MS,
    GIVE_UP_AFTER_MS,
    HOUR_MS,
    LATE_QUERIES_APART_MS,
    MINUTE_MS,
    PROMPT_LIFE_LONGEST_MS,
    PROMPT_LIFE_MS,
    RESEND_AFTER_MS,
    RESEND_WITHIN_MS,
    SECOND_MS,
    UNSURE_GIVE_UP_AFTER_MS,
    confirm_at,
    give_up_at,
    is_ahead,
    is_last_word,
    next_query_at,
    resend_at,
)

PROMPTED = 1_700_000_000_000
DAY_MS = 24 * HOUR_MS


def test_constants_keep_the_rules_that_they_name() -> None:
    """Each constant stands where its docstring says: against the prompt's life, the time-outs and the design."""
    assert PROMPT_LIFE_MS == 60 * SECOND_MS < CALLBACK_OVERDUE_MS < PROMPT_LIFE_LONGEST_MS
    assert schedule.EQUAL_ANSWERS_APART_MS == 5 * SECOND_MS < schedule.CONFIRM_DECLINE_AFTER_MS < 6 * SECOND_MS
    assert schedule.SAME_AMOUNT_APART_MS == 2 * MINUTE_MS
    assert RESEND_AFTER_MS == (2 * SECOND_MS, 4 * SECOND_MS, 8 * SECOND_MS)
    assert RESEND_WITHIN_MS == 60 * SECOND_MS > sum(RESEND_AFTER_MS)
    assert schedule.SENDING_LEASE_MS > schedule.LEAVES_WITHIN_MS + 30 * SECOND_MS
    assert schedule.START_LEASE_MS == 5 * SECOND_MS < RESEND_WITHIN_MS / 2
    assert schedule.QUERY_LEASE_MS > 15 * SECOND_MS
    assert UNSURE_GIVE_UP_AFTER_MS == 5 * MINUTE_MS
    assert GIVE_UP_AFTER_MS == DAY_MS


def test_delays_only_grow() -> None:
    """Early queries follow one another, late ones back off, and so do attempts to send."""
    for delays in (EARLY_QUERIES_AFTER_MS, AWAITED_QUERIES_AFTER_MS, LATE_QUERIES_APART_MS, RESEND_AFTER_MS):
        assert list(delays) == sorted(set(delays))


def test_first_query_waits_until_daraja_has_an_answer() -> None:
    """No query before 10 s after the prompt: until then 4999 is all that Daraja says."""
    assert next_query_at(PROMPTED, PROMPTED, callbacks_arrive=False) == PROMPTED + 10 * SECOND_MS


def test_healthy_callbacks_put_the_first_query_off() -> None:
    """While callbacks arrive the first query waits until one would be overdue; then both schedules are one."""
    for after_ms in (0, 10_000, CALLBACK_OVERDUE_MS - 1):
        due_at = next_query_at(PROMPTED, PROMPTED + after_ms, callbacks_arrive=True)
        assert due_at == PROMPTED + CALLBACK_OVERDUE_MS
    now_ms = PROMPTED + CALLBACK_OVERDUE_MS
    healthy = next_query_at(PROMPTED, now_ms, callbacks_arrive=True)
    assert healthy == next_query_at(PROMPTED, now_ms, callbacks_arrive=False)


def test_who_waits_has_a_lost_callback_found_out_sooner() -> None:
    """While callbacks arrive and somebody waits: four queries from 20 s on, then as if nobody waited."""
    now_ms, asked_after_ms = PROMPTED, []
    while now_ms < PROMPTED + CALLBACK_OVERDUE_MS:
        now_ms = next_query_at(PROMPTED, now_ms, callbacks_arrive=True, awaited=True)
        asked_after_ms.append(now_ms - PROMPTED)
    assert asked_after_ms == [20_000, 31_000, 46_000, 62_000, CALLBACK_OVERDUE_MS]
    after_ms = next_query_at(PROMPTED, now_ms, callbacks_arrive=True)
    assert next_query_at(PROMPTED, now_ms, callbacks_arrive=True, awaited=True) == after_ms


@given(st.integers(-MINUTE_MS, 2 * DAY_MS), st.booleans())
def test_waiting_never_puts_a_query_off(after_ms: int, callbacks_arrive: bool) -> None:
    """That somebody waits makes the next query earlier or changes nothing; where callbacks do not come, nothing."""
    now_ms = PROMPTED + after_ms
    awaited = next_query_at(PROMPTED, now_ms, callbacks_arrive=callbacks_arrive, awaited=True)
    usual = next_query_at(PROMPTED, now_ms, callbacks_arrive=callbacks_arrive)
    assert now_ms < awaited <= usual
    assert callbacks_arrive or awaited == usual


def test_only_what_waiting_asks_for_is_ahead() -> None:
    """A query is ahead of its time at the times of who waits alone, and until a callback is overdue."""
    for after_ms in AWAITED_QUERIES_AFTER_MS:
        due_at_ms = PROMPTED + after_ms
        assert is_ahead(PROMPTED, due_at_ms, due_at_ms)
        assert not is_ahead(PROMPTED, due_at_ms + 1, due_at_ms + 1)
        assert is_ahead(PROMPTED, due_at_ms, PROMPTED + CALLBACK_OVERDUE_MS - 1)
        assert not is_ahead(PROMPTED, due_at_ms, PROMPTED + CALLBACK_OVERDUE_MS)
    # Else one planned for another reason, while callbacks did not come, would be taken for one of these.
    assert not {*AWAITED_QUERIES_AFTER_MS} & {*EARLY_QUERIES_AFTER_MS, CALLBACK_OVERDUE_MS}


@given(st.integers(-MINUTE_MS, 2 * DAY_MS), st.booleans())
def test_next_query_is_never_in_the_past(after_ms: int, callbacks_arrive: bool) -> None:
    """The next query is later than now, and never further off than the longest gap or the overdue callback."""
    now_ms = PROMPTED + after_ms
    due_at = next_query_at(PROMPTED, now_ms, callbacks_arrive=callbacks_arrive)
    assert due_at > now_ms
    assert due_at - max(now_ms, PROMPTED) <= max(LATE_QUERIES_APART_MS[-1], CALLBACK_OVERDUE_MS)


@given(st.integers(0, DAY_MS), st.integers(0, DAY_MS), st.booleans())
def test_next_query_is_monotone(one_ms: int, other_ms: int, callbacks_arrive: bool) -> None:
    """Asked later, the answer is never an earlier time."""
    first, second = sorted((one_ms, other_ms))
    before = next_query_at(PROMPTED, PROMPTED + first, callbacks_arrive=callbacks_arrive)
    assert before <= next_query_at(PROMPTED, PROMPTED + second, callbacks_arrive=callbacks_arrive)


def test_queries_of_a_day_are_bounded() -> None:
    """Until we give up a payment costs some sixty queries, only some fifteen of them in the first half hour."""
    now_ms, asked_at = PROMPTED, []
    while now_ms < give_up_at(PROMPTED, PROMPTED, unsure=False):
        now_ms = next_query_at(PROMPTED, now_ms, callbacks_arrive=False)
        asked_at.append(now_ms)
    assert 40 <= len(asked_at) <= 70
    assert len([at_ms for at_ms in asked_at if at_ms <= PROMPTED + 30 * MINUTE_MS]) <= 15


@pytest.mark.parametrize(("attempts", "after_ms"), [(1, 2_000), (2, 4_000), (3, 8_000)])
def test_resends_wait_longer_each_time(attempts: int, after_ms: int) -> None:
    """Three tries more, 2, 4 and 8 s after the refusal; a longer wait that Daraja names is kept."""
    now_ms = PROMPTED + 5_000
    assert resend_at(PROMPTED, now_ms, attempts) == now_ms + after_ms
    assert resend_at(PROMPTED, now_ms, attempts, wait_ms=20_000) == now_ms + 20_000


def test_resending_ends() -> None:
    """Not a fourth time, and never later than 60 s after it was asked for."""
    assert resend_at(PROMPTED, PROMPTED + 1_000, 4) is None
    assert resend_at(PROMPTED, PROMPTED + 58_000, 1) == PROMPTED + RESEND_WITHIN_MS
    assert resend_at(PROMPTED, PROMPTED + 58_001, 1) is None
    assert resend_at(PROMPTED, PROMPTED, 1, wait_ms=MINUTE_MS + 1) is None


def test_giving_up() -> None:
    """Unsure: five minutes after the prompt's longest life. Everything else: a day after it was asked for."""
    asked_at = PROMPTED - 3_000
    assert give_up_at(asked_at, PROMPTED, unsure=True) == PROMPTED + 90_000 + 5 * MINUTE_MS
    assert give_up_at(asked_at, PROMPTED, unsure=False) == asked_at + DAY_MS


def test_last_word_only_after_the_longest_prompt() -> None:
    """One answer is conclusive from the end of the longest prompt's life on, and not a moment before."""
    assert not is_last_word(PROMPTED, PROMPTED + PROMPT_LIFE_LONGEST_MS - 1)
    assert is_last_word(PROMPTED, PROMPTED + PROMPT_LIFE_LONGEST_MS)


def test_claims_are_asked_about_ever_less_often() -> None:
    """At once after a silence; then 10 s apart, and each time twice as long: a dozen in a day."""
    since, queried_at = PROMPTED, PROMPTED - 30_000
    asked_at: list[int] = []
    while (at_ms := confirm_at(since, queried_at, (asked_at or [since])[-1])) <= since + DAY_MS:
        asked_at.append(at_ms)
        queried_at = at_ms
    assert [(at_ms - since) // 1000 for at_ms in asked_at[:6]] == [0, 10, 20, 40, 80, 160]
    assert len(asked_at) == 15
    assert asked_at[1] - asked_at[0] == CONFIRM_APART_MS
