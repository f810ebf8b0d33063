"""For each prompt a callback comes: over the last hour, and where that is too little over the last day."""

from hakika.config import NOWHERE
from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import DAY_MS, Unseen, count_things, look_in
from hakika.domain.schedule import HOUR_MS, MINUTE_MS
from hakika.store.alerts.signs import Called, count_called_back

ENOUGH = 3  # prompts: fewer say nothing
SETTLED_MS = 2 * MINUTE_MS  # after the prompt: by then a callback has come, if one comes
WELL = 0.8


async def look(ground: Ground) -> list[Finding]:
    """Account by account."""
    now_ms = ground.clock()
    until_ms = now_ms - SETTLED_MS
    days = await look_in(ground, lambda tx: count_called_back(tx, now_ms - DAY_MS, until_ms))
    if not days:
        raise Unseen("Nobody was prompted within a day; the last two minutes do not count yet.")
    hours = {
        one.account: one for one in await look_in(ground, lambda tx: count_called_back(tx, now_ms - HOUR_MS, until_ms))
    }
    names = {account.id: account.name for account in (ground.accounts.known() if ground.accounts else ())}
    return [
        _judge(ground, names.get(one.account, one.account), hours.get(one.account, Called(one.account, 0, 0)), one)
        for one in days
    ]


def _judge(ground: Ground, name: str, hour: Called, day: Called) -> Finding:
    seen = hour if hour.prompted >= ENOUGH else day
    evidence = (
        f"{count_things(hour.prompted, 'prompt')} and {count_things(hour.called_back, 'callback')} in the last hour, "
        f"{day.prompted} and {day.called_back} in the last day."
    )
    if ground.callback_origin == NOWHERE and seen.called_back < seen.prompted * WELL:
        evidence += " There is no public address now: queries do the work."
        return Finding(Outcome.SKIPPED, evidence, subject=name)
    if seen.prompted < ENOUGH:
        return Finding(Outcome.OK, f"{evidence} Too few to judge by.", subject=name)
    if not seen.called_back:
        return Finding(Outcome.FAILED, evidence, subject=name)
    if seen.called_back < seen.prompted * WELL:
        return Finding(Outcome.WARNING, evidence, subject=name)
    return Finding(Outcome.OK, evidence, subject=name)


CHECK = Check(
    name="callers.arrival",
    area=Area.CALLERS,
    title="A callback comes for each prompt",
    meaning=(
        "Payments end all the same, because Daraja is queried, but seconds later and without the receipt, which a "
        "query does not tell."
    ),
    cure=(
        "Run `hakika doctor callback-url`: it finds why Safaricom does not reach this server. Where all of it is well, "
        "look at callers.proxies and at the proxy's log."
    ),
    look=look,
)
