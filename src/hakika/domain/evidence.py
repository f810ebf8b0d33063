"""Evidence: what anybody told us about a payment, as past-tense facts, typed.

Each class below is one *reading*: what we understood of bytes that are kept beside it as they came.
A reading carries the time at which we learned it (`at_ms`, UTC milliseconds), because what a payment
is may depend on the times in the evidence, but never on the order in which we happened to store it.

Unknown texts are `""` and unknown amounts `0` (money is at least one shilling), so that readings sort.
"""

from enum import IntEnum, StrEnum
from typing import Literal, TypeAlias

import msgspec


class Source(StrEnum):
    """Who said it."""

    HAKIKA = "hakika"  # our own decisions, taken once under the row lock
    PUSH = "push"  # Daraja's answer to our STK push
    CALLBACK = "callback"  # Safaricom's result, on the payment's own secret path
    CLAIM = "claim"  # the same, without the secret: anybody may have sent it
    QUERY = "query"  # Daraja's answer to our STK query
    PAYBILL = "paybill"  # a paybill (C2B) confirmation or statement row
    OPERATOR = "operator"  # a person who answers for it


class Rank(IntEnum):
    """Which source's decline speaks first when two carry the same time (design: precedence of the view)."""

    PUSH_REFUSED = 0
    CALLBACK = 1
    QUERY = 2
    OPERATOR = 3


class Reading(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", gc=False):
    """The base of all readings. Stored as JSON with `kind` first."""

    at_ms: int


class PushStarted(Reading, frozen=True, tag="push_started"):
    """We decided to send attempt `attempt`; committed before the request leaves."""

    attempt: int


class PushAccepted(Reading, frozen=True, tag="push_accepted"):
    """Daraja took the push: ResponseCode 0 (daraja.md §1, STK response)."""

    attempt: int
    checkout_request_id: str
    merchant_request_id: str = ""


class PushRefused(Reading, frozen=True, tag="push_refused"):
    """Daraja surely did not process the push; `resend` says whether sending it again may help."""

    attempt: int
    code: str
    message: str = ""
    resend: bool = False


class PushLost(Reading, frozen=True, tag="push_lost"):
    """Nobody can say whether Daraja processed attempt `attempt`: it is never sent again."""

    attempt: int
    reason: str = ""


class PushRegistered(Reading, frozen=True, tag="push_registered"):
    """Another program made the push and asked us to follow it."""

    checkout_request_id: str
    merchant_request_id: str = ""


class PromptNamed(Reading, frozen=True, tag="prompt_named"):
    """The push's answer was lost; a callback on the payment's secret path named the prompt that it would have."""

    checkout_request_id: str
    merchant_request_id: str = ""


class SendingStopped(Reading, frozen=True, tag="sending_stopped"):
    """We gave up sending something that never reached Daraja's processing: no money can move."""

    reason: str = ""


class Withdrawn(Reading, frozen=True, tag="withdrawn"):
    """The merchant called it off before anything was sent."""

    reason: str = ""


class CallbackReceived(Reading, frozen=True, tag="callback"):
    """An stkCallback (daraja.md §7, Callbacks). Trusted when it came on the payment's secret path.

    `taken` is stamped by the ledger when the receipt already belongs to another payment, `overruled` on a success
    that names no amount when a trusted source had already stated another than the asked one (decision 0005).
    """

    code: str
    trusted: bool = False
    checkout_request_id: str = ""
    merchant_request_id: str = ""
    description: str = ""
    amount: int = 0
    receipt: str = ""
    paid_at_ms: int = 0
    phone: str = ""
    taken: bool = False
    flags: tuple[str, ...] = ()
    overruled: bool = False


class CallbackUnreadable(Reading, frozen=True, tag="callback_unreadable"):
    """Bytes came on a payment's path that are no callback: kept, flagged, and a reason to query now."""

    reason: str
    trusted: bool = False
    flags: tuple[str, ...] = ()


class QueryAnswered(Reading, frozen=True, tag="query"):
    """An STK query answer with a ResultCode. `at_ms` is when it was *asked*.

    `last_word`: asked after the prompt's life, when one equal answer is enough (design: declines by query).
    `overruled`: as of a callback.
    """

    code: str
    checkout_request_id: str
    description: str = ""
    last_word: bool = False
    overruled: bool = False


class QueryUnanswered(Reading, frozen=True, tag="query_unanswered"):
    """A query that taught us nothing: an error, a page of HTML, a time-out, another CheckoutRequestID."""

    reason: str
    code: str = ""


class PaybillConfirmed(Reading, frozen=True, tag="paybill"):
    """Money on the shortcode's own statement: a C2B confirmation or a statement row."""

    receipt: str
    amount: int
    paid_at_ms: int = 0
    taken: bool = False


class OperatorResolved(Reading, frozen=True, tag="operator"):
    """A person's word, with its reason. For `completed` and `reversed` it names the receipt where known."""

    outcome: Literal["completed", "failed", "reversed"]
    reason: str
    operator: str
    receipt: str = ""
    amount: int = 0
    taken: bool = False


class GaveUp(Reading, frozen=True, tag="gave_up"):
    """Every automatic means is used up: a person is called."""

    reason: str


class RivalPaid(Reading, frozen=True, tag="rival_paid"):
    """Another payment under the same reference holds money too."""

    payment: str


AnyReading: TypeAlias = (
    PushStarted
    | PushAccepted
    | PushRefused
    | PushLost
    | PushRegistered
    | PromptNamed
    | SendingStopped
    | Withdrawn
    | CallbackReceived
    | CallbackUnreadable
    | QueryAnswered
    | QueryUnanswered
    | PaybillConfirmed
    | OperatorResolved
    | GaveUp
    | RivalPaid
)


def source_of(reading: AnyReading) -> Source:
    """Name who said it."""
    match reading:
        case PushAccepted() | PushRefused():
            return Source.PUSH
        case CallbackReceived(trusted=trusted) | CallbackUnreadable(trusted=trusted):
            return Source.CALLBACK if trusted else Source.CLAIM
        case QueryAnswered() | QueryUnanswered():
            return Source.QUERY
        case PaybillConfirmed():
            return Source.PAYBILL
        case OperatorResolved() | Withdrawn() | PushRegistered():
            return Source.OPERATOR
        case _:
            return Source.HAKIKA
