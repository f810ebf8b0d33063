"""Every metric of ours: its kind, its labels and what it says. docs/metrics.md is written from this."""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """How Prometheus reads it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Family(NamedTuple):
    """One metric. `everywhere`: every node says the same, from the store; else it is this process's own."""

    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    everywhere: bool = False


_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM


def _standing(text: str, *labels: str) -> Family:
    """The same on every node."""
    return Family(Kind.GAUGE, text, labels, everywhere=True)


FAMILIES: dict[str, Family] = {
    # what this process did
    "hakika_payments_total": Family(
        _C, "Payments that came to a status, with the result code that brought them there.", ("mode", "status", "code")
    ),
    "hakika_certainty_seconds": Family(
        _H, "From the request for money to the end of the payment, by who brought certainty.", ("confirmed_by",)
    ),
    "hakika_queries_per_payment": Family(_H, "Queries that a payment had taken when it ended."),
    "hakika_callbacks_total": Family(
        _C,
        "Callbacks by outcome: settled (the payment changed), unchanged (known already), claimed (without the "
        "payment's secret: not believed, asked about), unknown (about no payment of ours), unreadable, spooled (kept "
        "in a file: the database did not take it), lost (nor did the file), spoiled (kept, and a person must look).",
        ("outcome",),
    ),
    "hakika_callbacks_foreign_total": Family(_C, "Callbacks from addresses that are not Safaricom's."),
    "hakika_evidence_failed_total": Family(_C, "Pieces of evidence that broke the ledger: a defect, see the log."),
    "hakika_pushes_total": Family(_C, "Pushes by Daraja's answer: accepted, refused, lost.", ("answer",)),
    "hakika_queries_total": Family(
        _C, "Queries: answered with a result code, or unanswered with an error code.", ("answer", "code")
    ),
    "hakika_spike_arrests_total": Family(
        _C, "How often Daraja said that it is asked too much, or answered HTTP 503.", ("account",)
    ),
    "hakika_delivery_attempts_total": Family(
        _C, "Attempts to deliver an event: delivered, refused (no 2xx), unanswered.", ("outcome",)
    ),
    "hakika_delivery_seconds": Family(_H, "How long an endpoint took to answer, or not to."),
    # how this process is
    "hakika_info": Family(_G, "Always 1; the version is its label.", ("version",)),
    "hakika_watched_payments": Family(_G, "Payments that somebody waits for here: a page, a stream, /wait."),
    "hakika_idle_seconds": Family(_G, "Since the worker and the deliverer last looked for what is due.", ("part",)),
    # how things stand
    "hakika_store_up": Family(_G, "1 where the database answered within 2 s; else 0, and what follows is missing."),
    "hakika_payments_pending": _standing("Payments that have not ended, by stage.", "mode", "stage"),
    "hakika_payments_in_trouble": _standing(
        "Payments that wait for a person: mispaid, unresolved, frozen.", "mode", "status"
    ),
    "hakika_due_lag_seconds": _standing(
        "How long the first payment or delivery that is due has waited; 0 where nothing waits.", "what"
    ),
    "hakika_deliveries": _standing("Deliveries that wait, and those that were given up.", "status"),
    "hakika_endpoints": _standing("Endpoints that are active, failing or off.", "state"),
    "hakika_quarantined_callbacks": _standing("Callbacks kept that are about no payment of ours."),
    "hakika_last_event": _standing("The number of the latest event."),
    "hakika_callbacks_arrive": Family(
        _G, "1 while an account's callbacks arrive; else queries start early.", ("account",)
    ),
    "hakika_budget_room": _standing(
        "Calls of Daraja that an account may make now: pushes, queries.", "account", "kind"
    ),
    "hakika_budget_calls_per_minute": _standing(
        "An account's rate now: halved by spike arrests, and growing back.", "account"
    ),
    "hakika_budget_full_calls_per_minute": _standing("An account's rate as it is set.", "account"),
}
