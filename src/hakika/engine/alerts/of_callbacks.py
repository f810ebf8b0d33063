"""Rules about callbacks: they stopped, or cannot be read."""

from hakika.engine.alerts.hours import OPENING, is_open
from hakika.engine.alerts.rule import Figures, Rule, Sign, State, Threshold, Thresholds
from hakika.store.alerts.figures import Tally


def _judge_silence(figures: Figures, thresholds: Thresholds) -> list[Sign]:
    working = is_open(figures.now_ms, thresholds["from_hour"], thresholds["to_hour"])
    return [_hear(figures, account, thresholds, working=working) for account in figures.accounts]


def _hear(figures: Figures, account: str, thresholds: Thresholds, *, working: bool) -> Sign:
    tally, name = figures.called.get(account, Tally()), figures.name(account)
    if tally.called_back:
        return Sign(account, State.WELL)
    if not working or tally.prompted < thresholds["pushes"]:
        return Sign(account, State.UNKNOWN)
    minutes = thresholds["minutes"]
    summary = f"No callback in {minutes} min ({name}), while {tally.prompted} phones were prompted."
    seen = {"account": name, "minutes": minutes}
    return Sign(account, State.HOLDS, summary, tally.prompted, seen=seen)


def _judge_errors(figures: Figures, thresholds: Thresholds) -> list[Sign]:
    if not figures.whole:
        return []
    read = sum(tally.called_back for tally in figures.reading.values())
    unread, minutes = figures.unread, thresholds["minutes"]
    if unread < thresholds["errors"] or unread * 100 <= (read + unread) * thresholds["percent"]:
        return [Sign("", State.WELL)]
    summary = f"{unread} of {read + unread} callbacks in {minutes} min could not be read, or are about no payment."
    return [Sign("", State.HOLDS, summary, unread, seen={"callbacks": read + unread, "minutes": minutes})]


CALLBACKS_SILENT = Rule(
    name="callbacks-silent",
    severity="critical",
    title="No callback arrives",
    meaning=(
        "Payments still end, because Hakika asks M-Pesa by itself; but later, without receipts, and at the cost of "
        "queries."
    ),
    cure="See whether the callback URL can be reached from outside: name, certificate, proxy, tunnel.",
    hint="hakika doctor --callback",
    thresholds={
        "minutes": Threshold(60, 5, 1440, "No callback for so long."),
        "pushes": Threshold(3, 1, 10_000, "While at least so many phones were prompted."),
        **OPENING,
    },
    judge=_judge_silence,
)

CALLBACK_ERRORS = Rule(
    name="callback-errors",
    severity="warning",
    title="Callbacks come that say nothing",
    meaning="What they said is kept, and counts for no payment: the payments that they are about end by queries.",
    cure="Look at what came with `hakika quarantine list`: another system's callbacks, or a proxy that changes them.",
    hint="hakika doctor",
    thresholds={
        "percent": Threshold(5, 0, 100, "More than this share of the callbacks."),
        "errors": Threshold(3, 1, 100_000, "And at least so many."),
        "minutes": Threshold(60, 5, 1440, "Within this time."),
    },
    judge=_judge_errors,
    subjects="",
)
