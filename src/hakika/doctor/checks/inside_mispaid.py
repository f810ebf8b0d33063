"""No payment holds money that is not the money asked for."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import count_things, look_in, name_some, spell_age
from hakika.store.signs import find_at


async def look(ground: Ground) -> list[Finding]:
    """Those that are mispaid."""
    found = await look_in(ground, lambda tx: find_at(tx, "mispaid"))
    if not found.number:
        return [Finding(Outcome.OK, "None is mispaid.")]
    evidence = (
        f"{count_things(found.number, 'payment')}, for up to {spell_age(ground.clock() - found.since_ms)}: "
        f"{name_some(found.ids, found.number)}."
    )
    return [Finding(Outcome.WARNING, evidence)]


CHECK = Check(
    name="inside.mispaid",
    area=Area.INSIDE,
    title="No payment holds another amount than was asked for",
    meaning="Money arrived, but not what was asked for: nothing was delivered for it, and the payer waits.",
    cure=(
        "Compare `amount` and `amount_received` (`hakika explain ID`) with the statement; then settle it with the "
        "payer and `hakika resolve ID`: completed if you take it so, reversed once it went back."
    ),
    look=look,
)
