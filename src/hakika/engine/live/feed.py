"""The feed: everyone who follows the event log, told in the order of its numbers.

The log is the truth: it is looked into every second. What this process commits is handed on at once, without reading,
where it is the next number; what comes out of order, or from another node, is read from the log as soon as it is heard
of. Nobody who is slow is waited for, and nothing is kept for them: they read on from the log, at their own pace.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import NamedTuple

import structlog

from hakika.domain.errors import StoreUnavailable
from hakika.engine.clock import Clock
from hakika.engine.live.notices import Notices, Watch
from hakika.engine.live.publication import STAGE, encode_event, encode_stage
from hakika.engine.representation import mode_of
from hakika.store.events import EventRow, EventSearch, Head, is_of, read_head, search_events
from hakika.store.opening import Store
from hakika.store.payments import PaymentRow, find_payments
from hakika.store.transaction import Transaction

LOOK_EVERY_MS = 1_000
PAGE = 200
HELD = 64
"""Messages held for one who follows; with more than that it reads on from the log. They are shared: a pointer each."""
EARLY_BATCHES = 32
EVERY = ("*",)

log = structlog.get_logger("hakika.feed")


class Published(NamedTuple):
    """One message of a stream: the event's JSON. `number` is 0 for a change of stage, which is no event."""

    number: int
    type: str
    data: bytes


class Wanted(NamedTuple):
    """What one who follows wants: of one mode (`""`: of both), of some types (none named: all but probes)."""

    mode: str = ""
    types: tuple[str, ...] = ()
    stages: bool = False


class Subscription:
    """One who follows the log from a number on."""

    __slots__ = ("_behind", "_feed", "_held", "changed", "cursor", "over", "wanted")

    def __init__(self, feed: "Feed", cursor: int, wanted: Wanted) -> None:
        self._feed, self.cursor, self.wanted = feed, cursor, wanted
        self.changed, self.over, self._behind = asyncio.Event(), False, cursor < feed.number
        self._held: list[Published] = []

    def put(self, message: Published) -> None:
        """Hold a message for it, unless it is too slow: then it finds all of them in the log."""
        if len(self._held) == HELD:
            self._held, self._behind = [], True
        self._held.append(message)
        self.changed.set()

    def wants(self, event: EventRow) -> bool:
        """Whether an event is for it."""
        return (not self.wanted.mode or event.mode == self.wanted.mode) and is_of(event.type, self.wanted.types)

    def end(self) -> None:
        """Nothing more will come."""
        self.over = True
        self.changed.set()

    async def follow(self, beat_ms: int) -> AsyncIterator[Published | None]:
        """Every event that is wanted, once, in order; None after each quiet `beat_ms`. Raises StoreUnavailable."""
        while not self.over:
            while self._behind and not self.over:  # it may fall behind again while it catches up
                async for message in self._catch_up():
                    yield message
            held = self._take()
            for message in held:
                if self._is_next(message):
                    yield message
            if not await self._feed.wait(self.changed, beat_ms):
                yield None

    def _take(self) -> list[Published]:
        if self._behind:
            return []  # it ended amid catching up: before what is held there are events that were not read
        held, self._held = self._held, []
        if not self.over:
            self.changed.clear()
        return held

    def _is_next(self, message: Published) -> bool:
        if message.number == 0:
            return True
        known = message.number <= self.cursor
        self.cursor = max(self.cursor, message.number)
        return not known

    async def _catch_up(self) -> AsyncIterator[Published]:
        """Read up to where the feed is now; what comes meanwhile is held."""
        self._behind, self._held = False, []
        upto = self._feed.number
        try:
            while self.cursor < upto and not self.over:
                page = await self._feed.read(self.cursor, upto, self.wanted)
                for event in page:
                    self.cursor = event.number
                    yield Published(event.number, event.type, encode_event(event))
                if len(page) < PAGE:
                    self.cursor = max(self.cursor, upto)
        finally:
            self._behind = self._behind or self.cursor < upto  # it ended, or the store failed, before all was read


class Feed:
    """Follows the log on behalf of all."""

    def __init__(self, store: Store, notices: Notices, clock: Clock) -> None:
        self._store, self._notices, self._clock = store, notices, clock
        self.number = 0  # all up to this one were handed on
        self._name = ""
        self._known = 0  # the latest that was heard of
        self._early: dict[int, Sequence[EventRow]] = {}
        self._subscriptions: set[Subscription] = set()
        self._moved: deque[str] = deque(maxlen=1_000)
        self._wake = asyncio.Event()
        notices.listen_events(self._take)
        notices.listen_moves(self._tell_moves)
        notices.at_end(self._end)

    # ── following ──────────────────────────────

    async def head(self) -> Head:
        """The end of the log, and the name of its database. Raises StoreUnavailable."""
        return self._note(await self._store.glance(read_head))

    def _note(self, head: Head) -> Head:
        if not self._followed():
            self.number = max(self.number, head.number)
        return head

    async def name(self) -> str:
        """The name of the database, which stands in cursors. Raises StoreUnavailable."""
        self._name = self._name or (await self.head()).store  # it never changes: ten thousand streams read it once
        return self._name

    @contextmanager
    def subscribe(self, cursor: int, wanted: Wanted) -> Iterator[Subscription]:
        """Follow everything after that number. Ask for the `head` first."""
        subscription = Subscription(self, cursor, wanted)
        self._subscriptions.add(subscription)
        self._known = max(self._known, cursor)
        self._wake.set()
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def watch(self, payment_id: str) -> AbstractContextManager[Watch]:
        """What changes of one payment, here or on other nodes."""
        return self._notices.watch(payment_id)

    async def wait(self, event: asyncio.Event, duration_ms: int) -> bool:
        """Wait by the feed's clock."""
        return await self._clock.wait_for(event, duration_ms)

    async def read(self, after: int, upto: int, wanted: Wanted) -> list[EventRow]:
        """Read a page of the log. Raises StoreUnavailable."""
        search = EventSearch(after, upto, wanted.types, wanted.mode, limit=PAGE)
        return await self._store.read(lambda tx: search_events(tx, search))

    # ── being told ──────────────────────────────

    def hear(self, message: str) -> None:
        """Hear what another node tells, see `Dialect.tell_others`; `""`: some of it was missed."""
        kind, _, rest = message.partition(" ")
        if kind == "event" and rest.isdecimal():
            self._known = max(self._known, int(rest))
        elif kind == "stage" and (self._subscriptions or self._notices.all_watched()):
            self._moved.extend(rest.split())
        self._wake.set()

    def _take(self, batch: Sequence[EventRow]) -> None:
        """Take a batch of this process's, just committed."""
        last = batch[-1].number
        self._known = max(self._known, last)
        if not self._followed():
            self.number = max(self.number, last)
            return
        if batch[0].number > self.number + 1:
            if len(self._early) < EARLY_BATCHES:
                self._early[batch[0].number] = batch
            self._wake.set()
            return
        self._hand_on(batch)
        while self._early and (following := self._early.pop(self.number + 1, None)):
            self._hand_on(following)

    def _tell_moves(self, rows: Sequence[PaymentRow]) -> None:
        interested = [one for one in self._subscriptions if one.wanted.stages]
        for row in rows if interested else ():
            mode, message = mode_of(row.environment), Published(0, STAGE, encode_stage(row))
            for subscription in interested:
                if subscription.wanted.mode in {"", mode}:
                    subscription.put(message)

    def _hand_on(self, batch: Sequence[EventRow]) -> None:
        for event in batch:
            if event.number <= self.number:
                continue
            self.number = event.number
            message: Published | None = None
            for subscription in self._subscriptions:
                if subscription.wants(event):
                    message = message or Published(event.number, event.type, encode_event(event))
                    subscription.put(message)

    def _followed(self) -> bool:
        return bool(self._subscriptions or self._notices.all_watched())

    # ── looking ──────────────────────────────

    async def run(self) -> None:
        """Follow until cancelled."""
        listening = asyncio.create_task(self._store.listen(self.hear))
        try:
            while True:
                try:
                    await self.look()
                except StoreUnavailable as error:
                    log.warning("feed_waits", error=str(error))
                except Exception as error:
                    log.error("feed_failed", exc_info=error)
                await self._clock.wait_for(self._wake, LOOK_EVERY_MS)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def look(self) -> None:
        """Hand on whatever is new in the log. Raises StoreUnavailable."""
        self._wake.clear()
        await self._tell_moved()
        head, page = await self._store.glance(partial(_read_on, self.number if self._followed() else None))
        self._note(head)
        while self._followed() and self.number < max(head.number, self._known):
            fresh = [event for event in page if event.number > self.number]
            await self._tell_watchers(fresh)
            self._hand_on(fresh)
            self._early = {first: batch for first, batch in self._early.items() if first > self.number}
            if len(page) < PAGE:
                break
            page = await self._store.read(partial(_read_page, self.number))

    async def _tell_watchers(self, events: Sequence[EventRow]) -> None:
        """Hand what another node concluded to those who wait for it here."""
        numbers = {event.payment: event.number for event in events if self._notices.watched(event.payment)}
        if numbers:
            for row in await self._store.glance(lambda tx: find_payments(tx, list(numbers))):
                self._notices.hand(row, numbers[row.id])

    async def _tell_moved(self) -> None:
        """Hand changes of stage that another node made to those who want them here."""
        moved = list(dict.fromkeys(self._moved))
        self._moved.clear()
        if not any(one.wanted.stages for one in self._subscriptions):
            moved = [one for one in moved if self._notices.watched(one)]
        if moved:
            rows = await self._store.glance(lambda tx: find_payments(tx, moved))
            self._tell_moves(rows)
            for row in rows:
                self._notices.hand(row)

    def _end(self) -> None:
        for subscription in self._subscriptions:
            subscription.end()


def _read_on(after: int | None, tx: Transaction) -> tuple[Head, list[EventRow]]:
    """The end of the log; and what comes after a number, if anybody wants it."""
    head = read_head(tx)
    return head, _read_page(after, tx) if after is not None and head.number > after else []


def _read_page(after: int, tx: Transaction) -> list[EventRow]:
    return search_events(tx, EventSearch(after, types=EVERY, limit=PAGE))
