"""Daraja is not called more often than it likes."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.daraja import Asked, each_account
from hakika.doctor.ground import Ground
from hakika.doctor.looking import Unseen, count_things, look_in, spell_age
from hakika.domain.budget import Budget
from hakika.domain.schedule import HOUR_MS
from hakika.engine.budgets import Budgets
from hakika.store.alerts.signs import list_answers
from hakika.store.transaction import Transaction

REDUCED_SHARE = 0.5
_SIGNS = ("500.003.02", "500.003.03", "spike arrest", "spikearrest", "quotaviolation", '"code":"429"')


async def look(ground: Ground) -> list[Finding]:
    """What is left of each account's budget, and how often Daraja said lately that it is too much."""
    if ground.store is None or ground.accounts is None:
        raise Unseen("Budgets are kept in the database, which cannot be read.")
    budgets = Budgets(ground.store, ground.accounts, ground.clock)

    async def judge(account: Asked) -> Finding:
        if not account.id:
            return Finding(
                Outcome.SKIPPED, "The account of the settings is not in the database yet: nothing was spent."
            )

        def job(tx: Transaction) -> tuple[Budget, int]:
            since_ms = ground.clock() - HOUR_MS
            told = [*list_answers(tx, "push", since_ms), *list_answers(tx, "query", since_ms)]
            return budgets.read(tx, account.id), sum(
                owner == account.id and any(sign in reading.lower() for sign in _SIGNS) for owner, reading in told
            )

        return _judge(*await look_in(ground, job), ground.clock())

    return await each_account(ground, judge)


def _judge(budget: Budget, arrests: int, now_ms: int) -> Finding:
    evidence = (
        f"{budget.rate:.0f} of {budget.full_rate:g} calls a minute, "
        f"at most {min(budget.rate, budget.query_limit):.0f} of them queries."
    )
    if budget.shrunk_at_ms:
        evidence += f" Daraja last complained {spell_age(now_ms - budget.shrunk_at_ms)} ago."
    if arrests:
        evidence += f" In the last hour {count_things(arrests, 'answer')} said “spike arrest”, “busy” or “quota”."
    slowed = budget.rate < REDUCED_SHARE * budget.full_rate
    return Finding(Outcome.WARNING if slowed or arrests else Outcome.OK, evidence)


CHECK = Check(
    name="daraja.budget",
    area=Area.DARAJA,
    title="Daraja does not say that it is called too often",
    meaning=(
        "Daraja refuses calls above a rate that it does not publish (spike arrest, quota, “System is busy”), and in an "
        "outage answers HTTP 503. Hakika halves its own rate then, and grows back by a tenth a minute: prompts leave "
        "later, and certainty by query comes later. What was refused before processing is sent again; no money is in "
        "doubt."
    ),
    cure=(
        "Where daraja.reachable fails as well, wait: that is an outage. Else see that nothing else calls Daraja with "
        "the same app, and ask Safaricom for a higher rate, or set HAKIKA_CALLS_PER_MINUTE to what it allows."
    ),
    look=look,
)
