"""Readings that the tests of the machine share, each with a name, and the shortest ways to fold them."""

from functools import reduce

from hakika.domain.evidence import (
    AnyReading,
    CallbackReceived,
    CallbackUnreadable,
    GaveUp,
    OperatorResolved,
    PaybillConfirmed,
    PromptNamed,
    PushAccepted,
    PushLost,
    PushRefused,
    PushRegistered,
    PushStarted,
    QueryAnswered,
    QueryUnanswered,
    RivalPaid,
    SendingStopped,
    Withdrawn,
)
from hakika.domain.payment import NOTHING, Asked, Facts, View, join, lift, view

ASKED = Asked(100)
OURS, THEIRS = "ws_CO_ours", "ws_CO_theirs"
RECEIPT, SECOND_RECEIPT, THIRD_RECEIPT = "SFF6XYZ111", "SFF6XYZ222", "SFF6XYZ333"


def fold(*readings: AnyReading) -> Facts:
    """Join what the readings say, in the order given."""
    return reduce(join, map(lift, readings), NOTHING)


def see(*readings: AnyReading, asked: Asked = ASKED) -> View:
    """View what the readings say together."""
    return view(asked, fold(*readings))


def paid(
    at_ms: int = 20_000,
    *,
    amount: int = 100,
    receipt: str = RECEIPT,
    checkout: str = OURS,
    paid_at_ms: int = 0,
    taken: bool = False,
    overruled: bool = False,
) -> CallbackReceived:
    """Make a callback on the payment's own path that says: paid."""
    return CallbackReceived(
        at_ms,
        "0",
        trusted=True,
        checkout_request_id=checkout,
        amount=amount,
        receipt=receipt,
        paid_at_ms=paid_at_ms,
        taken=taken,
        overruled=overruled,
    )


def declined(code: str, at_ms: int = 20_000, *, checkout: str = OURS) -> CallbackReceived:
    """Make a callback on the payment's own path with another code than success."""
    return CallbackReceived(at_ms, code, trusted=True, checkout_request_id=checkout)


def claimed(receipt: str = RECEIPT, at_ms: int = 20_000, *, code: str = "0") -> CallbackReceived:
    """Make a callback that came without the payment's secret."""
    return CallbackReceived(at_ms, code, checkout_request_id=OURS, amount=100, receipt=receipt)


def queried(
    code: str, at_ms: int, *, last_word: bool = False, checkout: str = OURS, overruled: bool = False
) -> QueryAnswered:
    """Make the answer to a query."""
    return QueryAnswered(at_ms, code, checkout, last_word=last_word, overruled=overruled)


def reversed_(receipt: str, at_ms: int = 500_000) -> OperatorResolved:
    """Make an operator's word that money went back."""
    return OperatorResolved(at_ms, "reversed", "refunded by hand", "asha", receipt)


STARTED = PushStarted(1_000, 1)
ACCEPTED = PushAccepted(2_000, 1, OURS, "m-1")
BUSY = PushRefused(2_000, 1, "500.003.02", "Spike arrest", resend=True)
REFUSED = PushRefused(2_000, 1, "400.002.02", "Invalid PhoneNumber")
LOST = PushLost(2_000, 1, "time-out")
REGISTERED = PushRegistered(2_000, OURS)
GAVE_UP = GaveUp(400_000, "a day of queries")

ALPHABET: dict[str, AnyReading] = {
    "started": STARTED,
    "accepted": ACCEPTED,
    "busy": BUSY,
    "refused": REFUSED,
    "lost": LOST,
    "registered": REGISTERED,
    "prompt named": PromptNamed(0, OURS, "m-1"),
    "stopped": SendingStopped(60_000, "too late"),
    "withdrawn": Withdrawn(1_500, "closed the tab"),
    "paid": paid(),
    "paid again, another receipt": paid(30_000, receipt=SECOND_RECEIPT),
    "paid, another prompt": paid(21_000, receipt=THIRD_RECEIPT, checkout=THEIRS),
    "paid short": paid(22_000, amount=1, receipt=SECOND_RECEIPT),
    "paid, no amount, overruled": paid(24_000, amount=0, receipt=THIRD_RECEIPT, overruled=True),
    "paid, receipt taken": paid(23_000, receipt="SFF6XYZ999", taken=True),
    "cancelled early": declined("1032", 5_000),
    "no funds late": declined("1", 90_000),
    "expired, another prompt": declined("1037", 3_000, checkout=THEIRS),
    "callback 4999": declined("4999", 6_000),
    "callback unknown code": declined("1050", 7_000),
    "claims paid": claimed(),
    "claims paid otherwise": claimed("FORGED0001"),
    "claims cancelled": claimed("", code="1032"),
    "unreadable": CallbackUnreadable(8_000, "no JSON", trusted=True, flags=("too_long",)),
    "query paid": queried("0", 17_000),
    "query paid, overruled": queried("0", 18_000, overruled=True),
    "query wrong PIN": queried("2001", 10_000),
    "query wrong PIN again": queried("2001", 16_000),
    "query no answer, last word": queried("1037", 95_000, last_word=True),
    "query about another prompt": queried("1032", 96_000, last_word=True, checkout=THEIRS),
    "query 4999": queried("4999", 11_000),
    "query unknown code": queried("1050", 12_000, last_word=True),
    "query unanswered": QueryUnanswered(13_000, "HTTP 500", "500.001.1001"),
    "paybill": PaybillConfirmed(40_000, RECEIPT, 100),
    "paybill of another amount": PaybillConfirmed(41_000, THIRD_RECEIPT, 50),
    "operator: paid": OperatorResolved(450_000, "completed", "seen on the statement", "asha", RECEIPT, 100),
    "operator: failed": OperatorResolved(451_000, "failed", "the payer says no", "asha"),
    "operator: reversed": reversed_(RECEIPT),
    "operator: other amount reversed": reversed_(SECOND_RECEIPT),
    "operator: reversed, unnamed": reversed_(""),
    "gave up": GAVE_UP,
    "rival paid": RivalPaid(42_000, "pay_2"),
}
"""Every kind of reading, codes of every class, early and late, ours and not ours, trusted and not."""
