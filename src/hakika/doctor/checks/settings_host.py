"""Production's keys go to production's Daraja, and the sandbox's to the sandbox's."""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from hakika.config import Environment, daraja_urls
from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import Unseen
from hakika.domain.sandbox import PUBLIC_PASSKEY
from hakika.engine.accounts import OWN
from hakika.hosts import is_loopback

HOSTS = {"sandbox.safaricom.co.ke": "sandbox", "api.safaricom.co.ke": "production"}


class _Aimed(NamedTuple):
    account: str
    environment: str
    url: str
    passkey: str


async def look(ground: Ground) -> list[Finding]:
    """Where each account's credentials go."""
    aimed = list(dict.fromkeys(_list_aimed(ground)))
    if not aimed:
        raise Unseen("There is no account yet.")
    found = [finding for one in aimed for finding in _judge(one)]
    return found or [Finding(Outcome.OK, "; ".join(f"{one.account}: {one.environment} at {one.url}" for one in aimed))]


def _list_aimed(ground: Ground) -> Iterator[_Aimed]:
    own = ground.settings
    if own.consumer_key or own.base_url:
        url = daraja_urls(own)[own.environment]
        yield _Aimed(OWN, str(own.environment), url, own.passkey)
    for account in ground.accounts.known() if ground.accounts else ():
        yield _Aimed(account.name, account.environment, account.shortcode.base_url, account.shortcode.passkey)


def _judge(aimed: _Aimed) -> Iterator[Finding]:
    parts = urlsplit(aimed.url)
    host, here = parts.hostname or "", is_loopback(parts.hostname or "")
    meant = HOSTS.get(host)
    if not (parts.scheme == "https" or (parts.scheme == "http" and here)):
        evidence = f"{aimed.url} is not https: the credentials would cross the network in the open."
        yield Finding(Outcome.FAILED, evidence, "Correct or remove MPESA_BASE_URL.", aimed.account)
    elif meant and meant != aimed.environment:
        evidence = f"It is for {aimed.environment}, and {host} is the {meant}'s Daraja."
        cure = f"Set MPESA_ENVIRONMENT={meant} if the keys are the {meant}'s, else remove MPESA_BASE_URL."
        yield Finding(Outcome.FAILED, evidence, cure, aimed.account)
    elif aimed.environment == Environment.PRODUCTION and not meant:
        evidence = f"It is for production, and {host} is not Safaricom's: nobody's money moves there."
        outcome = Outcome.FAILED if here else Outcome.WARNING
        yield Finding(outcome, evidence, "Remove MPESA_BASE_URL, unless that is a gateway of yours.", aimed.account)
    elif meant == Environment.SANDBOX and aimed.passkey and aimed.passkey != PUBLIC_PASSKEY:
        evidence = "It is for the sandbox with a passkey that is not the sandbox's: these may be production's keys."
        cure = "With keys from the go-live mail set MPESA_ENVIRONMENT=production; to try things use the sandbox's own."
        yield Finding(Outcome.WARNING, evidence, cure, aimed.account)


CHECK = Check(
    name="settings.host",
    area=Area.SETTINGS,
    title="Keys and Daraja's host are of one environment",
    meaning="Daraja answers `Invalid Access Token` or refuses the keys: nobody is charged, and nobody can pay.",
    cure="Set MPESA_ENVIRONMENT to where the keys are from, and leave MPESA_BASE_URL empty.",
    look=look,
)
