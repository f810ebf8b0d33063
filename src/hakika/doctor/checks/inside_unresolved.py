"""No payment waits for a person to say what became of it."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import count_things, look_in, name_some, spell_age
from hakika.store.signs import find_at


async def look(ground: Ground) -> list[Finding]:
    """Those that are unresolved."""
    found = await look_in(ground, lambda tx: find_at(tx, "unresolved"))
    if not found.number:
        return [Finding(Outcome.OK, "None is unresolved.")]
    evidence = (
        f"{count_things(found.number, 'payment')}, for up to {spell_age(ground.clock() - found.since_ms)}: "
        f"{name_some(found.ids, found.number)}."
    )
    return [Finding(Outcome.FAILED, evidence)]


CHECK = Check(
    name="inside.unresolved",
    area=Area.INSIDE,
    title="No payment waits for a person",
    meaning="The payer may have paid: nobody knows, and every automatic means is used up. The reference stays claimed.",
    cure=(
        "Look the amount, phone and time up in the M-Pesa statement (`hakika explain ID` says what to look for), then "
        "`hakika resolve ID completed --receipt …` or `hakika resolve ID failed`."
    ),
    look=look,
)
