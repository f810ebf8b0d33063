"""A program needs a live key to ask for real money."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import count_things, look_in
from hakika.store.keys import list_api_keys


async def look(ground: Ground) -> list[Finding]:
    """The keys that open live payments."""
    keys = await look_in(ground, list_api_keys)
    live = [key for key in keys if key.mode == "live" and key.revoked_at_ms is None]
    if live:
        return [Finding(Outcome.OK, f"{count_things(len(live), 'live key')}.")]
    return [Finding(Outcome.WARNING, "There is no live key.")]


CHECK = Check(
    name="going-live.keys",
    area=Area.GOING_LIVE,
    title="There is an API key for real money",
    meaning="Your program is refused when it asks for real money.",
    cure="Make one for each program: `hakika keys create shop --mode live`.",
    look=look,
    going_live=True,
)
