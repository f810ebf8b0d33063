"""Arbitrary readings, from few enough values that they meet, and Facts made of them."""

from functools import reduce

import msgspec
from hypothesis import strategies as st

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
from hakika.domain.payment import KNOWN_FINAL, NOTHING, Facts, join, lift

_times = st.integers(1, 12).map(lambda seconds: seconds * 2_500)
_attempts = st.integers(1, 4)
_checkouts = st.sampled_from(["", "ws_CO_1", "ws_CO_2"])
_receipts = st.sampled_from(["", "R1", "R2", "R3"])
_named_receipts = st.sampled_from(["R1", "R2", "R3"])
_amounts = st.sampled_from([0, 1, 99, 100])
_codes = st.one_of(
    st.just("0"),
    st.sampled_from(["1", "1032", "1037"]),
    st.sampled_from(sorted(KNOWN_FINAL)),
    st.sampled_from(["4999", "1050", "500.001.1001", ""]),
)
_flags = st.lists(st.sampled_from(["foreign_ip", "too_long"]), unique=True).map(tuple)
_reasons = st.just("because")

_callbacks = st.builds(
    CallbackReceived,
    at_ms=_times,
    code=_codes,
    trusted=st.booleans(),
    checkout_request_id=_checkouts,
    merchant_request_id=st.just("m-1"),
    description=st.just("words"),
    amount=_amounts,
    receipt=_receipts,
    paid_at_ms=st.one_of(st.just(0), _times),
    phone=st.just("254712345678"),
    overruled=st.booleans(),
    taken=st.booleans(),
    flags=_flags,
)
_outcomes = st.sampled_from(["completed", "failed", "reversed"])

readings: st.SearchStrategy[AnyReading] = st.one_of(
    _callbacks,
    st.builds(CallbackUnreadable, _times, reason=_reasons, trusted=st.booleans(), flags=_flags),
    st.builds(QueryAnswered, _times, _codes, _checkouts, last_word=st.booleans(), overruled=st.booleans()),
    st.builds(QueryUnanswered, _times, reason=_reasons, code=_codes),
    st.builds(PushStarted, _times, _attempts),
    st.builds(PushAccepted, _times, _attempts, st.sampled_from(["ws_CO_1", "ws_CO_2"])),
    st.builds(PushRefused, _times, _attempts, code=st.just("400.002.02"), resend=st.booleans()),
    st.builds(PushLost, _times, _attempts),
    st.builds(PromptNamed, st.just(0), st.sampled_from(["ws_CO_1", "ws_CO_2"])),
    st.builds(PushRegistered, _times, st.just("ws_CO_1")),
    st.builds(PaybillConfirmed, _times, _named_receipts, st.sampled_from([1, 100]), taken=st.booleans()),
    st.builds(
        OperatorResolved,
        _times,
        _outcomes,
        reason=_reasons,
        operator=st.just("asha"),
        receipt=_receipts,
        amount=_amounts,
    ),
    st.builds(SendingStopped, _times),
    st.builds(Withdrawn, _times),
    st.builds(GaveUp, _times, reason=_reasons),
    st.builds(RivalPaid, _times, st.sampled_from(["pay_2", "pay_3"])),
)

facts: st.SearchStrategy[Facts] = st.lists(readings, max_size=8).map(
    lambda said: reduce(join, map(lift, said), NOTHING)
)


@st.composite
def retold(draw: st.DrawFn, said: list[AnyReading]) -> Facts:
    """Tell the same readings again: shuffled, doubled, each batch joined by itself, in a tree of any shape."""
    doubles = draw(st.lists(st.sampled_from(said), max_size=6)) if said else []
    pieces = [lift(reading) for reading in draw(st.permutations([*said, *doubles]))]
    while len(pieces) > 1:
        place = draw(st.integers(0, len(pieces) - 2))
        pieces[place : place + 2] = [join(pieces[place], pieces[place + 1])]
    return pieces[0] if pieces else NOTHING


def copy_of(what: Facts) -> Facts:
    """Write Facts down and read them again: an equal value that shares no identity, as a row gives it."""
    return msgspec.json.decode(msgspec.json.encode(what), type=Facts)
