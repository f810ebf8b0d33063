"""No account for real money has what the sandbox gives to everybody, and nothing was lost in copying."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import Unseen
from hakika.domain.sandbox import find_public
from hakika.engine.accounts import OWN

_USUAL = re.compile(r"[0-9a-fA-F]{64}")
_STRAY = re.compile(r"[\s\"'“”‘’]")


class _Kept(NamedTuple):
    account: str
    environment: str
    shortcode: str
    passkey: str
    key: str
    secret: str


async def look(ground: Ground) -> list[Finding]:
    """What each account charges with, in the settings and in the database."""
    kept = list(dict.fromkeys(_list_kept(ground)))
    if not kept:
        raise Unseen("No account has a passkey yet.")
    found = [finding for account in kept for finding in _judge(account)]
    return found or [Finding(Outcome.OK, f"Looked at {', '.join(dict.fromkeys(one.account for one in kept))}.")]


def _list_kept(ground: Ground) -> Iterator[_Kept]:
    own = ground.settings
    if own.passkey:
        yield _Kept(OWN, own.environment, own.shortcode, own.passkey, own.consumer_key, own.consumer_secret)
    for account in ground.accounts.known() if ground.accounts else ():
        theirs = account.shortcode
        yield _Kept(
            *(account.name, account.environment, theirs.shortcode, theirs.passkey),
            *(theirs.consumer_key, theirs.consumer_secret),
        )


def _judge(kept: _Kept) -> Iterator[Finding]:
    public = find_public(kept.environment, kept.shortcode, kept.passkey)
    if public:
        evidence = f"Its {public} is the one that Safaricom's sandbox gives to everybody, and it is for production."
        cure = f"Set the account's own {public}, from Safaricom's go-live mail."
        yield Finding(Outcome.FAILED, evidence, cure, kept.account)
        return
    for name, value in (("passkey", kept.passkey), ("consumer key", kept.key), ("consumer secret", kept.secret)):
        if stray := _STRAY.search(value):
            evidence = f"Its {name} has {stray[0]!r} in it, at place {stray.start() + 1} of {len(value)}."
            yield Finding(Outcome.FAILED, evidence, f"Copy the {name} again, without spaces and quotes.", kept.account)
            return
    if kept.environment == "production" and not _USUAL.fullmatch(kept.passkey):
        evidence = f"Its passkey has {len(kept.passkey)} characters; all that we know of are 64 hexadecimal digits."
        yield Finding(Outcome.WARNING, evidence, "Compare it with Safaricom's go-live mail.", kept.account)


CHECK = Check(
    name="settings.passkey",
    area=Area.SETTINGS,
    title="Passkeys are the accounts' own, and whole",
    meaning="Daraja answers `Wrong credentials` to every prompt: nobody is charged, and nobody can pay.",
    cure="Set MPESA_PASSKEY, or `hakika accounts update NAME`, to the passkey of exactly this shortcode.",
    look=look,
)
