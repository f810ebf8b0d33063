"""Callbacks come from the addresses that Safaricom is known to post from."""

import ipaddress
from collections import Counter

import msgspec

from hakika.config import Environment
from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import DAY_MS, Unseen, count_things, look_in, name_some
from hakika.engine.case import Origin
from hakika.store.alerts.signs import Posted, list_posted

SECRET_PATH = "/c/"  # noqa: S105 - a path: whoever posts there knows the payment's token
_FLAG = '"foreign_ip"'
_ORIGIN = msgspec.json.Decoder(Origin)


async def look(ground: Ground) -> list[Finding]:
    """Who posted on the payments' own secret paths within a day; strangers elsewhere are counted."""
    if ground.settings.environment is Environment.SIMULATOR:
        raise Unseen("The simulator posts from this machine.")
    posted = await look_in(ground, lambda tx: list_posted(tx, ground.clock() - DAY_MS))
    foreign = [(one, _ORIGIN.decode(one.origin)) for one in posted if _FLAG in one.reading]
    knowing = Counter(
        origin.remote
        for one, origin in foreign
        if origin.path.startswith(SECRET_PATH) and is_global(origin.remote)  # others: callers.proxies
    )
    strangers = sum(one.copies for one, origin in foreign if not origin.path.startswith(SECRET_PATH))
    aside = f" {count_things(strangers, 'claim')} by strangers moved no money." if strangers else ""
    if not knowing:
        return [Finding(Outcome.OK, f"{_count(posted)} within a day, none from elsewhere.{aside}")]
    told = name_some([f"{address} ({times})" for address, times in knowing.most_common()], len(knowing))
    refuses = ground.settings.refuse_foreign_ips
    evidence = f"{count_things(sum(knowing.values()), 'callback')} within a day came from elsewhere: {told}."
    if refuses:
        evidence += " They were not believed, as HAKIKA_REFUSE_FOREIGN_IPS says."
    return [Finding(Outcome.FAILED if refuses else Outcome.WARNING, evidence + aside)]


def _count(posted: list[Posted]) -> str:
    return count_things(sum(one.copies for one in posted), "callback")


def is_global(address: str) -> bool:
    """Whether it is an address of the internet, not of a machine or network of our own."""
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


CHECK = Check(
    name="callers.foreign",
    area=Area.CALLERS,
    title="Callbacks come from Safaricom's addresses",
    meaning=(
        "Each carries its payment's secret token, so it is believed and flagged `foreign_ip`: Safaricom may have new "
        "addresses. With HAKIKA_REFUSE_FOREIGN_IPS it is not believed: payments end by queries, without receipts."
    ),
    cure=(
        "Ask Safaricom whether the addresses are theirs, and add them to MPESA_ALLOWED_IPS. If they are nobody's that "
        "you know, somebody reads your callback URLs: look at who sees the proxy's and the tunnel's logs."
    ),
    look=look,
)
