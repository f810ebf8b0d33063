"""How often Daraja may be called: one budget per account, shared by all nodes.

Daraja publishes no limits (daraja.md §4), so the rate adapts: it halves when Daraja says that it is too much,
and grows back by a tenth of the full rate a minute. Pushes come first, but a quarter of what is refilled goes
to queries alone, so that certainty never starves; queries also take what pushes leave. Queries ahead of their time
(somebody waits, no callback is overdue yet) take only from the upper half of what may be called at once, and only once
nothing else waits: whatever comes next finds the other half.
"""

import msgspec

from hakika.domain.schedule import MINUTE_MS

QUERY_SHARE = 0.25
KEPT_SHARE = 0.5  # of what may be called at once: not for queries ahead of their time
BURST_MS = 10_000  # at most ten seconds' worth of calls at once
SLOWEST_PER_MINUTE = 6.0
SHRINK_APART_MS = 5_000  # the answers of one burst count as one complaint


class Budget(msgspec.Struct, frozen=True):
    """What may be spent now. `pushes` and `queries` are calls; `rate` is calls per minute."""

    full_rate: float
    query_limit: float  # queries per minute whatever the rate: the sandbox allows 5
    rate: float
    pushes: float
    queries: float
    query_room: float
    refilled_at_ms: int
    shrunk_at_ms: int = 0


class Grant(msgspec.Struct, frozen=True):
    """How many calls were granted."""

    pushes: int
    queries: int
    ahead: int = 0


def open_budget(calls_per_minute: float, queries_per_minute: float, now_ms: int) -> Budget:
    """A full budget."""
    burst = _burst(calls_per_minute)
    return Budget(
        full_rate=calls_per_minute,
        query_limit=queries_per_minute,
        rate=calls_per_minute,
        pushes=burst * (1 - QUERY_SHARE),
        queries=burst * QUERY_SHARE,
        query_room=_burst(queries_per_minute),
        refilled_at_ms=now_ms,
    )


def refill(budget: Budget, now_ms: int) -> Budget:
    """What has come back since the last time. Time that ran backwards brings nothing."""
    passed = max(0, now_ms - budget.refilled_at_ms) / MINUTE_MS
    rate = min(budget.full_rate, budget.rate + budget.full_rate * 0.1 * passed)
    burst = _burst(rate)
    return msgspec.structs.replace(
        budget,
        rate=rate,
        pushes=min(burst * (1 - QUERY_SHARE), budget.pushes + rate * (1 - QUERY_SHARE) * passed),
        queries=min(max(1.0, burst * QUERY_SHARE), budget.queries + rate * QUERY_SHARE * passed),
        query_room=min(_burst(budget.query_limit), budget.query_room + budget.query_limit * passed),
        refilled_at_ms=max(now_ms, budget.refilled_at_ms),
    )


def spend(budget: Budget, pushes: int, queries: int, ahead: int = 0) -> tuple[Budget, Grant]:
    """Grant as many of the wanted calls as there is room for: pushes first, then queries, then queries `ahead`."""
    sent = min(pushes, int(budget.pushes))
    left = budget.pushes - sent
    # Queries take their own share, and what pushes leave once no push was turned away.
    room = budget.queries + (left if sent == pushes else 0.0)
    asked = min(queries, int(room), int(budget.query_room))
    own = min(float(asked), budget.queries)
    spent = msgspec.structs.replace(
        budget,
        pushes=left - (asked - own),
        queries=budget.queries - own,
        query_room=budget.query_room - asked,
    )
    early = 0
    if (sent, asked) == (pushes, queries):
        spent, early = _spend_ahead(spent, ahead)
    return spent, Grant(sent, asked, early)


def _spend_ahead(budget: Budget, ahead: int) -> tuple[Budget, int]:
    # Half of the full rate's: a budget that has shrunk has little or nothing to spare.
    kept = _burst(budget.full_rate) * KEPT_SHARE
    own = max(0.0, budget.queries - kept * QUERY_SHARE)
    others = max(0.0, budget.pushes - kept * (1 - QUERY_SHARE))
    room = max(0.0, budget.query_room - _burst(budget.query_limit) * KEPT_SHARE)
    early = min(ahead, int(own + others), int(room))
    from_own = min(float(early), own)
    spent = msgspec.structs.replace(
        budget,
        pushes=budget.pushes - (early - from_own),
        queries=budget.queries - from_own,
        query_room=budget.query_room - early,
    )
    return spent, early


def shrink(budget: Budget, now_ms: int) -> Budget:
    """Daraja said that it is too much: half the rate, and nothing more at once."""
    if now_ms - budget.shrunk_at_ms < SHRINK_APART_MS:
        return budget
    return msgspec.structs.replace(
        budget,
        rate=max(min(SLOWEST_PER_MINUTE, budget.full_rate), budget.rate / 2),
        pushes=min(budget.pushes, 0.0),
        queries=min(budget.queries, 0.0),
        shrunk_at_ms=now_ms,
    )


def _burst(rate: float) -> float:
    return max(1.0, rate * BURST_MS / MINUTE_MS)
