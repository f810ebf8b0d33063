"""What counts as money, whose receipt it bears, and what a person is told about it."""

import msgspec
import pytest

from hakika.domain.evidence import (
    CallbackReceived,
    OperatorResolved,
    PaybillConfirmed,
    PushAccepted,
    PushStarted,
    RivalPaid,
)
from hakika.domain.payment import CLAIMS_KEPT, Asked, Status
from tests.domain.readings import (
    ACCEPTED,
    BUSY,
    GAVE_UP,
    LOST,
    OURS,
    RECEIPT,
    REFUSED,
    REGISTERED,
    SECOND_RECEIPT,
    STARTED,
    THEIRS,
    claimed,
    declined,
    fold,
    paid,
    queried,
    reversed_,
    see,
)

OPERATOR_PAID = OperatorResolved(450_000, "completed", "on the statement", "asha", RECEIPT, 100)
PAYBILL = PaybillConfirmed(40_000, RECEIPT, 100, 19_000)


@pytest.mark.parametrize(
    ("proof", "voice"),
    [(paid(), "callback"), (queried("0", 17_000), "query"), (PAYBILL, "paybill"), (OPERATOR_PAID, "operator")],
)
def test_each_trusted_source_completes(proof: CallbackReceived, voice: str) -> None:
    """Callback, query, paybill and operator each prove a payment alone."""
    seen = see(ACCEPTED, proof)
    assert (seen.status, seen.amount_received, seen.confirmed_by) == (Status.COMPLETED, 100, voice)


@pytest.mark.parametrize("decline", [declined("1032", 5_000), REFUSED, GAVE_UP, declined("1037", 900_000)])
def test_proof_beats_every_decline(decline: CallbackReceived) -> None:
    """Proof of the asked amount wins over a decline and over giving up, earlier or later."""
    assert see(ACCEPTED, decline, paid()).status is Status.COMPLETED


def test_another_amount_is_mispaid() -> None:
    """KES 1 does not settle KES 100, and neither does KES 101: what came is named."""
    for amount in (1, 99, 101):
        seen = see(ACCEPTED, paid(amount=amount))
        assert (seen.status, seen.amount_received, seen.receipt) == (Status.MISPAID, amount, RECEIPT)


def test_proof_of_the_asked_amount_beats_another() -> None:
    """The asked amount makes it completed, under the receipt that proved it; both are flagged."""
    seen = see(ACCEPTED, paid(amount=1), paid(30_000, receipt=SECOND_RECEIPT))
    assert (seen.status, seen.receipt, seen.amount_received) == (Status.COMPLETED, SECOND_RECEIPT, 100)
    assert seen.flags == ("amount_disputed", "receipts_disputed")


def test_mispaid_sums_receipts_and_not_copies() -> None:
    """Two wrong amounts under two receipts add up; the same receipt seen twice does not."""
    twice = (paid(amount=1), PaybillConfirmed(40_000, RECEIPT, 1))
    assert see(ACCEPTED, *twice).amount_received == 1
    assert see(ACCEPTED, *twice, paid(50_000, amount=2, receipt=SECOND_RECEIPT)).amount_received == 3


def test_reversal_needs_its_receipt() -> None:
    """A reversal counts for the receipt that it names, before or after the proof, and for no other."""
    assert see(ACCEPTED, paid(), reversed_(RECEIPT)).status is Status.REVERSED
    assert see(ACCEPTED, paid(), reversed_(RECEIPT, 1_000)).status is Status.REVERSED
    assert see(ACCEPTED, paid(), reversed_(SECOND_RECEIPT)).status is Status.COMPLETED
    assert see(ACCEPTED, paid(amount=1), reversed_(RECEIPT)).status is Status.REVERSED


def test_reversal_alone_says_nothing() -> None:
    """A reversal of money that nobody proved leaves the payment where it was."""
    assert see(ACCEPTED, reversed_(RECEIPT)).status is Status.PENDING


def test_unnamed_reversal_reverses_unnamed_proof() -> None:
    """Where a query proved it and no receipt is known, the reversal names none either."""
    assert see(ACCEPTED, queried("0", 17_000), reversed_("")).status is Status.REVERSED
    assert see(ACCEPTED, queried("0", 17_000), reversed_(""), paid()).status is Status.REVERSED


def test_receipt_is_filled_in_later() -> None:
    """A success learned by query has no receipt until any evidence brings it."""
    assert see(ACCEPTED, queried("0", 17_000)).receipt == ""
    assert see(ACCEPTED, queried("0", 17_000), paid(90_000)).receipt == RECEIPT


def test_claims_prove_nothing() -> None:
    """However many claims come, they move no status and show no receipt."""
    seen = see(ACCEPTED, *[claimed(f"FORGED{n:04d}") for n in range(9)])
    assert (seen.status, seen.receipt, seen.amount_received) == (Status.PENDING, "", 0)


def test_a_claimed_receipt_is_taken_over_once_proven_otherwise() -> None:
    """A query proves it: the claim's receipt shows, marked, until a second source says the same."""
    claimed_only = see(ACCEPTED, claimed(), queried("0", 17_000))
    assert (claimed_only.receipt, claimed_only.flags) == (RECEIPT, ("receipt_claimed",))
    confirmed = see(ACCEPTED, claimed(), queried("0", 17_000), PAYBILL)
    assert (confirmed.receipt, confirmed.flags) == (RECEIPT, ())


def test_a_proven_receipt_beats_a_claimed_one() -> None:
    """A forged receipt never stands beside or before a proven one."""
    seen = see(ACCEPTED, claimed("FORGED0001", 1_000), paid())
    assert (seen.receipt, seen.flags) == (RECEIPT, ())


def test_a_claimed_receipt_never_adorns_a_wrong_amount() -> None:
    """Money of another amount without a receipt does not take a claim's."""
    assert see(ACCEPTED, claimed(), paid(amount=1, receipt="")).receipt == ""


def test_disagreeing_claims_are_not_chosen_from() -> None:
    """With two claimed receipts neither shows, and no more than two are kept."""
    claims = [claimed(f"FORGED{n:04d}") for n in range(100)]
    assert see(ACCEPTED, *claims, queried("0", 17_000)).receipt == ""
    assert len(fold(*claims).claims) == CLAIMS_KEPT == 2


def test_a_taken_receipt_goes_to_a_person() -> None:
    """A receipt that another payment proved first is no proof here: unresolved, flagged."""
    seen = see(ACCEPTED, paid(taken=True))
    assert (seen.status, seen.flags, seen.receipt) == (Status.UNRESOLVED, ("receipt_taken",), "")


def test_a_taken_receipt_stops_neither_decline_nor_proof() -> None:
    """With a taken receipt a decline still declines and proof still proves; the flag stays."""
    for other, status in ((declined("1032"), Status.CANCELLED), (queried("0", 17_000), Status.COMPLETED)):
        seen = see(ACCEPTED, paid(taken=True), other)
        assert (seen.status, seen.flags) == (status, ("receipt_taken",))


@pytest.mark.parametrize(("decline_at_ms", "late"), [(19_999, True), (20_000, False), (20_001, False)])
def test_late_compares_times_in_the_evidence(decline_at_ms: int, late: bool) -> None:
    """Proof is late when the payment had ended before it, by the times in the evidence."""
    flags = see(ACCEPTED, declined("1037", decline_at_ms), paid(20_000)).flags
    assert ("late" in flags) is late
    assert "contradicted" in flags


def test_giving_up_makes_late_but_contradicts_nothing() -> None:
    """After we gave up proof is late; giving up claimed nothing that it contradicts."""
    assert see(ACCEPTED, GAVE_UP, paid(500_000)).flags == ("late",)


def test_an_inconclusive_decline_contradicts_nothing() -> None:
    """One query's decline was never believed, so proof contradicts nobody."""
    assert see(ACCEPTED, queried("1", 12_000), paid()).flags == ()


def test_callback_waits_for_the_push_answer() -> None:
    """Before the push's answer a callback waits; with it, it counts if the prompt is ours."""
    assert see(STARTED, paid()).status is Status.PENDING
    assert see(STARTED, paid(), ACCEPTED).status is Status.COMPLETED
    theirs = see(STARTED, paid(checkout=THEIRS), ACCEPTED)
    assert (theirs.status, theirs.flags) == (Status.PENDING, ("checkout_mismatch",))


def test_callback_without_a_checkout_id_is_vouched_for_by_its_path() -> None:
    """A callback on the secret path that names no prompt is ours."""
    assert see(STARTED, paid(checkout="")).status is Status.COMPLETED


def test_a_lost_push_is_proven_by_its_secret_path() -> None:
    """Where the push's answer was lost, the token alone attributes the money."""
    assert see(STARTED, LOST, paid()).status is Status.COMPLETED


def test_a_refused_push_that_was_paid_all_the_same_is_paid() -> None:
    """Money that comes on the secret path after a refusal is money: late, contradicting, never lost sight of."""
    seen = see(STARTED, REFUSED, paid())
    assert (seen.status, seen.flags) == (Status.COMPLETED, ("contradicted", "late"))
    resent = (STARTED, BUSY, PushStarted(4_000, 2), PushAccepted(5_000, 2, OURS))
    seen = see(*resent, paid(checkout=THEIRS))
    assert (seen.status, seen.flags) == (Status.COMPLETED, ("checkout_mismatch",))


def test_registered_amount_is_unverified_until_stated() -> None:
    """What only a registrant says of the amount is marked, until a trusted source states one."""
    asked = Asked(100, verified=False)
    assert see(REGISTERED, queried("0", 17_000), asked=asked).flags == ("amount_unverified",)
    seen = see(REGISTERED, queried("0", 17_000), PAYBILL, asked=asked)
    assert (seen.flags, seen.amount_received) == ((), 100)
    short = see(REGISTERED, PaybillConfirmed(40_000, RECEIPT, 1), asked=asked)
    assert (short.status, short.amount_received, short.flags) == (Status.MISPAID, 1, ())


def test_a_stated_amount_beats_the_registrant_s() -> None:
    """Where a query proves and a statement states another amount, the stated one is what was received."""
    asked = Asked(100, verified=False)
    seen = see(REGISTERED, queried("0", 17_000), PaybillConfirmed(40_000, RECEIPT, 1), asked=asked)
    assert (seen.amount_received, seen.flags) == (1, ("amount_disputed",))


def test_a_rival_flags_only_money() -> None:
    """Another payment under the reference matters once this one holds money as well."""
    rival = RivalPaid(42_000, "pay_2")
    assert see(ACCEPTED, rival, declined("1032")).flags == ()
    assert see(ACCEPTED, rival, paid()).flags == ("paid_twice",)


def test_paid_at_is_m_pesa_s_where_it_says() -> None:
    """The earliest time that M-Pesa names, else when we first learned of the money."""
    assert see(ACCEPTED, paid(20_000, paid_at_ms=18_000)).paid_at_ms == 18_000
    assert see(ACCEPTED, queried("0", 17_000)).paid_at_ms == 0
    assert see(ACCEPTED, queried("0", 17_000), paid(20_000, paid_at_ms=18_000)).paid_at_ms == 18_000


def test_flags_of_the_envelope_are_kept() -> None:
    """What the callback path noted (a foreign IP, a cut body) stays with the payment."""
    noted = msgspec.structs.replace(paid(), flags=("foreign_ip",))
    assert see(ACCEPTED, noted).flags == ("foreign_ip",)
