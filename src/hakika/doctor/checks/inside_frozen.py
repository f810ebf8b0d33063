"""No payment broke a rule that must hold."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import count_things, look_in, name_some
from hakika.store.alerts.signs import find_frozen


async def look(ground: Ground) -> list[Finding]:
    """Those that are frozen."""
    found = await look_in(ground, find_frozen)
    if not found.number:
        return [Finding(Outcome.OK, "None is frozen.")]
    return [Finding(Outcome.FAILED, f"{count_things(found.number, 'payment')}: {name_some(found.ids, found.number)}.")]


CHECK = Check(
    name="inside.frozen",
    area=Area.INSIDE,
    title="No payment broke a rule that must hold",
    meaning="Unknown: it is frozen as it was when something impossible was found. All evidence is kept.",
    cure="Run `hakika verify`, read the payment's timeline (`hakika status ID`), and report it: a defect of ours.",
    look=look,
)
