"""Somebody hears of live payments."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import Unseen, count_things, look_in
from hakika.store.webhooks.endpoints import list_endpoints


async def look(ground: Ground) -> list[Finding]:
    """The endpoints that are sent live events; to have none is a way to work, too."""
    endpoints = await look_in(ground, lambda tx: list_endpoints(tx, "live"))
    active = [endpoint for endpoint in endpoints if endpoint.active]
    if active:
        return [Finding(Outcome.OK, f"{count_things(len(active), 'live endpoint')}.")]
    if endpoints:
        return [Finding(Outcome.WARNING, f"{count_things(len(endpoints), 'live endpoint')}, and none is on.")]
    raise Unseen("There is no live endpoint: your program waits for each payment, or asks.")


CHECK = Check(
    name="going-live.endpoint",
    area=Area.GOING_LIVE,
    title="Somebody is told of live payments",
    meaning="Your program does not hear of payments that end late, or after the page was closed.",
    cure="`hakika endpoints add https://shop.example/hakika`, then `hakika endpoints ping ID`.",
    look=look,
    going_live=True,
)
