"""The trial: a callback that the doctor posts to itself, and what is published of it.

It comes in like any other, through the public URL, the desk and the ledger, and is stored in the same transaction as
its neighbours. But it is about no payment: there is none, so nothing counts it, lists it, asks about it or alerts.
All that is kept of it is one event, `test.callback`, which no endpoint can ask for.
"""

from collections.abc import Sequence

import msgspec

from hakika.domain.events import TRIAL
from hakika.domain.evidence import CallbackReceived, CallbackUnreadable
from hakika.engine.case import Evidence, Surroundings
from hakika.engine.watching.nonces import Nonces
from hakika.store.events import EventRow

TRIAL_PREFIX = "trial-"
"""How the token of a trial begins; payments' tokens are hexadecimal, and have no `t`."""


class TrialShape(msgspec.Struct, frozen=True):
    """What a `test.callback` says: what was read of the bytes that came, and from where they seemed to come."""

    object: str
    token: str
    checkout_request_id: str
    code: str
    amount: int
    receipt: str
    remote: str
    flags: tuple[str, ...]


class Trials:
    """Knows the tokens of trials."""

    def __init__(self, nonces: Nonces) -> None:
        self._nonces = nonces

    def make_token(self) -> str:
        """The token of a new trial."""
        return TRIAL_PREFIX + self._nonces.make("trial")

    def knows(self, token: str) -> bool:
        """Whether a token is of a trial of the last minute."""
        return token.startswith(TRIAL_PREFIX) and self._nonces.knows("trial", token.removeprefix(TRIAL_PREFIX))


def publish_trials(batch: Sequence[Evidence], around: Surroundings) -> list[EventRow]:
    """An event for each trial among what came; nearly always there is none."""
    return [
        EventRow(0, next(around.event_ids), "", TRIAL, 0, around.now_ms, _describe(piece), "test")
        for piece in batch
        if piece.token.startswith(TRIAL_PREFIX) and around.is_trial(piece.token)
    ]


def _describe(piece: Evidence) -> str:
    reading = piece.reading
    flags = reading.flags if isinstance(reading, CallbackReceived | CallbackUnreadable) else ()
    said = reading if isinstance(reading, CallbackReceived) else CallbackReceived(0, "")
    shape = TrialShape(
        object="trial",
        token=piece.token,
        checkout_request_id=said.checkout_request_id,
        code=said.code,
        amount=said.amount,
        receipt=said.receipt,
        remote=piece.origin.remote,
        flags=flags,
    )
    return msgspec.json.encode(shape).decode()
