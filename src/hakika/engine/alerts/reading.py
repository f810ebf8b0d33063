"""Reading the figures for all rules of one mode. What is slow to change is read once in a while."""

from collections.abc import Mapping

from hakika.domain.schedule import HOUR_MS, MINUTE_MS
from hakika.engine.alerts.rule import Figures
from hakika.engine.alerts.rulebook import Setting
from hakika.engine.representation import mode_of
from hakika.store.accounts import AccountRow, list_accounts
from hakika.store.alerts.figures import (
    Tally,
    Trouble,
    count_unread,
    list_failing_endpoints,
    read_budgets,
    read_frozen,
    read_pending,
    read_troubled,
    tally,
)
from hakika.store.transaction import Transaction

DAY_MS = 24 * HOUR_MS
SETTLING_MS = 2 * MINUTE_MS
"""A payment so young may well be called back, or succeed, soon."""
ENDING_MS = 5 * MINUTE_MS
"""Nearly all payments have ended after so long: those of success-rate are at least so old."""
WEEK_DAYS = 7
BEFORE_KEPT_MS = 10 * MINUTE_MS


class Before:
    """The figures of the week before, at these hours: read anew every ten minutes."""

    def __init__(self) -> None:
        self._read: dict[int, tuple[int, dict[str, Tally]]] = {}

    def read(self, tx: Transaction, now_ms: int, minutes: int) -> dict[str, Tally]:
        """Account → its tally of seven times so many minutes."""
        read_at_ms, found = self._read.get(minutes, (0, {}))
        if not read_at_ms or not 0 <= now_ms - read_at_ms < BEFORE_KEPT_MS:
            found = _sum(tx, now_ms - ENDING_MS, minutes)
            self._read = {minutes: (now_ms, found)}
        return found


def _sum(tx: Transaction, until_ms: int, minutes: int) -> dict[str, Tally]:
    whole: dict[str, Tally] = {}
    for days in range(1, WEEK_DAYS + 1):
        end_ms = until_ms - days * DAY_MS
        for account, counted in tally(tx, end_ms - minutes * MINUTE_MS, end_ms).items():
            so_far = whole.get(account, Tally())
            whole[account] = Tally._make(map(sum, zip(so_far, counted, strict=True)))
    return whole


def read_figures(
    tx: Transaction, mode: str, settings: Mapping[str, Setting], now_ms: int, before: Before
) -> Figures | None:
    """The figures of one mode; None where it has no account and shares nothing."""
    every = list_accounts(tx)
    ours = [row for row in every if mode_of(row.environment) == mode]
    whole = mode == ("live" if any(_is_live(row) for row in every) else "test")
    if not ours and not whole:
        return None

    troubles = _read_troubles(tx, ours, settings, now_ms)

    def minutes(rule: str) -> int:
        return settings[rule].thresholds["minutes"]

    def count(rule: str, ending_ms: int = 0) -> dict[str, Tally]:
        return tally(tx, now_ms - ending_ms - minutes(rule) * MINUTE_MS, now_ms - ending_ms)

    return Figures(
        now_ms=now_ms,
        mode=mode,
        accounts={row.id: row.name for row in ours if row.active},
        pending=troubles["pending"],
        unresolved=troubles["unresolved"],
        mispaid=troubles["mispaid"],
        frozen=troubles["frozen"],
        called=count("callbacks-silent", SETTLING_MS),
        lately=count("success-rate", ENDING_MS),
        before=before.read(tx, now_ms, minutes("success-rate")),
        succeeding=count("successes-few", SETTLING_MS),
        reading=count("callback-errors") if whole else {},
        unread=count_unread(tx, now_ms - minutes("callback-errors") * MINUTE_MS) if whole else 0,
        budgets=read_budgets(tx),
        endpoints=tuple(one for one in list_failing_endpoints(tx) if one.mode == mode),
        whole=whole,
    )


def _is_live(row: AccountRow) -> bool:
    return bool(row.active) and mode_of(row.environment) == "live"


def _read_troubles(
    tx: Transaction, accounts: list[AccountRow], settings: Mapping[str, Setting], now_ms: int
) -> dict[str, dict[str, Trouble]]:
    """What is in trouble, also of accounts that were turned off: its money is still to be found."""
    pending_ms = now_ms - settings["pending-long"].thresholds["minutes"] * MINUTE_MS
    found: dict[str, dict[str, Trouble]] = {"pending": {}, "unresolved": {}, "mispaid": {}, "frozen": {}}
    for row in accounts:
        since_ms = {
            status: now_ms - settings[status].thresholds["within_days"] * DAY_MS for status in ("unresolved", "mispaid")
        }
        read = {
            "pending": read_pending(tx, row.id, pending_ms),
            "unresolved": read_troubled(tx, row.id, "unresolved", since_ms["unresolved"]),
            "mispaid": read_troubled(tx, row.id, "mispaid", since_ms["mispaid"]),
            "frozen": read_frozen(tx, row.id),
        }
        for kind, trouble in read.items():
            if trouble is not None:
                found[kind][row.id] = trouble
    return found
