"""Rules about how many payments succeed: far fewer than at these hours before, or hardly any."""

from hakika.engine.alerts.hours import OPENING, is_open
from hakika.engine.alerts.rule import Figures, Rule, Sign, State, Threshold, Thresholds
from hakika.store.alerts.figures import Tally


def _judge_rate(figures: Figures, thresholds: Thresholds) -> list[Sign]:
    return [_compare(figures, account, thresholds) for account in figures.accounts]


def _compare(figures: Figures, account: str, thresholds: Thresholds) -> Sign:
    lately, before = figures.lately.get(account, Tally()), figures.before.get(account, Tally())
    if min(lately.ended, before.ended) < thresholds["payments"]:
        return Sign(account, State.UNKNOWN)
    now, usual = 100 * lately.paid / lately.ended, 100 * before.paid / before.ended
    if now > usual - thresholds["points"]:
        return Sign(account, State.WELL)
    name = figures.name(account)
    summary = (
        f"{now:.0f} % of the payments of the last {thresholds['minutes']} min succeeded ({name}); "
        f"at these hours of the week before {usual:.0f} % did."
    )
    seen = {"account": name, "percent": round(now), "percent_before": round(usual)}
    return Sign(account, State.HOLDS, summary, lately.ended - lately.paid, seen=seen)


def _judge_few(figures: Figures, thresholds: Thresholds) -> list[Sign]:
    working = is_open(figures.now_ms, thresholds["from_hour"], thresholds["to_hour"])
    return [_count(figures, account, thresholds, working=working) for account in figures.accounts]


def _count(figures: Figures, account: str, thresholds: Thresholds, *, working: bool) -> Sign:
    tally, name = figures.succeeding.get(account, Tally()), figures.name(account)
    if tally.paid >= thresholds["successes"]:
        return Sign(account, State.WELL)
    if not working or tally.asked < thresholds["asked"]:
        return Sign(account, State.UNKNOWN)
    summary = f"{tally.paid} of {tally.asked} payments in {thresholds['minutes']} min succeeded ({name})."
    seen = {"account": name, "paid": tally.paid, "asked": tally.asked}
    return Sign(account, State.HOLDS, summary, tally.asked - tally.paid, seen=seen)


SUCCESS_RATE = Rule(
    name="success-rate",
    severity="warning",
    title="Far fewer payments succeed than usual",
    meaning="No money is lost: these payments ended without any. But payers who want to pay do not get through.",
    cure="See which result codes they end with: `hakika payments --status failed` names each one's reason.",
    hint="hakika doctor",
    thresholds={
        "points": Threshold(25, 1, 100, "So many percentage points below."),
        "payments": Threshold(20, 1, 5_000, "With at least so many payments ended, now and then."),
        "minutes": Threshold(60, 5, 1440, "Of so long a time, ending five minutes ago."),
    },
    judge=_judge_rate,
    covered_by=("pending-long", "callbacks-silent", "successes-few"),
)

SUCCESSES_FEW = Rule(
    name="successes-few",
    severity="critical",
    title="Hardly any payment succeeds",
    meaning="No money is lost: no payment ends with money. Payers are asked, and none gets through.",
    cure="Ask your own phone for KES 1, and see what it ends with: `hakika pay` says so in words.",
    hint="hakika doctor",
    thresholds={
        "successes": Threshold(1, 1, 100_000, "Fewer successes than this."),
        "minutes": Threshold(30, 1, 1440, "Within so long a time, ending two minutes ago."),
        "asked": Threshold(10, 0, 5_000, "While at least so many were asked for; 0: also while nobody asks."),
        **OPENING,
    },
    judge=_judge_few,
    covered_by=("pending-long", "callbacks-silent"),
)
