"""What this process has done, counted: plain numbers, a batch at a time, after whoever waited was answered.

`api.metrics` shows them to Prometheus. What must be true across nodes is no count of ours: it is read from the store
(`engine.watching.gauges`).
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from hakika.daraja.codes import ALL_CODES
from hakika.domain.evidence import (
    CallbackReceived,
    CallbackUnreadable,
    PushAccepted,
    PushLost,
    PushRefused,
    QueryAnswered,
    QueryUnanswered,
)
from hakika.engine.case import Evidence, Recorded
from hakika.engine.live.notices import Batch
from hakika.engine.representation import mode_of
from hakika.engine.webhooks.outcomes import Sent
from hakika.store.payments import PaymentRow

CERTAINTY_S = (1, 2, 5, 10, 15, 20, 30, 45, 60, 75, 90, 120, 180, 300, 600, 3_600, 86_400)
"""From a payer who answers at once to a day of queries; dense where prompts end (daraja.md §2.3)."""

QUERIES = (0, 1, 2, 3, 4, 5, 7, 10, 15, 25)
DELIVERY_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)

OUTCOMES = ("settled", "unchanged", "claimed", "unreadable", "unknown")
"""Of callbacks that the database took: the first that fits, from the last one up."""

STATUSES = {
    f"payment.{status}": status
    for status in ("completed", "failed", "cancelled", "expired", "mispaid", "unresolved", "reversed")
} | {"payment.created": "pending"}


class Histogram:
    """How many values were at most so large."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds, self.total = bounds, 0.0
        self.counts = [0] * (len(bounds) + 1)

    def observe(self, value: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Tally:
    """The counts. Listens to `Notices.listen_batches` and to what the deliverer sent."""

    def __init__(self) -> None:
        self.payments: Counter[tuple[str, str, str]] = Counter()  # environment, type of event, code
        self.callbacks: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        self.foreign = 0
        self.pushes: Counter[str] = Counter({"accepted": 0, "refused": 0, "lost": 0})
        self.queries: Counter[tuple[str, str]] = Counter()  # answer, code
        self.attempts: Counter[str] = Counter({"delivered": 0, "refused": 0, "unanswered": 0})
        self.certainty: dict[str, Histogram] = {}  # by who said it
        self.queries_needed = Histogram(QUERIES)
        self.delivering = Histogram(DELIVERY_S)

    def take(self, batch: Batch) -> None:
        """Count what a batch changed."""
        for piece, answer in batch.heard:
            if isinstance(answer, Recorded) and not answer.trial:
                self._hear(piece, answer)
        if batch.events:
            rows = {row.id: row for row in batch.rows}
            for event in batch.events:
                row = rows.get(event.payment)
                if row and event.type in STATUSES:
                    self._settle(row, event.type, event.at_ms)

    def take_sent(self, sent: Sequence[Sent]) -> None:
        """Count attempts to deliver."""
        for one in sent:
            reply = one.reply
            self.attempts["delivered" if reply.taken else "refused" if reply.status_code else "unanswered"] += 1
            self.delivering.observe(reply.took_ms / 1000)

    def _settle(self, row: PaymentRow, event_type: str, at_ms: int) -> None:
        # A batch tells what a payment is after all of it: its code is right unless two events fell together.
        self.payments[row.environment, event_type, row.code] += 1
        if row.final_at_ms == at_ms:
            histogram = self.certainty.get(row.confirmed_by)
            if histogram is None:
                histogram = self.certainty[row.confirmed_by] = Histogram(CERTAINTY_S)
            histogram.observe((at_ms - row.created_at_ms) / 1000)
            self.queries_needed.observe(row.queries)

    def _hear(self, piece: Evidence, answer: Recorded) -> None:
        reading = piece.reading
        if isinstance(reading, CallbackReceived | CallbackUnreadable):
            self.callbacks[_find_outcome(reading, piece, answer)] += 1
            if reading.flags:
                self.foreign += "foreign_ip" in reading.flags
            return
        match reading:
            case PushAccepted():
                self.pushes["accepted"] += 1
            case PushRefused():
                self.pushes["refused"] += 1
            case PushLost():
                self.pushes["lost"] += 1
            case QueryAnswered(code=code):
                self.queries["answered", name_code(code)] += 1
            case QueryUnanswered(code=code):
                self.queries["unanswered", name_code(code)] += 1
            case _:
                pass

    def count_payments(self) -> Counter[tuple[str, str, str]]:
        """How many came to be so: mode, status, code."""
        counts: Counter[tuple[str, str, str]] = Counter()
        for (environment, event_type, code), times in self.payments.items():
            status = STATUSES[event_type]
            counts[mode_of(environment), status, name_code(code) if status != "pending" else ""] += times
        return counts


def _find_outcome(reading: CallbackReceived | CallbackUnreadable, piece: Evidence, answer: Recorded) -> str:
    if answer.payment is None:
        return "unknown"
    if isinstance(reading, CallbackUnreadable):
        return "unreadable"
    if not reading.trusted or piece.token != answer.payment.token:
        return "claimed"
    return "unchanged" if answer.event is None else "settled"


def name_code(code: str) -> str:
    """A code that is known; others, of which anybody may make up any number, are `other`."""
    return code if code in ALL_CODES or not code else "other"
