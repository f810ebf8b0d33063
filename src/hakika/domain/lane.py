"""A lane: how one endpoint has fared, and whether it is sent to freely, probed, or left alone.

healthy   what is owed is sent, many at once; what fails is tried again by its own schedule
failing   after some failures in a row: one probe at a time, by the same schedule; all else waits
          the first success makes it healthy again, and what waits is sent in the order of its numbers

Pure: time and chance are arguments.
"""

from typing import NamedTuple

from hakika.domain.schedule import RETRY_DELIVERY_AFTER_MS, retry_delivery_at

FAILING_AFTER = 3
"""Failures in a row: one may be the event's, two are chance, three are the endpoint's."""

PROBES = len(RETRY_DELIVERY_AFTER_MS)
"""So many probes are the whole schedule: who waited for all of them has had its 75 hours."""


class Lane(NamedTuple):
    """How an endpoint has fared. `failures`: attempts in a row; once it fails, each probe counts one more."""

    failures: int = 0
    failing_since_ms: int = 0
    next_at_ms: int = 0  # nothing is sent before
    told_at_ms: int = 0  # when the operator was told that it fails

    @property
    def failing(self) -> bool:
        """Whether it is probed instead of sent to."""
        return self.failures >= FAILING_AFTER

    @property
    def probes(self) -> int:
        """How many probes failed since it began to fail."""
        return max(0, self.failures - FAILING_AFTER)

    @property
    def spent(self) -> bool:
        """Whether it has been probed for a whole schedule: what waited through all of it is exhausted."""
        return self.probes >= PROBES


HEALTHY = Lane()


def succeed(lane: Lane) -> Lane:
    """The lane after an attempt that succeeded. What the receiver asked for with Retry-After still holds."""
    return HEALTHY if lane.failing else Lane(next_at_ms=lane.next_at_ms)


def fail(lane: Lane, now_ms: int, chance: float, *, probe: bool, not_before_ms: int = 0) -> Lane:
    """The lane after an attempt that failed; `not_before_ms`: as the receiver asked with Retry-After."""
    if lane.failing and not probe:
        return lane  # it was under way when the lane began to fail
    failures = lane.failures + 1
    # A probe was taken with a lease in `next_at_ms`, which ends with it.
    next_at_ms = max(0 if probe else lane.next_at_ms, not_before_ms)
    if failures >= FAILING_AFTER:
        probes = min(failures - FAILING_AFTER, PROBES - 1)
        next_at_ms = max(next_at_ms, retry_delivery_at(probes + 1, now_ms, chance) or 0)
    return lane._replace(failures=failures, failing_since_ms=lane.failing_since_ms or now_ms, next_at_ms=next_at_ms)


def must_tell(lane: Lane) -> bool:
    """Whether the operator is to be told: a probe failed too, so it was no short break; once."""
    return lane.probes > 0 and not lane.told_at_ms
