"""An alert reaches somebody: an endpoint is sent alerts."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import count_things, look_in
from hakika.domain.events import EventType
from hakika.store.webhooks.endpoints import EndpointRow, list_endpoints


async def look(ground: Ground) -> list[Finding]:
    """The endpoints that are on and hear of alerts."""
    endpoints = await look_in(ground, list_endpoints)
    hearing = [endpoint for endpoint in endpoints if endpoint.active and _hears(endpoint)]
    if hearing:
        return [Finding(Outcome.OK, f"{count_things(len(hearing), 'endpoint')} will be sent alerts.")]
    return [Finding(Outcome.WARNING, "No endpoint that is on is sent alerts: nobody is told.")]


def _hears(endpoint: EndpointRow) -> bool:
    return not endpoint.event_types or f",{EventType.ALERT_OPENED}," in endpoint.event_types


CHECK = Check(
    name="going-live.alarms",
    area=Area.GOING_LIVE,
    title="An alert reaches somebody",
    meaning="What goes wrong is told by customers first.",
    cure="`hakika endpoints add` with the URL of an e-mail, SMS, Telegram … account (docs/alerts.md).",
    look=look,
    going_live=True,
)
