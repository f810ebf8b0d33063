"""Events: what we conclude and publish. Numbered, immutable, and a public contract.

A type is added, never changed. Stages are streamed live and are no events.
"""

from enum import StrEnum

from hakika.domain.payment import Status, View


class EventType(StrEnum):
    """What an event says."""

    CREATED = "payment.created"
    COMPLETED = "payment.completed"
    FAILED = "payment.failed"
    CANCELLED = "payment.cancelled"
    EXPIRED = "payment.expired"
    MISPAID = "payment.mispaid"
    UNRESOLVED = "payment.unresolved"
    REVERSED = "payment.reversed"
    UPDATED = "payment.updated"  # the receipt, the amount or a flag changed, the status did not
    CHECKOUT_COMPLETED = "checkout.completed"
    CHECKOUT_EXPIRED = "checkout.expired"
    CHECKOUT_CANCELLED = "checkout.cancelled"
    ENDPOINT_FAILING = "endpoint.failing"  # for the operator: it does not take what it is owed
    ENDPOINT_RECOVERED = "endpoint.recovered"
    ALERT_OPENED = "alert.opened"  # for the operator: also each time that it is told again
    ALERT_CLOSED = "alert.closed"


PING = "test.ping"
TRIAL = "test.callback"
"""What came of a callback that `doctor --callback` posted. No endpoint can ask for it: it is in the log and streams."""
PROBES = frozenset({PING, *(f"test.{name}" for name in EventType if not name.startswith("endpoint."))})
"""Made by hand, to try a receiver. Only who asked for them by name gets them: never mixed with real ones."""

KNOWN_TYPES = frozenset({*EventType, *PROBES})


STATUS_EVENTS: dict[Status, EventType] = {
    Status.PENDING: EventType.CREATED,
    Status.COMPLETED: EventType.COMPLETED,
    Status.FAILED: EventType.FAILED,
    Status.CANCELLED: EventType.CANCELLED,
    Status.EXPIRED: EventType.EXPIRED,
    Status.MISPAID: EventType.MISPAID,
    Status.UNRESOLVED: EventType.UNRESOLVED,
    Status.REVERSED: EventType.REVERSED,
}


def event_of(before: View, after: View) -> EventType | None:
    """The event that a change of view owes, or None where nothing changed that is published."""
    if before.status != after.status:
        return STATUS_EVENTS[after.status]
    told_before = (before.receipt, before.amount_received, before.code, before.flags)
    if told_before != (after.receipt, after.amount_received, after.code, after.flags):
        return EventType.UPDATED
    return None
