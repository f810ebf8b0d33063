"""What a rule is: a pure function of figures, with thresholds that can be changed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from hakika.store.alerts.figures import FailingEndpoint, Tallies, Troubles

Thresholds = Mapping[str, int]


class State(StrEnum):
    """What a rule says of one subject."""

    HOLDS = "holds"  # there is what it looks for
    WELL = "well"
    COVERED = "covered"  # it holds, and another alert tells it: none opens, and one that is open stays, untold
    UNKNOWN = "unknown"  # too little to say either: an alert neither opens nor closes by that


class Certificate(NamedTuple):
    """What was measured of the certificate at the callback URL; `trouble` where it is not accepted."""

    host: str
    days_left: float
    trouble: str = ""


class Disk(NamedTuple):
    """What was measured of the disk that the database or the spool is on."""

    path: str
    free_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class Figures:
    """What there is to judge, of the accounts of one mode, as of one moment."""

    now_ms: int
    mode: str
    accounts: Mapping[str, str] = field(default_factory=dict)  # id → name; those that are on
    pending: Troubles = field(default_factory=dict)
    unresolved: Troubles = field(default_factory=dict)
    mispaid: Troubles = field(default_factory=dict)
    frozen: Troubles = field(default_factory=dict)
    called: Tallies = field(default_factory=dict)  # in the time of callbacks-silent
    lately: Tallies = field(default_factory=dict)  # in that of success-rate
    before: Tallies = field(default_factory=dict)  # at the same hours of the week before
    succeeding: Tallies = field(default_factory=dict)  # in that of successes-few
    reading: Tallies = field(default_factory=dict)  # in that of callback-errors
    unread: int = 0
    budgets: Mapping[str, str] = field(default_factory=dict)
    endpoints: tuple[FailingEndpoint, ...] = ()
    whole: bool = True  # whether this mode also tells of what all modes share
    certificate: Certificate | None = None
    disk: Disk | None = None

    def name(self, account: str) -> str:
        """How people call an account."""
        return self.accounts.get(account, account)

    def measured(self, certificate: Certificate | None, disk: Disk | None) -> "Figures":
        """The same, with what was measured outside the store."""
        return replace(self, certificate=certificate, disk=disk)


class Sign(NamedTuple):
    """What a rule says of one subject: an account's id, an endpoint's, or `""` for everything."""

    subject: str
    state: State
    summary: str = ""
    number: int = 0  # how many
    since_ms: int = 0
    first: tuple[str, ...] = ()
    seen: Mapping[str, object] = {}


class Threshold(NamedTuple):
    """One number of a rule, within bounds."""

    default: int
    least: int
    most: int
    text: str


class Rule(NamedTuple):
    """One rule. Its section in docs/alerts.md is written from this."""

    name: str
    severity: str  # critical: money or all payments; warning: look soon
    title: str  # what is so when it holds
    meaning: str  # what it means for the money
    cure: str  # the first thing to do
    hint: str  # the command that says more
    thresholds: Mapping[str, Threshold]
    judge: Callable[[Figures, Thresholds], list[Sign]]
    subjects: str = "account"  # what there can be several of: then one alert stands for many
    covered_by: tuple[str, ...] = ()  # rules that say the same, better
