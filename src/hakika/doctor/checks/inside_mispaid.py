"""No payment holds money that is not the money asked for."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import tell_troubled


async def look(ground: Ground) -> list[Finding]:
    """Those that are mispaid."""
    return await tell_troubled(ground, "mispaid", Outcome.WARNING)


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
