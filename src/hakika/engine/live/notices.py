"""Who waits for a payment in this process, and telling them. A notice is a hint, never the truth.

Whoever waits is handed what was just committed, so that ten thousand who wait read nothing. What other nodes commit
comes through the feed (`engine.live.feed`), which follows the log.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from hakika.domain.errors import HakikaError
from hakika.engine.case import Evidence, Recorded
from hakika.store.events import EventRow
from hakika.store.payments import PaymentRow


class Batch(NamedTuple):
    """What one transaction changed; `heard`: each piece of evidence that it recorded, with what came of it."""

    rows: Sequence[PaymentRow]
    events: Sequence[EventRow]
    heard: Sequence[tuple[Evidence, Recorded | HakikaError]] = ()


Listener = Callable[[PaymentRow], None]
EventListener = Callable[[Sequence[EventRow]], None]
MoveListener = Callable[[Sequence[PaymentRow]], None]
BatchListener = Callable[[Batch], None]

CHANGES_KEPT = 8
"""For one who does not come to look: more stages than a payment has. Beyond them the oldest are forgotten."""


class Watch:
    """One who waits for one payment. `changed` is set when there is something to take, or nothing more will come."""

    __slots__ = ("_changes", "changed", "over")

    def __init__(self) -> None:
        self.changed, self.over = asyncio.Event(), False
        self._changes: list[tuple[PaymentRow, int]] = []

    def hand(self, row: PaymentRow, number: int) -> None:
        """The payment changed; by the event of that number, unless it is 0."""
        if len(self._changes) == CHANGES_KEPT:
            del self._changes[0]
        self._changes.append((row, number))
        self.changed.set()

    def take(self) -> list[tuple[PaymentRow, int]]:
        """What changed since the last time, oldest first."""
        taken, self._changes = self._changes, []
        if not self.over:
            self.changed.clear()
        return taken

    def end(self) -> None:
        """Nothing more will come."""
        self.over = True
        self.changed.set()


class Notices:
    """In-process notification after a commit."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[Watch]] = {}
        self._listeners: list[Listener] = []
        self._event_listeners: list[EventListener] = []
        self._move_listeners: list[MoveListener] = []
        self._batch_listeners: list[BatchListener] = []
        self._enders: list[Callable[[], None]] = []
        self.ended = False

    # ── waiting ──────────────────────────────

    @contextmanager
    def watch(self, payment_id: str) -> Iterator[Watch]:
        """What changes of a payment from now on."""
        watch = Watch()
        self._waiting.setdefault(payment_id, set()).add(watch)
        if self.ended:
            watch.end()
        try:
            yield watch
        finally:
            watchers = self._waiting[payment_id]
            watchers.discard(watch)
            if not watchers:
                del self._waiting[payment_id]

    def watched(self, payment_id: str) -> bool:
        """Whether somebody waits for that payment."""
        return payment_id in self._waiting

    def all_watched(self) -> Collection[str]:
        """The payments that somebody waits for."""
        return self._waiting.keys()

    # ── telling ──────────────────────────────

    def listen(self, listener: Listener) -> None:
        """Call `listener` with every payment that changed."""
        self._listeners.append(listener)

    def listen_events(self, listener: EventListener) -> None:
        """Call `listener` once a batch with the events just committed by this process, in the order of their numbers.

        Batches may come out of order: PostgreSQL commits two at a time.
        """
        self._event_listeners.append(listener)

    def listen_moves(self, listener: MoveListener) -> None:
        """Call `listener` once a batch with the payments whose stage changed without an event."""
        self._move_listeners.append(listener)

    def listen_batches(self, listener: BatchListener) -> None:
        """Call `listener` once a batch, soon: after those who waited for it were answered. For logs and counts."""
        self._batch_listeners.append(listener)

    def tell(self, row: PaymentRow, number: int = 0) -> None:
        """The payment changed, and that is durable."""
        self.hand(row, number)
        for listener in self._listeners:
            listener(row)

    def hand(self, row: PaymentRow, number: int = 0) -> None:
        """Give the payment as it now is to those who wait for it."""
        for watch in self._waiting.get(row.id, ()):
            watch.hand(row, number)

    def tell_batch(
        self,
        rows: Sequence[PaymentRow],
        events: Sequence[EventRow],
        moved: Sequence[PaymentRow] = (),
        heard: Sequence[tuple[Evidence, Recorded | HakikaError]] = (),
    ) -> None:
        """All that one transaction changed, once it is durable."""
        numbers = {event.payment: event.number for event in events} if self._waiting else {}
        for row in rows:
            self.tell(row, numbers.get(row.id, 0))
        self.tell_events(events)
        if moved:
            for listener in self._move_listeners:
                listener(moved)
        if self._batch_listeners:
            asyncio.get_running_loop().call_soon(self._tell_of, Batch(rows, events, heard))

    def _tell_of(self, batch: Batch) -> None:
        for listener in self._batch_listeners:
            listener(batch)

    def tell_events(self, events: Sequence[EventRow]) -> None:
        """These events were published, and that is durable."""
        if events:
            for listener in self._event_listeners:
                listener(events)

    # ── ending ──────────────────────────────

    def at_end(self, ender: Callable[[], None]) -> None:
        """Call `ender` when the server stops."""
        self._enders.append(ender)

    def end(self) -> None:
        """The server stops: whoever waits takes what there is."""
        self.ended = True
        for watchers in self._waiting.values():
            for watch in watchers:
                watch.end()
        for ender in self._enders:
            ender()
