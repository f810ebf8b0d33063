"""Every endpoint takes what it is sent."""

from urllib.parse import urlsplit

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import Unseen, count_things, look_in, spell_age
from hakika.store.alerts.signs import find_last_error
from hakika.store.transaction import Transaction
from hakika.store.webhooks.endpoints import EndpointRow, count_owed, list_endpoints


async def look(ground: Ground) -> list[Finding]:
    """How each has fared."""
    seen = await look_in(ground, _read)
    if not seen:
        raise Unseen("There is no endpoint: whoever wants to hear of payments polls, or waits.")
    return [_judge(ground, endpoint, owed, error) for endpoint, owed, error in seen]


def _read(tx: Transaction) -> list[tuple[EndpointRow, int, str]]:
    owed = count_owed(tx)
    return [
        (endpoint, owed.get(endpoint.id, 0), find_last_error(tx, endpoint.id) if endpoint.failures else "")
        for endpoint in list_endpoints(tx)
    ]


def _judge(ground: Ground, endpoint: EndpointRow, owed: int, error: str) -> Finding:
    waits = f"{count_things(owed, 'event')} wait{'s' if owed == 1 else ''}"
    name = f"{endpoint.id} ({_spell_host(endpoint.url)})"
    if not endpoint.active:
        evidence = f"It is off{f': {endpoint.off_reason}' if endpoint.off_reason else ''}; {waits}."
        cure = f"Mend it, then `hakika endpoints on {endpoint.id}`: what waits is delivered, in order."
        outcome = Outcome.FAILED if endpoint.off_reason else Outcome.WARNING if owed else Outcome.OK
        return Finding(outcome, evidence, "" if outcome is Outcome.OK else cure, name)
    if endpoint.failures:
        since = f" for {spell_age(ground.clock() - endpoint.failing_since_ms)}" if endpoint.failing_since_ms else ""
        times = f"{count_things(endpoint.failures, 'attempt')} in a row failed{since}"
        outcome = Outcome.FAILED if endpoint.failing_since_ms else Outcome.WARNING
        return Finding(outcome, f"{times}: {error}. {waits.capitalize()}.", subject=name)
    return Finding(Outcome.OK, f"It answers; {waits}.", subject=name)


def _spell_host(url: str) -> str:
    """Scheme and host alone: a path or a query may be a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "…"
    return f"{parts.scheme}://{parts.hostname or '…'}"


CHECK = Check(
    name="inside.endpoints",
    area=Area.INSIDE,
    title="Every endpoint takes what it is sent",
    meaning="The payments are certain here, and that receiver has not heard of them: paid orders look unpaid there.",
    cure=(
        "Mend the receiver until it answers 2xx (`hakika endpoints ping ID` shows what it answers). What waits is then "
        "delivered by itself, oldest first."
    ),
    look=look,
)
