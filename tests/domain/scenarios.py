"""Realistic sets of evidence, named, each with what the payment therefore is."""

from typing import NamedTuple

from hakika.domain.evidence import (
    AnyReading,
    CallbackUnreadable,
    OperatorResolved,
    PaybillConfirmed,
    PromptNamed,
    PushAccepted,
    PushLost,
    PushStarted,
    QueryUnanswered,
    RivalPaid,
    SendingStopped,
    Withdrawn,
)
from hakika.domain.payment import Asked, Status
from tests.domain.readings import (
    ACCEPTED,
    ASKED,
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
    paid,
    queried,
    reversed_,
)


class Scenario(NamedTuple):
    """What was said of a payment, and what it therefore is."""

    said: tuple[AnyReading, ...]
    status: Status
    receipt: str = ""
    amount_received: int = 0
    flags: frozenset[str] = frozenset()
    confirmed_by: str = ""
    asked: Asked = ASKED


REGISTERED_ASKED = Asked(100, verified=False)
PENDING, COMPLETED, FAILED, CANCELLED = Status.PENDING, Status.COMPLETED, Status.FAILED, Status.CANCELLED
EXPIRED, MISPAID, UNRESOLVED, REVERSED = Status.EXPIRED, Status.MISPAID, Status.UNRESOLVED, Status.REVERSED


def _flags(*names: str) -> frozenset[str]:
    return frozenset(names)


_SENDING: dict[str, Scenario] = {
    "pays": Scenario((STARTED, ACCEPTED, paid()), COMPLETED, RECEIPT, 100, confirmed_by="callback"),
    "cancels": Scenario((STARTED, ACCEPTED, declined("1032")), CANCELLED, confirmed_by="callback"),
    "wrong PIN": Scenario((STARTED, ACCEPTED, declined("2001")), FAILED, confirmed_by="callback"),
    "ignores": Scenario((STARTED, ACCEPTED, declined("1037")), EXPIRED, confirmed_by="callback"),
    "refused": Scenario((STARTED, REFUSED), FAILED, confirmed_by="push"),
    "called off before sending": Scenario((Withdrawn(1_500),), CANCELLED, confirmed_by="hakika"),
    "busy, then sent and paid": Scenario(
        (STARTED, BUSY, PushStarted(4_000, 2), PushAccepted(5_000, 2, "ws_CO_ours"), paid()),
        COMPLETED,
        RECEIPT,
        100,
        confirmed_by="callback",
    ),
    "busy until too late": Scenario(
        (STARTED, BUSY, PushStarted(4_000, 2), SendingStopped(60_000)), FAILED, confirmed_by="hakika"
    ),
    "refused, but paid all the same": Scenario(
        (STARTED, REFUSED, paid()),
        COMPLETED,
        RECEIPT,
        100,
        _flags("contradicted", "late"),
        "callback",
    ),
    "push answer lost, then callback": Scenario(
        (STARTED, LOST, paid()), COMPLETED, RECEIPT, 100, confirmed_by="callback"
    ),
    "push answer lost, a callback names the prompt, a query pays": Scenario(
        (STARTED, LOST, declined("4999", 9_000), PromptNamed(0, OURS), queried("0", 21_000)),
        COMPLETED,
        amount_received=100,
        confirmed_by="query",
    ),
    "push answer lost, two callbacks name two prompts": Scenario(
        (STARTED, LOST, paid(), PromptNamed(0, OURS), PromptNamed(0, THEIRS)),
        COMPLETED,
        RECEIPT,
        100,
        _flags("checkout_mismatch"),
        "callback",
    ),
    "push answer lost, nothing else": Scenario((STARTED, LOST, GAVE_UP), UNRESOLVED),
    "500 after acceptance, paybill settles it": Scenario(
        (STARTED, PushLost(2_000, 1, "HTTP 500"), PaybillConfirmed(50_000, RECEIPT, 100)),
        COMPLETED,
        RECEIPT,
        100,
        confirmed_by="paybill",
    ),
    "callback before the push's answer": Scenario(
        (STARTED, paid(1_500), ACCEPTED), COMPLETED, RECEIPT, 100, confirmed_by="callback"
    ),
}

_QUERYING: dict[str, Scenario] = {
    "callback lost, query pays, receipt later": Scenario(
        (STARTED, ACCEPTED, queried("4999", 11_000), queried("0", 17_000), PaybillConfirmed(90_000, RECEIPT, 100)),
        COMPLETED,
        RECEIPT,
        100,
        confirmed_by="query",
    ),
    "callback late, after a query settled it": Scenario(
        (STARTED, ACCEPTED, queried("0", 17_000), paid(300_000)), COMPLETED, RECEIPT, 100, confirmed_by="query"
    ),
    "flapping query": Scenario(
        (
            ACCEPTED,
            queried("4999", 6_000),
            queried("1037", 14_000),
            QueryUnanswered(17_000, "HTTP 500", "500.001.1001"),
            queried("1037", 20_000),
        ),
        EXPIRED,
        confirmed_by="query",
    ),
    "one query declines, then callback pays": Scenario(
        (STARTED, ACCEPTED, queried("1", 12_000), paid()), COMPLETED, RECEIPT, 100, confirmed_by="callback"
    ),
    "contradiction: two queries decline, then callback pays": Scenario(
        (STARTED, ACCEPTED, queried("1", 12_000), queried("1", 18_000), paid()),
        COMPLETED,
        RECEIPT,
        100,
        _flags("contradicted", "late"),
        "callback",
    ),
    "callback and query decline differently": Scenario(
        (ACCEPTED, declined("1032", 15_000), queried("1037", 95_000, last_word=True)),
        CANCELLED,
        confirmed_by="callback",
    ),
    "nothing ever comes": Scenario(
        (STARTED, ACCEPTED, queried("4999", 11_000), QueryUnanswered(95_000, "HTML"), GAVE_UP), UNRESOLVED
    ),
    "given up, then the callback comes": Scenario(
        (STARTED, ACCEPTED, GAVE_UP, paid(500_000)), COMPLETED, RECEIPT, 100, _flags("late"), "callback"
    ),
}

_MONEY: dict[str, Scenario] = {
    "forged without token": Scenario((STARTED, ACCEPTED, claimed("FORGED0001")), PENDING),
    "forged, then cancelled": Scenario(
        (STARTED, ACCEPTED, claimed("FORGED0001"), declined("1032")), CANCELLED, confirmed_by="callback"
    ),
    "claimed, then proven by query": Scenario(
        (ACCEPTED, claimed(), queried("0", 21_000)), COMPLETED, RECEIPT, 100, _flags("receipt_claimed"), "query"
    ),
    "two claims disagree": Scenario(
        (ACCEPTED, claimed(), claimed("FORGED0001"), queried("0", 21_000)),
        COMPLETED,
        amount_received=100,
        confirmed_by="query",
    ),
    "KES 1 for KES 100": Scenario((STARTED, ACCEPTED, paid(amount=1)), MISPAID, RECEIPT, 1, confirmed_by="callback"),
    "KES 1, then a query says paid": Scenario(
        (STARTED, ACCEPTED, paid(amount=1), queried("0", 40_000, overruled=True)),
        MISPAID,
        RECEIPT,
        1,
        _flags("amount_disputed"),
        "callback",
    ),
    "a query says paid, then KES 1": Scenario(
        (STARTED, ACCEPTED, queried("0", 11_000), paid(amount=1)),
        COMPLETED,
        amount_received=100,
        flags=_flags("amount_disputed"),
        confirmed_by="query",
    ),
    "KES 1, then the rest by paybill": Scenario(
        (ACCEPTED, paid(amount=1), PaybillConfirmed(60_000, SECOND_RECEIPT, 100)),
        COMPLETED,
        SECOND_RECEIPT,
        100,
        _flags("amount_disputed", "receipts_disputed"),
        "paybill",
    ),
    "two receipts": Scenario(
        (ACCEPTED, paid(paid_at_ms=19_000), paid(30_000, receipt=SECOND_RECEIPT, paid_at_ms=29_000)),
        COMPLETED,
        RECEIPT,
        100,
        _flags("receipts_disputed"),
        "callback",
    ),
    "receipt of another payment": Scenario(
        (STARTED, ACCEPTED, paid(taken=True)), UNRESOLVED, flags=_flags("receipt_taken")
    ),
    "reversal before proof": Scenario(
        (ACCEPTED, reversed_(RECEIPT, 10_000), paid()), REVERSED, RECEIPT, 100, confirmed_by="callback"
    ),
    "KES 1 sent back, then the asked amount": Scenario(
        (ACCEPTED, paid(amount=1), reversed_(RECEIPT), paid(600_000, receipt=SECOND_RECEIPT)),
        COMPLETED,
        SECOND_RECEIPT,
        100,
        _flags("amount_disputed", "receipts_disputed"),
        "callback",
    ),
    "operator fails it, then the callback pays": Scenario(
        (ACCEPTED, GAVE_UP, OperatorResolved(450_000, "failed", "no money seen", "asha"), paid(500_000)),
        COMPLETED,
        RECEIPT,
        100,
        _flags("contradicted", "late"),
        "callback",
    ),
    "paid twice under one reference": Scenario(
        (ACCEPTED, declined("1037", 70_000), RivalPaid(90_000, "pay_2"), paid(200_000)),
        COMPLETED,
        RECEIPT,
        100,
        _flags("contradicted", "late", "paid_twice"),
        "callback",
    ),
    "registered, only a query proves it": Scenario(
        (REGISTERED, queried("0", 20_000)),
        COMPLETED,
        amount_received=100,
        flags=_flags("amount_unverified"),
        confirmed_by="query",
        asked=REGISTERED_ASKED,
    ),
    "registered, the paybill states the amount": Scenario(
        (REGISTERED, queried("0", 20_000), PaybillConfirmed(60_000, RECEIPT, 100)),
        COMPLETED,
        RECEIPT,
        100,
        confirmed_by="query",
        asked=REGISTERED_ASKED,
    ),
    "callback for another payment's token": Scenario(
        (STARTED, ACCEPTED, paid(checkout=THEIRS)), PENDING, flags=_flags("checkout_mismatch")
    ),
    "decline for another payment's token, then paid": Scenario(
        (ACCEPTED, declined("1032", checkout=THEIRS), paid(25_000)),
        COMPLETED,
        RECEIPT,
        100,
        _flags("checkout_mismatch"),
        "callback",
    ),
    "nonsense on the path, then paid": Scenario(
        (ACCEPTED, CallbackUnreadable(9_000, "no JSON", trusted=True), paid()),
        COMPLETED,
        RECEIPT,
        100,
        _flags("callback_unreadable"),
        "callback",
    ),
}

SCENARIOS: dict[str, Scenario] = {**_SENDING, **_QUERYING, **_MONEY}
