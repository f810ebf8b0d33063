"""Somebody acts on every payment that is pending, when it is due."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import look_in, name_some, spell_age
from hakika.domain.schedule import MINUTE_MS
from hakika.store.alerts.signs import find_overdue, find_pending

OVERDUE_MS = 2 * MINUTE_MS  # longer than any lease
LONG_MS = 5 * MINUTE_MS


async def look(ground: Ground) -> list[Finding]:
    """What is overdue; and what has been pending for long though all is done that can be."""
    now_ms = ground.clock()
    overdue = await look_in(ground, lambda tx: find_overdue(tx, now_ms - OVERDUE_MS))
    if overdue.number:
        evidence = (
            f"On {name_some(overdue.ids, overdue.number)} somebody should have acted "
            f"{spell_age(now_ms - overdue.since_ms)} ago, and nobody did."
        )
        return [Finding(Outcome.FAILED, evidence)]
    pending = await look_in(ground, lambda tx: find_pending(tx, now_ms - LONG_MS))
    if pending.number:
        evidence = (
            f"{name_some(pending.ids, pending.number)}: pending for up to {spell_age(now_ms - pending.since_ms)}, and "
            "asked about when it is time."
        )
        return [Finding(Outcome.WARNING, evidence, "Run `hakika explain ID`: it says what is waited for.")]
    return [Finding(Outcome.OK, "Nothing has been pending for more than 5 min.")]


CHECK = Check(
    name="inside.stuck",
    area=Area.INSIDE,
    title="Somebody acts on every pending payment",
    meaning="Whether its payer has paid is not being found out: payer and merchant wait, and money may have moved.",
    cure=(
        "Have a server run (`hakika serve`) with this database. If one runs, look at inside.workers and "
        "inside.database and start it again: what is due is then taken up where it was."
    ),
    look=look,
)
