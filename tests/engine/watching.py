"""Looking out on a till, in handed-in time: what is opened, told again and closed."""

from collections import Counter
from typing import Any

import msgspec

from hakika.engine.alerts.lookout import NOTHING, Lookout, Measures
from hakika.engine.alerts.rulebook import Rulebook
from hakika.store.alerts.records import AlertFilter, AlertRow, list_alerts
from hakika.store.events import EventRow, EventSearch, search_events
from hakika.store.payments import PaymentRow
from tests.engine.till import HeldClock, Till


class Watched:
    """A till with somebody who looks out."""

    def __init__(self, till: Till, measures: Measures = NOTHING) -> None:
        self.till, self.clock = till, till.clock
        self.lookout = Lookout(till.store, till.notices, till.clock, till.entropy, measures)

    async def look(self, *, after_s: float = 30) -> Counter[str]:
        """Let time pass, and look."""
        self.clock.pass_s(after_s)
        return await self.lookout.run_once()

    async def watch(self, minutes: float) -> Counter[str]:
        """Look often for so long: half a minute apart, or where that is long, a twelfth of it. → all that was done."""
        done: Counter[str] = Counter()
        looks = min(12, int(minutes * 2))
        for _ in range(looks):
            done += await self.look(after_s=minutes * 60 / looks)
        return done

    async def alerts(self, **wanted: Any) -> list[AlertRow]:
        """The alerts, the newest first."""
        return await self.till.store.read(lambda tx: list_alerts(tx, AlertFilter(limit=100, **wanted)))

    async def open_rules(self) -> list[str]:
        """The rules of the alerts that are open, in the order of the alphabet."""
        return sorted(row.rule for row in await self.alerts(status="open"))

    async def events(self) -> list[EventRow]:
        """The events of alerts, in order."""
        search = EventSearch(0, types=("alert.*",), limit=500)
        return await self.till.store.read(lambda tx: search_events(tx, search))

    async def told(self) -> list[tuple[str, str, int]]:
        """What was told: the word, the rule, how often."""
        return [
            (event.type.removeprefix("alert."), alert["rule"], alert["told"])
            for event in await self.events()
            for alert in [msgspec.json.decode(event.snapshot)]
        ]

    async def set_rule(self, name: str, *, active: bool | None = None, **thresholds: int | None) -> None:
        """Change a rule of test mode."""
        rulebook = Rulebook(self.clock)
        await self.till.store.write(lambda tx: rulebook.change(tx, "test", name, active, thresholds))

    async def spoil(self, row: PaymentRow, status: str = "unresolved", **values: Any) -> None:
        """Have a payment end so."""
        fields = {"status": status, "stage": "settled", "due_at_ms": None, "updated_at_ms": self.clock()} | values
        await self.till.spoil(row, **fields)


def set_hour(clock: HeldClock, hour: float) -> None:
    """Let it be that hour in Nairobi, later today or tomorrow."""
    now_hour = (clock() / 3_600_000 + 3) % 24
    clock.pass_s(((hour - now_hour) % 24) * 3600)


async def pend(watched: Watched, count: int = 1, **changes: Any) -> list[Any]:
    """Have so many payments pend, and nothing else be told of them."""
    return [await watched.till.ask(**changes) for _ in range(count)]
