"""What a check is, and what it finds."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import NamedTuple

import msgspec

from hakika.doctor.ground import Ground


class Outcome(StrEnum):
    """What came of a check. Only `failed` makes the doctor's exit code 1."""

    OK = "ok"
    WARNING = "warning"  # works now; somebody should look
    FAILED = "failed"
    UNKNOWN = "unknown"  # cannot be told from here: never dressed up as either
    SKIPPED = "skipped"  # does not apply, and the evidence says why


class Area(StrEnum):
    """What a check is about."""

    SETTINGS = "settings"
    DARAJA = "daraja"
    CALLBACK_URL = "callback-url"
    CALLERS = "callers"
    INSIDE = "inside"
    GOING_LIVE = "going-live"  # what must be so before real money


class Finding(msgspec.Struct, frozen=True):
    """What one check found. `subject` is the account, endpoint … that it is about, where there are several."""

    outcome: Outcome
    evidence: str  # what was seen: figures, answers quoted; never a secret
    cure: str = ""  # what to do, for this evidence; the check's own cure where empty
    subject: str = ""


Look = Callable[[Ground], Awaitable[list[Finding]]]


class Check(NamedTuple):
    """One named check. Its page in docs/checks.md is written from this."""

    name: str  # `callback-url.certificate`: its area, a dot, and words with hyphens
    area: Area
    title: str  # what is so when it is well: "The certificate chain is complete and lasts"
    meaning: str  # what a failure means for payments and for the money
    cure: str  # what to do
    look: Look
    live: bool = False  # needs the running server's own memory: skipped where there is none
    going_live: bool = False  # is only about what must be so before real money: runs with `--going-live`
    asked: bool = False  # runs only when it is named or asked for: it writes, or goes out and comes back
