"""Daraja answers, soon, and as Daraja."""

from hakika.daraja.errors import WrongKeyOrSecret
from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.daraja import Asked, Talk, ask_token, list_asked
from hakika.doctor.ground import Ground
from hakika.doctor.visit import Trouble, quote

SLOW_MS = 2_000
"""A token usually takes a few tenths of a second; pushes queue behind it."""

_CURES = {
    Trouble.NAME: "See whether this machine resolves any name at all (its DNS), and whether MPESA_BASE_URL is right.",
    Trouble.TLS: "See whether a proxy in between breaks TLS open, and whether this machine's CA list is fresh.",
}


async def look(ground: Ground) -> list[Finding]:
    """Each host once."""
    hosts: dict[str, Asked] = {}
    for account in await list_asked(ground):
        hosts.setdefault(account.shortcode.base_url, account)
    several = len(hosts) > 1
    return [_judge(one, await ask_token(ground, one), one.host if several else "") for one in hosts.values()]


def _judge(account: Asked, talk: Talk, subject: str) -> Finding:
    seen, host = talk.seen, account.host
    if not seen.status:
        return Finding(Outcome.FAILED, f"{host}: {seen.error}.", _CURES.get(seen.trouble, ""), subject)
    is_ours_to_mend = isinstance(talk.error, WrongKeyOrSecret)  # it answered, and as it does
    if talk.token is None and not is_ours_to_mend and not _speaks_json(talk):
        return Finding(Outcome.FAILED, f"{host} answers, but not as Daraja: {quote(seen)}.", subject=subject)
    if seen.status >= 500:
        return Finding(Outcome.FAILED, f"{host} answers with an error of its own: {quote(seen)}.", subject=subject)
    if seen.took_ms > SLOW_MS:
        return Finding(Outcome.WARNING, f"{host} took {seen.took_ms} ms to answer.", subject=subject)
    return Finding(Outcome.OK, f"{host} answered in {seen.took_ms} ms.", subject=subject)


def _speaks_json(talk: Talk) -> bool:
    return talk.seen.body.lstrip()[:1] == b"{"


CHECK = Check(
    name="daraja.reachable",
    area=Area.DARAJA,
    title="Daraja answers, and soon",
    meaning=(
        "No phone can be prompted, and nobody can be asked what became of those that were. What was surely not sent "
        "is sent again within a minute or refused; what may have been sent stays unsure until a callback or a person "
        "settles it. A page of HTML is Safaricom's firewall: it lets some hosting providers' addresses through seldom "
        "or never."
    ),
    cure=(
        "See whether others have the same trouble; else ask your provider, or let the traffic leave from another "
        "address."
    ),
    look=look,
)
