"""The time zone of this machine: Daraja's timestamps do not depend on it, but people who compare times do."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.domain.kenya import AHEAD_OF_UTC

CURE = "Set TZ=Africa/Nairobi or TZ=UTC in the server's environment."


async def look(ground: Ground) -> list[Finding]:
    """What TZ says, and what this machine makes of it."""
    now = datetime.fromtimestamp(ground.clock() / 1000, UTC)
    name = ground.environ.get("TZ", "").removeprefix(":")
    try:
        zone: tzinfo | None = ZoneInfo(name) if name else now.astimezone().tzinfo
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return [Finding(Outcome.WARNING, f"TZ={name} is no time zone: programs here take it for UTC.")]
    offset = now.astimezone(zone).utcoffset() or timedelta()
    told = f"Daraja is told Kenya's time whatever it is: {now + AHEAD_OF_UTC:%Y-%m-%d %H:%M:%S} now."
    if offset in {timedelta(), AHEAD_OF_UTC}:
        return [Finding(Outcome.OK, f"This machine is at {_spell(offset)}. {told}")]
    evidence = f"This machine is at {_spell(offset)}, Kenya at {_spell(AHEAD_OF_UTC)}, our logs and API at UTC. {told}"
    return [Finding(Outcome.WARNING, evidence)]


def _spell(offset: timedelta) -> str:
    hours = offset.total_seconds() / 3600
    return f"UTC{hours:+g} h" if hours else "UTC"


CHECK = Check(
    name="settings.time-zone",
    area=Area.SETTINGS,
    title="This machine's times can be compared with M-Pesa's",
    meaning=(
        "No payment: Daraja is told Kenya's time whatever the zone is. But whoever compares this machine's times with "
        "an M-Pesa statement is hours off, and finds the wrong payment."
    ),
    cure=CURE,
    look=look,
)
