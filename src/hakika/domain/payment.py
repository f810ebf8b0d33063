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
"""

from enum import IntEnum, StrEnum
from typing import Any, NamedTuple, TypeVar, assert_never

import msgspec

from hakika.domain import evidence as said
from hakika.domain.evidence import AnyReading, Rank, Source
from hakika.domain.schedule import EQUAL_ANSWERS_APART_MS


class Status(StrEnum):
    """Where a payment stands."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    MISPAID = "mispaid"
    UNRESOLVED = "unresolved"
    REVERSED = "reversed"


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
KNOWN_FINAL = frozenset(
    "1 2 3 4 8 11 17 20 21 26 1001 1019 1025 1031 1032 1036 1037 1101 1102"  # noqa: SIM905
    " 2001 2002 2006 2008 2026 2028 2029 8006 9999 SFC_IC0003 E3008".split()
)
"""The closed list of result codes after which no money moves (daraja.md §2.1)."""

SUCCESS = "0"
CLAIMS_KEPT = 2  # two different claimed receipts are already one too many to choose from


class Push(IntEnum):
    """How far one attempt to send got; a later outcome outranks an earlier one."""

    NONE = 0
    STARTED = 1
    REFUSED = 2
    LOST = 3
    ACCEPTED = 4


class Proof(NamedTuple):
    """A trusted source said that money arrived. Amount 0: it named none, so it speaks for the prompt's."""

    at_ms: int
    receipt: str
    amount: int
    source: str
    paid_at_ms: int
    checkout_request_id: str


class Decline(NamedTuple):
    """A trusted source said, conclusively, that none will."""

    at_ms: int
    rank: int
    code: str
    checkout_request_id: str


class QueryDecline(NamedTuple):
    """One query's answer with a known-final code. Alone it counts only with `last_word`."""

    at_ms: int
    code: str
    last_word: bool
    checkout_request_id: str


class Claim(NamedTuple):
    """Somebody without the payment's secret said that it was paid under this receipt."""

    receipt: str
    code: str


class Reversal(NamedTuple):
    """Money went back. Receipt `""`: that of a proof which named none."""

    at_ms: int
    receipt: str


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What was asked for. `verified` is false where only a registrant claims the amount."""

    amount: int
    verified: bool = True


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is known of one payment, joined: every field a set (a sorted tuple), a minimum or a maximum."""

    push: tuple[int, int] = (0, 0)  # (attempt, Push): maximum
    lost: bool = False  # some attempt's answer was lost: or
    refused: bool = False  # some attempt was refused: or
    checkout_ids: tuple[str, ...] = ()
    merchant_ids: tuple[str, ...] = ()
    proofs: tuple[Proof, ...] = ()
    declines: tuple[Decline, ...] = ()
    query_declines: tuple[QueryDecline, ...] = ()
    claims: tuple[Claim, ...] = ()  # the smallest CLAIMS_KEPT
    reversals: tuple[Reversal, ...] = ()
    taken: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    gave_up_at_ms: int = 0  # 0: never; else minimum
    flags: tuple[str, ...] = ()


class View(msgspec.Struct, frozen=True, gc=False):
    """What a payment is. `receipt` is `""` and `amount_received` 0 where there is none."""

    status: Status
    stage: Stage
    receipt: str = ""
    amount_received: int = 0
    code: str = ""
    confirmed_by: str = ""
    paid_at_ms: int = 0
    flags: tuple[str, ...] = ()


NOTHING = Facts()

# ── lift ──────────────────────────────


def lift(reading: AnyReading) -> Facts:
    """What one piece of evidence says."""
    match reading:
        case said.CallbackReceived():
            return _lift_callback(reading)
        case said.QueryAnswered():
            return _lift_query(reading)
        case said.PushStarted() | said.PushAccepted() | said.PushRefused() | said.PushLost() | said.PushRegistered():
            return _lift_push(reading)
        case said.PaybillConfirmed(at_ms=at, receipt=receipt, amount=amount, paid_at_ms=paid_at, taken=taken):
            return _proved(Proof(at, receipt, amount, Source.PAYBILL, paid_at, ""), taken=taken)
        case said.OperatorResolved():
            return _lift_operator(reading)
        case said.CallbackUnreadable(flags=flags):
            return Facts(flags=tuple(sorted({"callback_unreadable", *flags})))
        case said.SendingStopped(at_ms=at):
            return Facts(declines=(Decline(at, Rank.PUSH_REFUSED, "not_sent", ""),))
        case said.Withdrawn(at_ms=at):
            return Facts(declines=(Decline(at, Rank.PUSH_REFUSED, "withdrawn", ""),))
        case said.GaveUp(at_ms=at):
            return Facts(gave_up_at_ms=at)
        case said.RivalPaid(payment=payment):
            return Facts(rivals=(payment,))
        case said.QueryUnanswered():
            return NOTHING
        case _:
            assert_never(reading)


def _lift_callback(reading: said.CallbackReceived) -> Facts:
    flags = tuple(sorted(reading.flags))
    if not reading.trusted:
        claims = (Claim(reading.receipt, reading.code),) if reading.code == SUCCESS and reading.receipt else ()
        return Facts(claims=claims, flags=flags)
    checkout_id = reading.checkout_request_id
    if reading.code == SUCCESS:
        proof = Proof(reading.at_ms, reading.receipt, reading.amount, Source.CALLBACK, reading.paid_at_ms, checkout_id)
        return _proved(proof, taken=reading.taken, flags=flags)
    if reading.code in KNOWN_FINAL:
        return Facts(declines=(Decline(reading.at_ms, Rank.CALLBACK, reading.code, checkout_id),), flags=flags)
    return Facts(flags=flags)


def _proved(proof: Proof, *, taken: bool, flags: tuple[str, ...] = ()) -> Facts:
    if taken:
        return Facts(taken=(proof.receipt,), flags=flags)
    return Facts(proofs=(proof,), flags=flags)


def _lift_query(reading: said.QueryAnswered) -> Facts:
    if reading.code == SUCCESS:
        return Facts(proofs=(Proof(reading.at_ms, "", 0, Source.QUERY, 0, reading.checkout_request_id),))
    if reading.code in KNOWN_FINAL:
        answer = QueryDecline(reading.at_ms, reading.code, reading.last_word, reading.checkout_request_id)
        return Facts(query_declines=(answer,))
    return NOTHING


_PushReading = said.PushStarted | said.PushAccepted | said.PushRefused | said.PushLost | said.PushRegistered


def _lift_push(reading: _PushReading) -> Facts:
    match reading:
        case said.PushStarted(attempt=attempt):
            return Facts(push=(attempt, Push.STARTED))
        case said.PushAccepted(attempt=attempt, checkout_request_id=checkout, merchant_request_id=merchant):
            return Facts((attempt, Push.ACCEPTED), checkout_ids=(checkout,), merchant_ids=_some(merchant))
        case said.PushRegistered(checkout_request_id=checkout, merchant_request_id=merchant):
            return Facts((1, Push.ACCEPTED), checkout_ids=(checkout,), merchant_ids=_some(merchant))
        case said.PushRefused(attempt=attempt, resend=True):
            return Facts(push=(attempt, Push.REFUSED), refused=True)
        case said.PushRefused(at_ms=at, attempt=attempt, code=code):
            refusal = Decline(at, Rank.PUSH_REFUSED, code, "")
            return Facts((attempt, Push.REFUSED), refused=True, declines=(refusal,))
        case said.PushLost(attempt=attempt):
            return Facts(push=(attempt, Push.LOST), lost=True)
        case _:
            assert_never(reading)


def _lift_operator(reading: said.OperatorResolved) -> Facts:
    match reading.outcome:
        case "completed":
            proof = Proof(reading.at_ms, reading.receipt, reading.amount, Source.OPERATOR, 0, "")
            return _proved(proof, taken=reading.taken)
        case "failed":
            return Facts(declines=(Decline(reading.at_ms, Rank.OPERATOR, "operator", ""),))
        case "reversed":
            return Facts(reversals=(Reversal(reading.at_ms, reading.receipt),))
        case _:
            assert_never(reading.outcome)


def _some(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


# ── join ──────────────────────────────


def join(a: Facts, b: Facts) -> Facts:
    """What two say together: commutative, associative, idempotent, with NOTHING as its unit."""
    if a is NOTHING or a == b:
        return b
    if b is NOTHING:
        return a
    return Facts(
        push=max(a.push, b.push),
        lost=a.lost or b.lost,
        refused=a.refused or b.refused,
        checkout_ids=_union(a.checkout_ids, b.checkout_ids),
        merchant_ids=_union(a.merchant_ids, b.merchant_ids),
        proofs=_earliest(a.proofs, b.proofs),
        declines=_earliest(a.declines, b.declines),
        query_declines=_union(a.query_declines, b.query_declines),
        claims=_union(a.claims, b.claims)[:CLAIMS_KEPT],
        reversals=_earliest(a.reversals, b.reversals),
        taken=_union(a.taken, b.taken),
        rivals=_union(a.rivals, b.rivals),
        gave_up_at_ms=min(a.gave_up_at_ms, b.gave_up_at_ms) or a.gave_up_at_ms or b.gave_up_at_ms,
        flags=_union(a.flags, b.flags),
    )


_Item = TypeVar("_Item", bound=Any)
_Timed = TypeVar("_Timed", Proof, Decline, Reversal)


def _union(a: tuple[_Item, ...], b: tuple[_Item, ...]) -> tuple[_Item, ...]:
    if not b or a == b:
        return a
    if not a:
        return b
    return tuple(sorted({*a, *b}))


def _earliest(a: tuple[_Timed, ...], b: tuple[_Timed, ...]) -> tuple[_Timed, ...]:
    """Union in which the same thing said twice keeps its earliest time: floods of copies add nothing."""
    if not b or a == b:
        return a
    if not a:
        return b
    both: list[_Timed] = sorted(a + b)
    first: dict[tuple[object, ...], _Timed] = {}
    for item in both:
        first.setdefault(tuple(item[1:]), item)
    return tuple(sorted(first.values()))


# ── view ──────────────────────────────


def view(asked: Asked, facts: Facts) -> View:
    """What the payment therefore is."""
    proofs = [proof for proof in facts.proofs if _proves(facts, proof)]
    decline = _earliest_decline(facts)
    flags = set(facts.flags)
    if _has_mismatch(facts):
        flags.add("checkout_mismatch")
    if facts.taken:
        flags.add("receipt_taken")
    exact = [proof for proof in proofs if proof.amount in {0, asked.amount}]
    if proofs:
        return _view_paid(asked, facts, exact or proofs, proofs, decline, flags)
    stage = _stage(facts)
    ordered = tuple(sorted(flags))
    if decline is not None:
        return View(_status_of(decline.code), stage, code=decline.code, confirmed_by=_voice(decline), flags=ordered)
    if facts.gave_up_at_ms or facts.taken:
        return View(Status.UNRESOLVED, stage, flags=ordered)
    return View(Status.PENDING, stage, flags=ordered)


def _view_paid(
    asked: Asked,
    facts: Facts,
    counted: list[Proof],
    proofs: list[Proof],
    decline: Decline | None,
    flags: set[str],
) -> View:
    exact = counted[0].amount in {0, asked.amount}
    receipts = sorted({(proof.paid_at_ms, proof.receipt) for proof in counted if proof.receipt})
    receipt = receipts[0][1] if receipts else ""
    flags |= _money_flags(asked, facts, proofs, decline)
    if not receipt and exact and len({claim.receipt for claim in facts.claims}) == 1:
        receipt = facts.claims[0].receipt
        flags.add("receipt_claimed")
    names = {proof.receipt for proof in counted}
    reversal = any(reversal.receipt in names for reversal in facts.reversals)
    first = min(counted)
    settled = Status.COMPLETED if exact else Status.MISPAID
    return View(
        status=Status.REVERSED if reversal else settled,
        stage=_stage(facts),
        receipt=receipt,
        amount_received=_amount_received(asked, counted, proofs),
        code=SUCCESS,
        confirmed_by=first.source,
        paid_at_ms=min((proof.paid_at_ms for proof in counted if proof.paid_at_ms), default=first.at_ms),
        flags=tuple(sorted(flags)),
    )


def _money_flags(asked: Asked, facts: Facts, proofs: list[Proof], decline: Decline | None) -> set[str]:
    flags = set()
    stated = {proof.amount for proof in proofs if proof.amount}
    if len(stated) > 1 or (stated - {asked.amount} and any(proof.amount == 0 for proof in proofs)):
        flags.add("amount_disputed")
    if not asked.verified and not stated:
        flags.add("amount_unverified")
    if len({proof.receipt for proof in proofs if proof.receipt}) > 1:
        flags.add("receipts_disputed")
    if facts.rivals:
        flags.add("paid_twice")
    if decline is not None:
        flags.add("contradicted")
    ended_at = [decline.at_ms] if decline else []
    ended_at += [facts.gave_up_at_ms] if facts.gave_up_at_ms else []
    if ended_at and min(ended_at) < min(proofs).at_ms:
        flags.add("late")
    return flags


def _amount_received(asked: Asked, counted: list[Proof], proofs: list[Proof]) -> int:
    exact = counted[0].amount in {0, asked.amount}
    stated = {proof.receipt: proof.amount for proof in sorted(proofs, reverse=True) if proof.amount}
    if not exact:
        return sum(stated.values())
    # A registrant's amount that no trusted source states gives way to what one does state.
    if not asked.verified and stated and asked.amount not in stated.values():
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
    spoken = {proof.checkout_request_id for proof in facts.proofs}
    spoken |= {decline.checkout_request_id for decline in facts.declines}
    spoken |= {answer.checkout_request_id for answer in facts.query_declines}
    return bool(spoken - {"", *facts.checkout_ids})


def _earliest_decline(facts: Facts) -> Decline | None:
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
