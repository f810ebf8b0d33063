"""The lookout: every half minute one node reads the figures, judges them, and records what becomes of the alerts.

All that it knows is in the store: whoever looks next, after a restart or on another node, goes on where it stopped.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

import msgspec
import structlog

from hakika.domain.errors import StoreUnavailable
from hakika.domain.events import EventType
from hakika.domain.schedule import HOUR_MS, MINUTE_MS, SECOND_MS
from hakika.engine.alerts.judging import Key, judge
from hakika.engine.alerts.lifecycle import Step, begin, go_on
from hakika.engine.alerts.reading import Before, read_figures
from hakika.engine.alerts.rule import Certificate, Disk, Sign, State
from hakika.engine.alerts.rulebook import MODES, RULES, read_settings
from hakika.engine.alerts.showing import show_alert
from hakika.engine.clock import Clock
from hakika.engine.ids import Entropy, make_id
from hakika.engine.live.notices import Notices
from hakika.store.alerts.records import (
    OPEN,
    AlertRow,
    count_opened_since,
    insert_alert,
    list_alerts_since,
    list_open_alerts,
    take_turn,
    write_alert,
)
from hakika.store.events import EventRow, EventStatements, publish
from hakika.store.opening import Store
from hakika.store.transaction import Transaction
from hakika.store.webhooks.deliveries import forget_delivery

log = structlog.get_logger("hakika.alerts")

T = TypeVar("T")

LOOK_EVERY_MS = 30 * SECOND_MS
CERTIFICATE_EVERY_MS = HOUR_MS
CERTIFICATE_IN_TROUBLE_EVERY_MS = 5 * MINUTE_MS  # while it is, so that a renewed one is seen soon
MEASURED_WITHIN_S = 10.0
DAY_MS = 24 * HOUR_MS
COVERS_FOR_MS = 70 * MINUTE_MS
"""After an outage the figures of the last hour still show it: what covered them covers them so long."""

WORDS = {EventType.ALERT_OPENED: "opened", EventType.ALERT_CLOSED: "closed"}


async def measure_nothing() -> None:
    """Say that nothing could be measured."""


class Measures(NamedTuple):
    """What is measured outside the store; None says that it cannot be."""

    certificate: Callable[[], Awaitable[Certificate | None]] = measure_nothing
    disk: Callable[[], Awaitable[Disk | None]] = measure_nothing


NOTHING = Measures()


class Verdict(NamedTuple):
    """What was found of one mode. A rule that is absent was turned off."""

    mode: str
    signs: Mapping[Key, Sign]
    active: frozenset[str]


class Lookout:
    """Looks, and tells."""

    def __init__(
        self, store: Store, notices: Notices, clock: Clock, entropy: Entropy, measures: Measures = NOTHING
    ) -> None:
        self._store, self._notices, self._clock, self._entropy = store, notices, clock, entropy
        self._measures, self._events = measures, EventStatements(store.dialect)
        self._certificate: Certificate | None = None
        self._certificate_due_ms = 0
        self._before = Before()
        self.beat_at_ms = 0  # when the loop last went round

    async def run(self) -> None:
        """Look until cancelled. Where the database is away nothing is forgotten: it is looked at again."""
        while True:
            self.beat_at_ms = self._clock()
            try:
                await self.run_once()
            except StoreUnavailable as error:
                log.warning("alerts_wait", error=str(error))
            except Exception as error:
                log.error("alerts_failed", exc_info=error)
            await asyncio.sleep(self._clock.seconds(LOOK_EVERY_MS))

    async def run_once(self) -> Counter[str]:
        """Look now, if it is this node's turn. → how often what was done: opened, repeated, closed."""
        if not await self._store.write(lambda tx: take_turn(tx, self._clock(), LOOK_EVERY_MS)):
            return Counter()
        certificate, disk = await self._measure_certificate(), await _measure(self._measures.disk, "disk")
        now_ms = self._clock()
        verdicts = await self._store.read(partial(self._judge, now_ms, certificate, disk))
        steps, events = await self._store.write(partial(self._settle, now_ms, verdicts))
        self._notices.tell_events(events)
        return self._log(steps)

    # ── looking ──────────────────────────────

    def _judge(self, now_ms: int, certificate: Certificate | None, disk: Disk | None, tx: Transaction) -> list[Verdict]:
        tx.hold_snapshot()
        recent = list_alerts_since(tx, now_ms - COVERS_FOR_MS)
        verdicts = []
        for mode in MODES:
            settings = read_settings(tx, mode)
            figures = read_figures(tx, mode, settings, now_ms, self._before)
            signs: Mapping[Key, Sign] = {}
            if figures is not None:
                lately = {Key(row.rule, row.subject) for row in recent if row.mode == mode}
                opened = {Key(row.rule, row.subject) for row in recent if row.mode == mode and row.status == OPEN}
                signs = judge(figures.measured(certificate, disk), settings, opened, lately)
            active = frozenset(name for name, setting in settings.items() if setting.active)
            verdicts.append(Verdict(mode, signs, active))
        return verdicts

    async def _measure_certificate(self) -> Certificate | None:
        now_ms = self._clock()
        if now_ms >= self._certificate_due_ms:
            measured = self._certificate = await _measure(self._measures.certificate, "certificate")
            troubled = measured is None or measured.trouble or measured.days_left < 90
            every_ms = CERTIFICATE_IN_TROUBLE_EVERY_MS if troubled else CERTIFICATE_EVERY_MS
            self._certificate_due_ms = now_ms + every_ms
        return self._certificate

    # ── recording ──────────────────────────────

    def _settle(self, now_ms: int, verdicts: Sequence[Verdict], tx: Transaction) -> tuple[list[Step], list[EventRow]]:
        """Bring all alerts up to date: what is open is read again under a lock, so that one node opens it."""
        tx.lock_name("alerts")
        opened = {(row.mode, Key(row.rule, row.subject)): row for row in list_open_alerts(tx)}
        steps = []
        for verdict in verdicts:
            rows = {key: row for (mode, key), row in opened.items() if mode == verdict.mode}
            steps += [self._go_on(tx, row, verdict, now_ms) for row in rows.values()]
            for key, sign in verdict.signs.items():
                if key not in rows and sign.state is State.HOLDS:
                    step = begin(make_id("alr", now_ms, self._entropy), verdict.mode, key, sign, now_ms)
                    insert_alert(tx, step.row)
                    steps.append(step)
        return steps, self._publish(tx, steps, now_ms)

    def _go_on(self, tx: Transaction, row: AlertRow, verdict: Verdict, now_ms: int) -> Step:
        well = Sign(row.subject, State.WELL)
        sign = verdict.signs.get(Key(row.rule, row.subject), well) if row.rule in verdict.active else None
        step = go_on(row, sign, now_ms, lambda: count_opened_since(tx, row, row.opened_at_ms - DAY_MS))
        if step.row != row:
            write_alert(tx, step.row)
        return step

    def _publish(self, tx: Transaction, steps: Sequence[Step], now_ms: int) -> list[EventRow]:
        told = [step for step in steps if step.event is not None]
        unnumbered = [
            EventRow(
                number=0,
                id=make_id("evt", now_ms, self._entropy),
                payment="",
                type=str(step.event),
                sequence=0,
                at_ms=now_ms,
                snapshot=msgspec.json.encode(show_alert(step.row)).decode(),
                mode=step.row.mode,
            )
            for step in told
        ]
        published = publish(tx, self._events, unnumbered)
        for step, event in zip(told, published, strict=True):
            if step.row.subject.startswith("ep_"):
                forget_delivery(tx, event.number, step.row.subject)  # to itself
        return published

    def _log(self, steps: Sequence[Step]) -> Counter[str]:
        done: Counter[str] = Counter()
        for step in steps:
            if step.event is None:
                continue
            word = "repeated" if step.event is EventType.ALERT_OPENED and step.row.told > 1 else WORDS[step.event]
            done[word] += 1
            say = log.info if word == "closed" else log.warning
            say(f"alert_{word}", alert=step.row.id, rule=step.row.rule, mode=step.row.mode, summary=step.row.summary)
        return done


async def _measure(measure: Callable[[], Awaitable[T | None]], what: str) -> T | None:
    """What is measured now; None where that fails or hangs: an alert hangs on nothing."""
    try:
        async with asyncio.timeout(MEASURED_WITHIN_S):
            return await measure()
    except Exception as error:  # noqa: BLE001 - whatever a measure raises, the other rules are judged
        log.warning("not_measured", what=what, error=f"{type(error).__name__}: {error}")
        return None


assert all(name in RULES for rule in RULES.values() for name in rule.covered_by)
