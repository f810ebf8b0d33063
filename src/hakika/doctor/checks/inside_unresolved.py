"""No payment waits for a person to say what became of it."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import tell_troubled


async def look(ground: Ground) -> list[Finding]:
    """Those that are unresolved."""
    return await tell_troubled(ground, "unresolved", Outcome.FAILED)


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
