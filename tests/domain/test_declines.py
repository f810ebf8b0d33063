"""When a payment is declined, by whom, and when it is not."""

import pytest

from hakika.domain.evidence import (
    AnyReading,
    OperatorResolved,
    PushAccepted,
    PushLost,
    PushRefused,
    PushStarted,
    QueryUnanswered,
    SendingStopped,
    Withdrawn,
)
from hakika.domain.payment import CANCELLING, DECLINED, EXPIRING, KNOWN_FINAL, Stage, Status
from tests.domain.readings import (
    ACCEPTED,
    BUSY,
    GAVE_UP,
    LOST,
    OURS,
    REFUSED,
    STARTED,
    THEIRS,
    claimed,
    declined,
    fold,
    paid,
    queried,
    see,
)

CANCELS, EXPIRES = {"1031", "1032"}, {"1019", "1036", "1037"}
FINAL = {
    *("1", "2", "3", "4", "8", "11", "17", "20", "21", "26", "1001", "1025", "1101", "1102", "2001", "2002"),
    *("2006", "2008", "2026", "2028", "2029", "8006", "9999", "SFC_IC0003", "E3008"),
}


def test_the_closed_list_is_the_design_s() -> None:
    """The known-final codes are those of the design, neither more nor fewer."""
    assert KNOWN_FINAL == FINAL | CANCELS | EXPIRES
    assert CANCELLING - {"withdrawn"} == CANCELS
    assert EXPIRING == EXPIRES


@pytest.mark.parametrize("code", sorted(KNOWN_FINAL))
def test_each_known_final_code_ends_in_its_status(code: str) -> None:
    """1031 and 1032 cancel; 1019, 1036 and 1037 expire; every other code of the list fails."""
    status = Status.CANCELLED if code in CANCELS else Status.EXPIRED if code in EXPIRES else Status.FAILED
    seen = see(ACCEPTED, declined(code))
    assert (seen.status, seen.code, seen.confirmed_by) == (status, code, "callback")


@pytest.mark.parametrize("code", ["4999", "1050", "500.001.1001", "", "01", "1032 ", "-1", "sfc_ic0003", "99999"])
def test_no_other_code_declines(code: str) -> None:
    """4999, unknown codes and near misses leave a payment pending, by callback or by query, even as last word."""
    assert see(ACCEPTED, declined(code)).status is Status.PENDING
    answers = [queried(code, at_ms, last_word=True) for at_ms in (100_000, 200_000)]
    assert see(ACCEPTED, *answers).status is Status.PENDING


def test_unanswered_queries_decline_nothing() -> None:
    """Errors on a query, however many, and even with a known-final code in them, teach nothing."""
    errors = [QueryUnanswered(at_ms, "HTTP 500", "1032") for at_ms in range(10_000, 200_000, 10_000)]
    assert see(ACCEPTED, *errors) == see(ACCEPTED)


def test_one_query_alone_declines_nothing() -> None:
    """The first known-final answer of a query waits for a second."""
    assert see(ACCEPTED, queried("1032", 12_000)).status is Status.PENDING


@pytest.mark.parametrize(("apart_ms", "status"), [(4_999, Status.PENDING), (5_000, Status.CANCELLED)])
def test_equal_answers_count_from_five_seconds_apart(apart_ms: int, status: Status) -> None:
    """Two equal answers decline when the second was asked at least 5 s after the first."""
    assert see(ACCEPTED, queried("1032", 12_000), queried("1032", 12_000 + apart_ms)).status is status


def test_different_answers_do_not_add_up() -> None:
    """Two declines with different codes are not two equal answers."""
    assert see(ACCEPTED, queried("1032", 12_000), queried("1037", 30_000)).status is Status.PENDING


def test_4999_between_equal_answers_counts_for_nothing() -> None:
    """A 4999 between two equal answers neither helps nor hinders."""
    answers = [queried("1037", 14_000), queried("4999", 17_000), queried("1037", 19_000)]
    assert see(ACCEPTED, *answers) == see(ACCEPTED, answers[0], answers[2])
    assert see(ACCEPTED, *answers).status is Status.EXPIRED


def test_last_word_declines_alone() -> None:
    """After the prompt's life one answer is enough."""
    seen = see(ACCEPTED, queried("1037", 95_000, last_word=True))
    assert (seen.status, seen.confirmed_by) == (Status.EXPIRED, "query")


def test_a_query_about_another_prompt_is_no_evidence() -> None:
    """Answers about another CheckoutRequestID decline nothing and prove nothing, even where the answer was lost."""
    other = [queried("1032", 95_000, last_word=True, checkout=THEIRS), queried("0", 96_000, checkout=THEIRS)]
    for push in (ACCEPTED, LOST, BUSY):
        assert see(STARTED, push, *other).status is Status.PENDING
    assert see(ACCEPTED, *other).flags == ("checkout_mismatch",)


def test_earliest_decline_speaks() -> None:
    """Of several declines the earliest by the time in the evidence names the reason."""
    seen = see(ACCEPTED, declined("1037", 90_000), declined("1032", 15_000))
    assert (seen.status, seen.code) == (Status.CANCELLED, "1032")


def test_equal_times_go_by_rank_then_code() -> None:
    """At one time: push refused before callback before query before operator; then the smaller code."""
    at_ms = 95_000
    by_rank: list[tuple[AnyReading, str]] = [
        (PushRefused(at_ms, 1, "400.002.02"), "push"),
        (declined("1037", at_ms), "callback"),
        (queried("1", at_ms, last_word=True), "query"),
        (OperatorResolved(at_ms, "failed", "no money seen", "asha"), "operator"),
    ]
    for place, (_, voice) in enumerate(by_rank):
        assert see(ACCEPTED, *[reading for reading, _ in by_rank[place:]]).confirmed_by == voice
    assert see(ACCEPTED, declined("1037", at_ms), declined("1032", at_ms)).code == "1032"


def test_a_query_declines_at_its_concluding_answer() -> None:
    """Two equal answers speak from the time of the second: a callback between them came first."""
    answers = [queried("1037", 14_000), queried("1037", 20_000)]
    assert see(ACCEPTED, *answers, declined("1032", 16_000)).code == "1032"
    assert see(ACCEPTED, *answers, declined("1032", 21_000)).code == "1037"


def test_claims_never_decline() -> None:
    """A decline without the payment's secret moves nothing."""
    assert see(ACCEPTED, claimed("", code="1032")) == see(ACCEPTED)


def test_a_decline_of_another_prompt_waits_or_is_flagged() -> None:
    """A trusted decline with another CheckoutRequestID declines nothing once ours is known."""
    other = declined("1032", checkout=THEIRS)
    assert see(STARTED, other).status is Status.PENDING
    assert see(STARTED, BUSY, other).status is Status.PENDING
    seen = see(ACCEPTED, other)
    assert (seen.status, seen.flags) == (Status.PENDING, ("checkout_mismatch",))


def test_a_lost_push_believes_its_secret_path() -> None:
    """Where the push's answer was lost, a decline on the secret path counts, whatever its CheckoutRequestID."""
    assert see(STARTED, LOST, declined("1032", checkout=THEIRS)).status is Status.CANCELLED


def test_a_sure_refusal_fails_and_a_busy_answer_does_not() -> None:
    """Refused for good: failed, by the push. Refused for now: still pending, queued again."""
    assert see(STARTED, REFUSED).status is Status.FAILED
    seen = see(STARTED, BUSY)
    assert (seen.status, seen.stage) == (Status.PENDING, Stage.QUEUED)


def test_our_own_decisions_decline() -> None:
    """Called off before sending: cancelled. Stopped sending: failed, `not_sent`. Both on our own word."""
    withdrawn, stopped = see(Withdrawn(1_500)), see(STARTED, BUSY, SendingStopped(60_000))
    assert (withdrawn.status, withdrawn.code) == (Status.CANCELLED, "withdrawn")
    assert (stopped.status, stopped.code) == (Status.FAILED, "not_sent")
    assert withdrawn.confirmed_by == stopped.confirmed_by == "hakika"


def test_giving_up_is_no_decline() -> None:
    """Given up is unresolved, not failed; any decline, later too, says more."""
    assert see(ACCEPTED, GAVE_UP).status is Status.UNRESOLVED
    assert see(ACCEPTED, GAVE_UP, declined("1037", 900_000)).status in DECLINED


@pytest.mark.parametrize(
    ("said", "stage"),
    [
        ((), Stage.QUEUED),
        ((STARTED,), Stage.SENDING),
        ((STARTED, ACCEPTED), Stage.PROMPTED),
        ((STARTED, LOST), Stage.UNSURE),
        ((STARTED, BUSY), Stage.QUEUED),
        ((STARTED, BUSY, PushStarted(4_000, 2)), Stage.SENDING),
        ((STARTED, BUSY, PushStarted(4_000, 2), PushLost(5_000, 2)), Stage.UNSURE),
        ((STARTED, BUSY, PushStarted(4_000, 2), PushAccepted(5_000, 2, OURS)), Stage.PROMPTED),
        ((STARTED, LOST, ACCEPTED), Stage.PROMPTED),
    ],
)
def test_stage_is_how_far_the_latest_attempt_got(said: tuple[PushStarted, ...], stage: Stage) -> None:
    """The latest attempt and its furthest outcome make the stage."""
    assert see(*said).stage is stage


def test_ten_thousand_copies_keep_facts_small() -> None:
    """A flood of copies that differ only in their time of arrival leaves the Facts of the earliest one."""
    for copies in (
        [paid(at_ms) for at_ms in range(20_000, 30_000)],
        [declined("1032", at_ms) for at_ms in range(20_000, 30_000)],
        [claimed(f"FORGED{n:04d}", 20_000 + n) for n in range(10_000)],
    ):
        assert fold(ACCEPTED, *copies) == fold(ACCEPTED, *copies[:2])
