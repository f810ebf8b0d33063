"""Pushes carry an https URL."""

from urllib.parse import urlsplit

from hakika.config import NOWHERE, Environment
from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.front import is_simulated
from hakika.doctor.ground import Ground

SET_IT = "Set CALLBACK_BASE_URL=https://your.domain, or start with `hakika serve --tunnel auto`."


async def look(ground: Ground) -> list[Finding]:
    """What the next push would carry."""
    origin, given = ground.callback_origin, ground.settings.callback_base_url
    if origin != NOWHERE:
        return [_judge(ground, origin)]
    if given and urlsplit(given).scheme != "https":
        evidence = f"CALLBACK_BASE_URL is {given!r}, and Daraja refuses what is not https; pushes carry {NOWHERE}."
        return [Finding(Outcome.FAILED, evidence)]
    if ground.settings.environment is not Environment.PRODUCTION:
        evidence = (
            f"There is none: pushes carry {NOWHERE}, which leads nowhere, and queries find out what became of them."
        )
        return [Finding(Outcome.WARNING, evidence, SET_IT)]
    if ground.settings.no_public_url:
        evidence = "There is none, on purpose (HAKIKA_NO_PUBLIC_URL): queries do the work, and bring no receipts."
        return [Finding(Outcome.WARNING, evidence)]
    return [Finding(Outcome.FAILED, "There is none, and this is production.", SET_IT)]


def _judge(ground: Ground, origin: str) -> Finding:
    if origin.startswith("https://"):
        return Finding(Outcome.OK, f"Pushes carry {origin}/c/….")
    if is_simulated(ground):
        return Finding(Outcome.SKIPPED, f"Pushes carry {origin}/c/…, for the simulator, which takes http.")
    return Finding(Outcome.FAILED, f"Pushes carry {origin}/c/…, and Daraja refuses what is not https.")


CHECK = Check(
    name="callback-url.https",
    area=Area.CALLBACK_URL,
    title="Pushes carry a callback URL, and it is https",
    meaning=(
        "Daraja refuses a push whose CallBackURL is http, localhost or a placeholder (400.002.02 Invalid CallBackURL). "
        "Hakika then sends a URL that leads nowhere, so that phones ring all the same: no result is posted, each is "
        "asked for by query, which takes some 15 seconds longer and brings no receipt number."
    ),
    cure="Set CALLBACK_BASE_URL to a public https origin, like https://pay.your.domain.",
    look=look,
)
