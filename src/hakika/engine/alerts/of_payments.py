"""Rules about payments that need a person: pending for long, unresolved, mispaid, frozen."""

from hakika.engine.alerts.hours import spell
from hakika.engine.alerts.rule import Figures, Rule, Sign, State, Threshold, Thresholds
from hakika.store.alerts.figures import Trouble, Troubles

_WITHIN = {
    "within_days": Threshold(7, 1, 365, "Only those that became so within these days: what you live with is not told.")
}


def _judge_pending(figures: Figures, thresholds: Thresholds) -> list[Sign]:
    minutes = thresholds["minutes"]
    return _signs(figures, figures.pending, f"pending for more than {minutes} min")


def _judge_unresolved(figures: Figures, _: Thresholds) -> list[Sign]:
    return _signs(figures, figures.unresolved, "unresolved")


def _judge_mispaid(figures: Figures, _: Thresholds) -> list[Sign]:
    return _signs(figures, figures.mispaid, "mispaid")


def _judge_frozen(figures: Figures, _: Thresholds) -> list[Sign]:
    return _signs(figures, figures.frozen, "frozen: an invariant is broken")


def _signs(figures: Figures, troubles: Troubles, what: str) -> list[Sign]:
    return [_sign(figures.name(account), account, trouble, what) for account, trouble in troubles.items()]


def _sign(name: str, account: str, trouble: Trouble, what: str) -> Sign:
    payments = "payment is" if trouble.number == 1 else "payments are"
    summary = f"{trouble.number} {payments} {what} ({name}), the first since {spell(trouble.since_ms)}."
    return Sign(account, State.HOLDS, summary, trouble.number, trouble.since_ms, trouble.first, {"account": name})


PENDING_LONG = Rule(
    name="pending-long",
    severity="critical",
    title="Payments stay pending",
    meaning=(
        "Nobody knows yet whether these payers paid: do not ask them again, and do not tell them that it failed. "
        "Hakika goes on asking M-Pesa."
    ),
    cure="See whether Daraja can be reached and whether callbacks arrive.",
    hint="hakika doctor",
    thresholds={"minutes": Threshold(5, 1, 1440, "Pending for longer than this.")},
    judge=_judge_pending,
)

UNRESOLVED = Rule(
    name="unresolved",
    severity="critical",
    title="Payments are unresolved",
    meaning="Every automatic means is used up. The money may have arrived: only the M-Pesa statement says so.",
    cure="Look each of them up on the M-Pesa statement, and say what you found with `hakika resolve`.",
    hint="hakika explain ID",
    thresholds=_WITHIN,
    judge=_judge_unresolved,
)

MISPAID = Rule(
    name="mispaid",
    severity="warning",
    title="Money arrived that is not the money asked for",
    meaning="You hold this money, and the payment is not settled by it: somebody paid too little or too much.",
    cure="Compare the amount received with the amount asked; then ask for the rest, or give the money back.",
    hint="hakika explain ID",
    thresholds=_WITHIN,
    judge=_judge_mispaid,
)

INVARIANT_BROKEN = Rule(
    name="invariant-broken",
    severity="critical",
    title="A payment broke a rule that holds for all",
    meaning="It is frozen as it was: nothing changes it any more, and what is shown of it may be wrong.",
    cure="Keep the database as it is, run `hakika verify`, and report what it says.",
    hint="hakika explain ID",
    thresholds={},
    judge=_judge_frozen,
)
