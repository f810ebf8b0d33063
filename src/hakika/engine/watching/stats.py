"""How payments fare: how many are paid, when, why not, and how soon that is certain. Days and hours are Nairobi's.

A period is summed up day by day, each in a reading transaction of its own, so that none is long.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from hakika.daraja.codes import look_up
from hakika.domain.errors import InvalidRequest
from hakika.domain.kenya import AHEAD_OF_UTC_MS
from hakika.domain.payment import DECLINED, Status
from hakika.engine.representation import iso
from hakika.store.transaction import Transaction
from hakika.store.watching.stats import (
    HOUR_MS,
    UNCERTAIN,
    Kind,
    Span,
    count_kinds,
    find_account_id,
    spread_certainty,
)

DAY_MS: Final = 24 * HOUR_MS
USUAL_DAYS: Final = 7
MOST_DAYS: Final = 92
"""The longest three months: a statement for each day, so a bound for what one request may read."""
EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)
_EPOCH = date(1970, 1, 1).toordinal()

REASONS: Mapping[str, str] = {
    Status.MISPAID: "Money came that is not the money asked for: a person decides.",
    Status.REVERSED: "It was paid, and the money went back.",
    Status.UNRESOLVED: "Nobody could say what became of it: look at the statement, then resolve it.",
}
"""What to know of an end that is no decline."""


class Period(NamedTuple):
    """Days in Nairobi, both included."""

    first: date
    last: date

    def days(self) -> list[date]:
        """Each day, the first first."""
        return [date.fromordinal(number) for number in range(self.first.toordinal(), self.last.toordinal() + 1)]


def read_period(first: date | None, last: date | None, days: int | None, now_ms: int) -> Period:
    """The period that is asked for: seven days up to today, unless it says otherwise. Raises InvalidRequest."""
    if first and days:
        raise InvalidRequest("Say `from` or `days`, not both.", field="days")
    last = last or date.fromordinal(_EPOCH + (now_ms + AHEAD_OF_UTC_MS) // DAY_MS)
    if not EARLIEST <= last <= LATEST:
        raise InvalidRequest(f"`to` is a day from {EARLIEST} to {LATEST}.", field="to")
    first = first or date.fromordinal(last.toordinal() + 1 - (days or USUAL_DAYS))
    if first > last:
        raise InvalidRequest(f"`from` ({first}) is after `to` ({last}).", field="from")
    if last.toordinal() - first.toordinal() >= MOST_DAYS:
        raise InvalidRequest(f"A period has at most {MOST_DAYS} days.", field="from")
    return Period(first, last)


class Day(NamedTuple):
    """What the store says of one day."""

    day: date
    kinds: list[Kind]
    spread: dict[int, int]


def find_account(tx: Transaction, name: str) -> str:
    """The id of an account by id or name; `""` for all of them. Raises InvalidRequest."""
    found = find_account_id(tx, name) if name else ""
    if name and not found:
        raise InvalidRequest(f"There is no account {name!r}.", field="account")
    return found


def read_day(tx: Transaction, day: date, mode: str, account: str) -> Day:
    """Read one day."""
    tx.hold_snapshot()
    from_ms = (day.toordinal() - _EPOCH) * DAY_MS - AHEAD_OF_UTC_MS
    span = Span(mode, account, from_ms, from_ms + DAY_MS)
    return Day(day, count_kinds(tx, span), spread_certainty(tx, span))


class _Share:
    """Payments of one day, one hour of the day, or all."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.asked = 0
        self.received: Counter[str] = Counter()  # by status

    def add(self, kind: Kind) -> None:
        self.statuses[kind.status] += kind.payments
        self.asked += kind.asked
        self.received[kind.status] += kind.received

    def show(self) -> dict[str, Any]:
        asked, completed = self.statuses.total(), self.statuses[Status.COMPLETED]
        known = asked - sum(self.statuses[status] for status in UNCERTAIN)
        rate = round(completed / known, 4) if known else None
        return {"asked": asked, "known": known, "completed": completed, "success_rate": rate}


def show_stats(days: list[Day], period: Period, mode: str, account: str, now_ms: int) -> dict[str, Any]:
    """All of it, in its public shape. `account`: as it was asked for, or `""`."""
    whole, spread, reasons = _Share(), Counter[int](), Counter[tuple[str, str]]()
    by_day, by_hour = {day: _Share() for day in period.days()}, {hour: _Share() for hour in range(24)}
    for day in days:
        spread.update(day.spread)
        for kind in day.kinds:
            for share in (whole, by_day[day.day], by_hour[kind.hour % 24]):
                share.add(kind)
            reasons[kind.status, kind.code if kind.status in DECLINED else ""] += kind.payments
    return {
        "object": "stats",
        "mode": mode,
        "account": account or None,
        "from": period.first.isoformat(),
        "to": period.last.isoformat(),
        "time_zone": "Africa/Nairobi",
        "at": iso(now_ms),
        "payments": {**whole.show(), "statuses": {status.value: whole.statuses[status] for status in Status}},
        "amounts": {
            "asked": whole.asked,
            "completed": whole.received[Status.COMPLETED],
            "mispaid": whole.received[Status.MISPAID],
            "reversed": whole.received[Status.REVERSED],
        },
        "time_to_certainty": _show_spread(spread),
        "by_day": [{"day": day.isoformat(), **_show_paid(share)} for day, share in by_day.items()],
        "by_hour": [{"hour": hour, **_show_paid(share)} for hour, share in by_hour.items()],
        "by_reason": list(_show_reasons(reasons, whole.statuses.total())),
    }


def _show_paid(share: _Share) -> dict[str, Any]:
    return {**share.show(), "amount_completed": share.received[Status.COMPLETED]}


def _show_spread(spread: Mapping[int, int]) -> dict[str, Any]:
    number = sum(spread.values())
    return {"payments": number, "p50_s": _rank(spread, number, 50), "p99_s": _rank(spread, number, 99)}


def _rank(spread: Mapping[int, int], number: int, percent: int) -> float | None:
    """The time within which so many per cent were certain: of the nearest rank, so one that did occur."""
    needed, seen = -(-number * percent // 100), 0
    for took_ms, payments in sorted(spread.items()):
        seen += payments
        if seen >= needed:
            return took_ms / 1000
    return None


def _show_reasons(reasons: Mapping[tuple[str, str], int], asked: int) -> Iterator[dict[str, Any]]:
    """Why what is not paid is not paid, the most frequent first."""
    for (status, code), payments in sorted(reasons.items(), key=lambda reason: (-reason[1], reason[0])):
        if status in {Status.COMPLETED, Status.PENDING}:
            continue
        yield {
            "status": status,
            "code": code or None,
            "payments": payments,
            "share": round(payments / asked, 4),
            "advice": REASONS.get(status) or look_up(code).advice,
        }
