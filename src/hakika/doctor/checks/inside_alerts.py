"""No alert is open: the rules that watch all the time see nothing."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import look_in, spell_age
from hakika.store.alerts.records import list_open_alerts


async def look(ground: Ground) -> list[Finding]:
    """Those that are open, the oldest first."""
    found = await look_in(ground, list_open_alerts)
    if not found:
        return [Finding(Outcome.OK, "No alert is open.")]
    now_ms = ground.clock()
    return [
        Finding(
            Outcome.WARNING,
            f"{alert.summary} (for {spell_age(now_ms - alert.opened_at_ms)}, {alert.mode})",
            f"`hakika alerts show {alert.id}` says more, and what to do first.",
            alert.rule,
        )
        for alert in found
    ]


CHECK = Check(
    name="inside.alerts",
    area=Area.INSIDE,
    title="No alert is open",
    meaning="A rule that is watched all the time has seen something that somebody should look at.",
    cure="`hakika alerts list`, then `hakika alerts show ID`. An alert closes by itself when its cause is gone.",
    look=look,
)
