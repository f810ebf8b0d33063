"""This machine's clock goes forwards, and is not years off."""

from datetime import UTC, datetime

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import Unseen, look_in, spell_age
from hakika.domain.schedule import SECOND_MS
from hakika.store.alerts.signs import find_newest_time

WRITTEN_MS = 1_767_225_600_000  # 2026-01-01: this program is younger than that
TOLERATED_MS = 10 * SECOND_MS


async def look(ground: Ground) -> list[Finding]:
    """The time now beside what was written last."""
    now_ms = ground.clock()
    said = f"It is {datetime.fromtimestamp(now_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC here"
    if now_ms < WRITTEN_MS:
        return [Finding(Outcome.FAILED, f"{said}: before this program was written.")]
    try:
        newest_ms = await look_in(ground, find_newest_time)
    except Unseen:
        newest_ms = 0
    if newest_ms - now_ms > TOLERATED_MS:
        evidence = f"{said}, and the newest event was written {spell_age(newest_ms - now_ms)} later than that."
        return [Finding(Outcome.FAILED, evidence)]
    return [Finding(Outcome.OK, f"{said}.")]


CHECK = Check(
    name="inside.clock",
    area=Area.INSIDE,
    title="This machine's clock is right and goes forwards",
    meaning=(
        "What is due in the time that was jumped back over waits for so long: payments hang, deliveries wait. With a "
        "clock that is far off Daraja refuses the timestamps, and no certificate is valid."
    ),
    cure="Let the machine set its clock by the network (`timedatectl set-ntp true`), and start the server again.",
    look=look,
)
