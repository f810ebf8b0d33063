"""What came is about payments that are known here."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import DAY_MS, count_things, look_in
from hakika.store.alerts.signs import count_unknown


async def look(ground: Ground) -> list[Finding]:
    """The quarantine of the last day."""
    found = await look_in(ground, lambda tx: count_unknown(tx, ground.clock() - DAY_MS))
    if not found:
        return [Finding(Outcome.OK, "Within a day nothing came that is about no payment of ours.")]
    number = sum(times for _, times in found)
    reasons = "; ".join(f"{reason} ({times})" for reason, times in found[:3])
    return [
        Finding(Outcome.WARNING, f"{count_things(number, 'callback')} within a day about no known payment: {reasons}.")
    ]


CHECK = Check(
    name="callers.unknown",
    area=Area.CALLERS,
    title="What comes is about payments that are known here",
    meaning=(
        "It is kept and believed by nobody, so no money of a payment here depends on it. But if another program "
        "prompts with this callback URL, its payers have paid, and nobody was told."
    ),
    cure=(
        "Read `hakika quarantine list`. Register what another program prompted (POST /v1/payments/register); what "
        "waits is then adopted. What strangers made up needs nothing."
    ),
    look=look,
)
