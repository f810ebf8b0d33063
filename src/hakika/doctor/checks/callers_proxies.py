"""What the proxy settings make of X-Forwarded-For: callers are seen with their own addresses."""

import ipaddress
from collections import Counter
from collections.abc import Iterator

import msgspec

from hakika.config import Environment
from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.checks.callers_foreign import is_global
from hakika.doctor.ground import Ground
from hakika.doctor.looking import DAY_MS, Unseen, count_things, look_in, name_some
from hakika.engine.case import Origin
from hakika.store.alerts.signs import list_posted

WIDEST = {4: 8, 6: 16}  # bits of the prefix: a wider network than this holds strangers
_ORIGIN = msgspec.json.Decoder(Origin)


async def look(ground: Ground) -> list[Finding]:
    """Whether too much is believed, and whether the proxy hides who called."""
    found = [Finding(Outcome.FAILED, evidence, CLOSE) for evidence in _find_wide(ground.settings.trusted_proxies)]
    return found or [await _look_at_senders(ground)]


CLOSE = "Name only your proxy's own address in HAKIKA_TRUSTED_PROXIES, such as 127.0.0.1."


def _find_wide(proxies: tuple[str, ...]) -> Iterator[str]:
    for proxy in proxies:
        try:
            network = ipaddress.ip_network(proxy, strict=False)
        except ValueError:
            continue  # settings.complete speaks of that
        if network.prefixlen < WIDEST[network.version]:
            yield f"HAKIKA_TRUSTED_PROXIES has {proxy}: anybody may write X-Forwarded-For and be taken for Safaricom."


async def _look_at_senders(ground: Ground) -> Finding:
    if ground.settings.environment is Environment.SIMULATOR:
        raise Unseen("The simulator posts from this machine, with no proxy between.")
    posted = await look_in(ground, lambda tx: list_posted(tx, ground.clock() - DAY_MS))
    senders = Counter(_ORIGIN.decode(one.origin).remote for one in posted)
    del senders[""]
    own = [address for address, _ in senders.most_common() if not is_global(address)]
    proxies = ", ".join(ground.settings.trusted_proxies)
    believed = f"X-Forwarded-For is believed from {proxies}" if proxies else "X-Forwarded-For is believed from nobody"
    if not senders:
        return Finding(Outcome.SKIPPED, f"{believed}, and no callback came within a day to tell by.")
    if not own:
        seen = count_things(len(senders), "address") if len(senders) == 1 else f"{len(senders)} addresses"
        return Finding(Outcome.OK, f"{believed}: callers are seen from {seen} of the internet.")
    times = sum(senders[address] for address in own)
    seen = f"{count_things(times, 'callback')} within a day seem to come from {name_some(own, len(own))}"
    cure = f"Set HAKIKA_TRUSTED_PROXIES={','.join([*ground.settings.trusted_proxies, *own])}, if that is your proxy."
    if proxies:
        return Finding(Outcome.FAILED, f"{believed}, and {seen}, which is no address of the internet.", _MORE + cure)
    return Finding(Outcome.FAILED, f"{believed}, and {seen}: that is a proxy, not Safaricom.", cure)


_MORE = "Have the proxy write X-Forwarded-For (deploy/ shows how). "

CHECK = Check(
    name="callers.proxies",
    area=Area.CALLERS,
    title="Behind a proxy callers are seen with their own addresses",
    meaning=(
        "Every callback is flagged `foreign_ip`, and with HAKIKA_REFUSE_FOREIGN_IPS none is believed. Where too much "
        "is believed, a stranger is taken for Safaricom; without a payment's token that still moves no money."
    ),
    cure="Name the proxy's address in HAKIKA_TRUSTED_PROXIES, and have it write X-Forwarded-For.",
    look=look,
)
