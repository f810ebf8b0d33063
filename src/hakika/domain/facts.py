"""Facts: all that is known of one payment, joined.

    lift(reading)       -> Facts      what one piece of evidence says
    join(Facts, Facts)  -> Facts      what two say together

`Facts` is a semilattice: every field joins by union, minimum or maximum, so `join` is commutative,
associative and idempotent. `payment.view` says what a payment with these facts is.
"""

from enum import IntEnum
from typing import Any, NamedTuple, TypeVar, assert_never

import msgspec

from hakika.domain import evidence as said
from hakika.domain.evidence import AnyReading, Rank, Source

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
    """A trusted source said that money arrived. Amount 0: it named none, so it speaks for the prompt's.

    Unless it is `overruled`: then another amount had been stated before it came, and it speaks for none.
    """

    at_ms: int
    receipt: str
    amount: int
    source: str
    paid_at_ms: int
    checkout_request_id: str
    phone: str = ""  # the payer's, as M-Pesa states it: it may be masked
    overruled: bool = False


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
        case said.PromptNamed(checkout_request_id=checkout, merchant_request_id=merchant):
            return Facts(checkout_ids=(checkout,), merchant_ids=_some(merchant))
        case said.PaybillConfirmed(at_ms=at, receipt=receipt, amount=amount, paid_at_ms=paid_at, taken=taken):
            return _proved(Proof(at, receipt, amount, Source.PAYBILL, paid_at, ""), taken=taken)
        case said.OperatorResolved():
            return _lift_operator(reading)
        case said.CallbackUnreadable(flags=flags):
            return Facts(flags=tuple(sorted({"callback_unreadable", *flags})))
        case said.QueryUnanswered():
            return NOTHING
        case _:
            return _lift_decision(reading)


def _lift_decision(reading: said.SendingStopped | said.Withdrawn | said.GaveUp | said.RivalPaid) -> Facts:
    match reading:
        case said.SendingStopped(at_ms=at):
            return Facts(declines=(Decline(at, Rank.PUSH_REFUSED, "not_sent", ""),))
        case said.Withdrawn(at_ms=at):
            return Facts(declines=(Decline(at, Rank.PUSH_REFUSED, "withdrawn", ""),))
        case said.GaveUp(at_ms=at):
            return Facts(gave_up_at_ms=at)
        case said.RivalPaid(payment=payment):
            return Facts(rivals=(payment,))
        case _:
            assert_never(reading)


def _lift_callback(reading: said.CallbackReceived) -> Facts:
    flags = tuple(sorted(reading.flags))
    if not reading.trusted:
        claims = (Claim(reading.receipt, reading.code),) if reading.code == SUCCESS and reading.receipt else ()
        return Facts(claims=claims, flags=flags)
    checkout_id = reading.checkout_request_id
    if reading.code == SUCCESS:
        proof = Proof(
            reading.at_ms,
            reading.receipt,
            reading.amount,
            Source.CALLBACK,
            reading.paid_at_ms,
            checkout_id,
            reading.phone,
            reading.overruled and not reading.amount,
        )
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
        proof = Proof(reading.at_ms, "", 0, Source.QUERY, 0, reading.checkout_request_id, overruled=reading.overruled)
        return Facts(proofs=(proof,))
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
