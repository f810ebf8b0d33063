"""The machine: what a payment is, given all that anybody told us about it.

    lift(reading)       -> Facts      what one piece of evidence says
    join(Facts, Facts)  -> Facts      what two say together
    view(asked, Facts)  -> View       what the payment therefore is

`Facts` is a semilattice: every field joins by union, minimum or maximum, so `join` is commutative,
associative and idempotent. What a payment is therefore depends on the *set* of evidence, not on the order
in which it came nor on how often. The row of a payment keeps its joined Facts, so that one more piece of
evidence reads no history.

The view takes the first of these that holds (design: precedence of the view):

    1  proof of the asked amount          completed; reversed once a reversal names its receipt
    2  proof of another amount            mispaid; reversed likewise
    3  the earliest conclusive decline    cancelled, expired or failed, by its code
    4  we gave up, or the receipt that came belongs to another payment     unresolved
    5  nothing                            pending, with a stage

Only codes on KNOWN_FINAL decline. Silence, an unknown code, 4999 or an error of any kind never does.

A success that names no amount, as a query's, speaks for the asked one, unless another had been stated by the time
it was recorded: `overrule` says so, the ledger asks it under the row lock and keeps the answer in the reading.
"""

from enum import StrEnum

import msgspec

from hakika.domain.evidence import AnyReading, CallbackReceived, QueryAnswered, Rank, Source
from hakika.domain.facts import (
    CLAIMS_KEPT,
    KNOWN_FINAL,
    NOTHING,
    SUCCESS,
    Claim,
    Decline,
    Facts,
    Proof,
    Push,
    QueryDecline,
    Reversal,
    join,
    lift,
)
from hakika.domain.schedule import EQUAL_ANSWERS_APART_MS
from hakika.domain.status import Status

__all__ = [
    "CLAIMS_KEPT",
    "KNOWN_FINAL",
    "NOTHING",
    "PAID",
    "SUCCESS",
    "TRANSITIONS",
    "Asked",
    "Claim",
    "Decline",
    "Facts",
    "Proof",
    "Push",
    "QueryDecline",
    "Reversal",
    "Stage",
    "Status",
    "View",
    "join",
    "lift",
    "may_be_overruled",
    "overrule",
    "view",
]


class Stage(StrEnum):
    """How far a pending payment is. Each change is a live event, not a webhook."""

    QUEUED = "queued"
    SENDING = "sending"
    PROMPTED = "prompted"
    UNSURE = "unsure"


DECLINED = frozenset({Status.FAILED, Status.CANCELLED, Status.EXPIRED})
"""Known-final: no money moved. Late proof of payment still wins."""

PAID = frozenset({Status.COMPLETED, Status.MISPAID, Status.REVERSED})
"""Money moved."""

_ANYWHERE = frozenset(Status) - {Status.PENDING}

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.PENDING: _ANYWHERE,
    Status.UNRESOLVED: _ANYWHERE - {Status.UNRESOLVED},
    # An earlier decline that arrives later names the reason anew; proof always wins.
    Status.FAILED: PAID | DECLINED - {Status.FAILED},
    Status.CANCELLED: PAID | DECLINED - {Status.CANCELLED},
    Status.EXPIRED: PAID | DECLINED - {Status.EXPIRED},
    Status.MISPAID: frozenset({Status.COMPLETED, Status.REVERSED}),
    Status.COMPLETED: frozenset({Status.REVERSED}),
    # Only where what was reversed was money of another amount, and the asked amount came after it.
    Status.REVERSED: frozenset({Status.COMPLETED}),
}
"""Which status may follow which. A step outside it breaks an invariant and freezes the payment."""

CANCELLING = frozenset({"1031", "1032", "withdrawn"})
EXPIRING = frozenset({"1019", "1036", "1037"})


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What was asked for. `verified` is false where only a registrant claims the amount."""

    amount: int
    verified: bool = True


class View(msgspec.Struct, frozen=True, gc=False):
    """What a payment is. `receipt` is `""` and `amount_received` 0 where there is none."""

    status: Status
    stage: Stage
    receipt: str = ""
    amount_received: int = 0
    code: str = ""
    confirmed_by: str = ""
    paid_at_ms: int = 0  # as M-Pesa states it, like the next
    payer_phone: str = ""
    flags: tuple[str, ...] = ()


# ── view ──────────────────────────────


def view(asked: Asked, facts: Facts) -> View:
    """What the payment therefore is."""
    proofs = _count_proofs(facts)
    decline = _earliest_decline(facts)
    flags = set(facts.flags)
    if _has_mismatch(facts):
        flags.add("checkout_mismatch")
    if facts.taken:
        flags.add("receipt_taken")
    if proofs:
        return _view_paid(asked, facts, proofs, decline, flags)
    stage = _stage(facts)
    ordered = tuple(sorted(flags))
    if decline is not None:
        return View(_status_of(decline.code), stage, code=decline.code, confirmed_by=_voice(decline), flags=ordered)
    if facts.gave_up_at_ms or facts.taken:
        return View(Status.UNRESOLVED, stage, flags=ordered)
    return View(Status.PENDING, stage, flags=ordered)


def overrule(asked: Asked, facts: Facts, reading: AnyReading) -> AnyReading:
    """Stamp a success that names no amount where these facts state another amount and nothing proves the asked one.

    A decision, taken once when the reading is recorded: no view of the bare set could keep both that a query does
    not settle what was mispaid, and that a later callback does not unsettle what a query completed (decision 0005).
    """
    if not may_be_overruled(reading):
        return reading
    proofs = _count_proofs(facts)
    if not proofs or any(_is_exact(asked, proof) for proof in proofs):
        return reading
    return msgspec.structs.replace(reading, overruled=True)


def may_be_overruled(reading: AnyReading) -> bool:
    """Whether it is a success that names no amount. A person who says `completed` has seen which came."""
    match reading:
        case QueryAnswered(code="0"):
            return True
        case CallbackReceived(code="0", trusted=True, amount=0, taken=False):
            return True
        case _:
            return False


def _count_proofs(facts: Facts) -> list[Proof]:
    """The proofs that speak of our money; those that are overruled only beside what overruled them."""
    proofs = [proof for proof in facts.proofs if _proves(facts, proof)]
    return proofs if any(not proof.overruled for proof in proofs) else []


def _is_exact(asked: Asked, proof: Proof) -> bool:
    return proof.amount in {0, asked.amount} and not proof.overruled


def _view_paid(asked: Asked, facts: Facts, proofs: list[Proof], decline: Decline | None, flags: set[str]) -> View:
    exact = [proof for proof in proofs if _is_exact(asked, proof)]
    counted = exact or [proof for proof in proofs if not proof.overruled]
    receipt, paid_at_ms, payer_phone = _agree(counted)
    flags |= _money_flags(asked, facts, proofs, decline)
    if not receipt and exact and len({claim.receipt for claim in facts.claims}) == 1:
        receipt = facts.claims[0].receipt
        flags.add("receipt_claimed")
    settled = Status.COMPLETED if exact else Status.MISPAID
    return View(
        status=Status.REVERSED if facts.reversals and _is_reversed(facts, counted) else settled,
        stage=_stage(facts),
        receipt=receipt,
        amount_received=_amount_received(asked, bool(exact), proofs),
        code=SUCCESS,
        confirmed_by=min(counted).source,
        paid_at_ms=paid_at_ms,
        payer_phone=payer_phone,
        flags=tuple(sorted(flags)),
    )


def _agree(counted: list[Proof]) -> tuple[str, int, str]:
    """What the proofs that count name: the receipt of the earliest paid, when that was, and the payer's phone."""
    if len(counted) == 1:
        return counted[0].receipt, counted[0].paid_at_ms, counted[0].phone
    named = [(not proof.paid_at_ms, proof.paid_at_ms, proof.receipt) for proof in counted if proof.receipt]
    return (
        min(named)[2] if named else "",
        min((proof.paid_at_ms for proof in counted if proof.paid_at_ms), default=0),
        min((proof.phone for proof in counted if proof.phone), default=""),
    )


def _is_reversed(facts: Facts, counted: list[Proof]) -> bool:
    names = {proof.receipt for proof in counted}
    return any(reversal.receipt in names for reversal in facts.reversals)


def _money_flags(asked: Asked, facts: Facts, proofs: list[Proof], decline: Decline | None) -> set[str]:
    flags = _disputes(asked, proofs) if len(proofs) > 1 else set()
    if not asked.verified and not any(proof.amount for proof in proofs):
        flags.add("amount_unverified")
    if facts.rivals:
        flags.add("paid_twice")
    if decline is not None:
        flags.add("contradicted")
    ended_at = [decline.at_ms] if decline else []
    ended_at += [facts.gave_up_at_ms] if facts.gave_up_at_ms else []
    if ended_at and min(ended_at) < min(proofs).at_ms:
        flags.add("late")
    return flags


def _disputes(asked: Asked, proofs: list[Proof]) -> set[str]:
    """What proofs say against each other: one alone says nothing."""
    flags = set()
    stated = {proof.amount for proof in proofs if proof.amount}
    if len(stated) > 1 or (stated - {asked.amount} and any(proof.amount == 0 for proof in proofs)):
        flags.add("amount_disputed")
    if len({proof.receipt for proof in proofs if proof.receipt}) > 1:
        flags.add("receipts_disputed")
    return flags


def _amount_received(asked: Asked, exact: bool, proofs: list[Proof]) -> int:
    if exact and asked.verified:
        return asked.amount
    stated = {proof.receipt: proof.amount for proof in sorted(proofs, reverse=True) if proof.amount}
    if not exact:
        return sum(stated.values())
    # A registrant's amount that no trusted source states gives way to what one does state.
    if stated and asked.amount not in stated.values():
        return min(stated.values())
    return asked.amount


def _is_ours(facts: Facts, checkout_id: str) -> bool:
    """Whether this is *our* prompt. Until the push's answer comes nobody knows: what was said waits."""
    return not checkout_id or checkout_id in facts.checkout_ids


def _proves(facts: Facts, proof: Proof) -> bool:
    """Whether this proof speaks of our money.

    Where an attempt's answer was lost, the payment's secret path alone vouches for a callback; and where one
    was refused, the money says that Daraja did process what it said it refused.
    """
    vouched = proof.source == Source.CALLBACK and (facts.lost or facts.refused)
    return vouched or _is_ours(facts, proof.checkout_request_id)


def _has_mismatch(facts: Facts) -> bool:
    if not facts.checkout_ids:
        return False
    if facts.lost and len(facts.checkout_ids) > 1:
        return True  # one prompt has one: what its answer or a callback named, another callback named otherwise
    for said in (facts.proofs, facts.declines, facts.query_declines):
        for one in said:
            if not _is_ours(facts, one.checkout_request_id):
                return True
    return False


def _earliest_decline(facts: Facts) -> Decline | None:
    if not facts.declines and not facts.query_declines:
        return None
    conclusive = [decline for decline in facts.declines if facts.lost or _is_ours(facts, decline.checkout_request_id)]
    answers = [answer for answer in facts.query_declines if _is_ours(facts, answer.checkout_request_id)]
    for code in {answer.code for answer in answers}:
        at_ms = _concluded_at(sorted(answer for answer in answers if answer.code == code))
        if at_ms is not None:
            conclusive.append(Decline(at_ms, Rank.QUERY, code, ""))
    return min(conclusive, default=None)


def _concluded_at(answers: list[QueryDecline]) -> int | None:
    """When equal answers became conclusive: the first asked after the prompt's life, or 5 s after another."""
    for answer in answers:
        if answer.last_word or answer.at_ms - answers[0].at_ms >= EQUAL_ANSWERS_APART_MS:
            return answer.at_ms
    return None


def _status_of(code: str) -> Status:
    if code in CANCELLING:
        return Status.CANCELLED
    return Status.EXPIRED if code in EXPIRING else Status.FAILED


_VOICES = {
    Rank.PUSH_REFUSED: Source.PUSH,
    Rank.CALLBACK: Source.CALLBACK,
    Rank.QUERY: Source.QUERY,
    Rank.OPERATOR: Source.OPERATOR,
}


def _voice(decline: Decline) -> str:
    if decline.code in {"withdrawn", "not_sent"}:
        return Source.HAKIKA
    return _VOICES[Rank(decline.rank)]


_STAGES = {
    Push.NONE: Stage.QUEUED,
    Push.STARTED: Stage.SENDING,
    Push.REFUSED: Stage.QUEUED,
    Push.LOST: Stage.UNSURE,
    Push.ACCEPTED: Stage.PROMPTED,
}


def _stage(facts: Facts) -> Stage:
    if facts.lost and facts.push[1] != Push.ACCEPTED:
        return Stage.UNSURE
    return _STAGES[Push(facts.push[1])]
