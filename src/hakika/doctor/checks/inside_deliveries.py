"""What is owed to endpoints that answer is delivered, and nothing was given up."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import DAY_MS, count_things, look_in, spell_age
from hakika.domain.schedule import MINUTE_MS
from hakika.store.alerts.signs import count_exhausted, count_overdue

OVERDUE_MS = 3 * MINUTE_MS  # longer than any lease
LATELY_MS = 7 * DAY_MS


async def look(ground: Ground) -> list[Finding]:
    """What is overdue, and what was given up within a week."""
    now_ms = ground.clock()
    number, since_ms = await look_in(ground, lambda tx: count_overdue(tx, now_ms - OVERDUE_MS))
    if number:
        evidence = f"{count_things(number, 'event')} to endpoints that answer, due for {spell_age(now_ms - since_ms)}."
        return [Finding(Outcome.FAILED, evidence)]
    exhausted = await look_in(ground, lambda tx: count_exhausted(tx, now_ms - LATELY_MS))
    if exhausted:
        evidence = f"{count_things(exhausted, 'event')} of this week were given up after three days of tries."
        cure = "Mend the endpoint, then run `hakika deliveries resend --status exhausted`."
        return [Finding(Outcome.WARNING, evidence, cure)]
    return [Finding(Outcome.OK, "Nothing is overdue, and nothing was given up this week.")]


CHECK = Check(
    name="inside.deliveries",
    area=Area.INSIDE,
    title="What is owed to endpoints is delivered",
    meaning="The payments are certain here, and your own system has not heard of them: paid orders look unpaid.",
    cure="Have a server run (`hakika serve`); if one runs, look at inside.workers, and start it again.",
    look=look,
)
