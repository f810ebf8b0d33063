"""One alert's life: it opens once, is told again rarely, and closes by itself. Pure: the time is an argument."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from hakika.domain.events import EventType
from hakika.domain.schedule import HOUR_MS, MINUTE_MS
from hakika.engine.alerts.judging import Key
from hakika.engine.alerts.rule import Sign, State
from hakika.engine.alerts.rulebook import RULES
from hakika.store.alerts.records import CLOSED, OPEN, AlertRow

TELL_AGAIN_MS = 6 * HOUR_MS
CALM_MS = 5 * MINUTE_MS
"""It has to be well for so long before it closes…"""
CALM_MOST_MS = 80 * MINUTE_MS
"""…and each time that it comes back within a day twice as long, up to this: what flaps is not told each time."""
STALE_MS = 6 * HOUR_MS
"""Where nothing can be said any more (nobody pays at night), it closes after so long."""


class Step(NamedTuple):
    """What becomes of an alert, and what is published of it."""

    row: AlertRow
    event: EventType | None


def begin(alert_id: str, mode: str, key: Key, sign: Sign, now_ms: int) -> Step:
    """Open an alert."""
    row = AlertRow(
        id=alert_id,
        mode=mode,
        rule=key.rule,
        subject=key.subject,
        severity=RULES[key.rule].severity,
        status=OPEN,
        summary=sign.summary,
        evidence=_write_evidence(sign),
        opened_at_ms=now_ms,
        seen_at_ms=now_ms,
        told_at_ms=now_ms,
        told=1,
        closed_at_ms=0,
    )
    return Step(row, EventType.ALERT_OPENED)


def go_on(row: AlertRow, sign: Sign | None, now_ms: int, came_back: Callable[[], int]) -> Step:
    """What becomes of an open alert. `sign` None: its rule was turned off; `came_back`: how often within a day."""
    if sign is None:
        return _close(row, now_ms)
    if sign.state in {State.HOLDS, State.COVERED}:
        row = row._replace(summary=sign.summary, evidence=_write_evidence(sign), seen_at_ms=max(row.seen_at_ms, now_ms))
        if sign.state is State.COVERED or now_ms - row.told_at_ms < TELL_AGAIN_MS:
            return Step(row, None)
        return Step(row._replace(told=row.told + 1, told_at_ms=now_ms), EventType.ALERT_OPENED)
    quiet_ms = now_ms - row.seen_at_ms
    if sign.state is State.UNKNOWN:
        return _close(row, now_ms) if quiet_ms >= STALE_MS else Step(row, None)
    if quiet_ms < CALM_MS:
        return Step(row, None)
    calm_ms = min(CALM_MOST_MS, CALM_MS * 2 ** min(came_back(), 10))
    return _close(row, now_ms) if quiet_ms >= calm_ms else Step(row, None)


def _close(row: AlertRow, now_ms: int) -> Step:
    return Step(row._replace(status=CLOSED, closed_at_ms=now_ms), EventType.ALERT_CLOSED)


def _write_evidence(sign: Sign) -> str:
    evidence = {"count": sign.number, "since_ms": sign.since_ms, "first": sign.first, **sign.seen}
    return msgspec.json.encode(evidence).decode()
