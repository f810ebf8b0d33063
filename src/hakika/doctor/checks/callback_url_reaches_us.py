"""The public URL leads to this very server: a nonce goes out through it and comes back."""

import asyncio

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.front import Front, Met, bar, is_callback_door, meet, meet_callbacks, refer, tell_arrivals
from hakika.doctor.ground import Ground
from hakika.doctor.looking import count_things
from hakika.doctor.visit import Trouble, Visit, quote

NOT_FROM_HERE = "not reachable from here"
HAIRPIN = (
    "Ask from another network (a phone's mobile data): /health under that URL. Many routers let nobody reach their own "
    "public address from inside (hairpin); then all may be well. Else open the port, or start proxy and tunnel."
)
SAME_KEY = "Give all servers behind that URL the same HAKIKA_SECRET_KEY and database, or point the name at this one."


async def look(ground: Ground) -> list[Finding]:
    """What came back, and after how long."""
    barred = bar(ground)
    if barred is not None:
        return [barred]
    if ground.vault is None:
        return [Finding(Outcome.UNKNOWN, "The secret key cannot be had: no answer could be known as ours.")]
    met, door = await asyncio.gather(meet(ground), meet_callbacks(ground))  # one after the other would take too long
    match met.front:
        case Front.OURS:
            return [Finding(Outcome.OK, f"A nonce went out through {ground.callback_origin} and back in {_ms(met)}.")]
        case Front.NOBODY if met.seen.trouble not in {Trouble.NAME, Trouble.TLS}:
            return [await _judge_silence(ground, met)]
        case Front.ANOTHER:
            evidence = f"Another Hakika answers at {ground.callback_origin}, one with another secret key."
            return [Finding(Outcome.FAILED, evidence, SAME_KEY)]
        case Front.GATEWAY:
            evidence = f"What stands in front does not reach this server: {quote(met.seen)}."
            return [Finding(Outcome.FAILED, evidence, "Start this server, or correct where the proxy or tunnel leads.")]
        case Front.STRANGER:
            return [await _judge_stranger(ground, met, door)]
        case _:
            return [refer(met)]


def _ms(met: Met) -> str:
    return f"{met.seen.took_ms} ms"


async def _judge_silence(ground: Ground, met: Met) -> Finding:
    """No answer may be this machine's trouble alone: what arrived lately tells more."""
    evidence = f"{ground.callback_origin} is {NOT_FROM_HERE}: {met.seen.error}."
    arrivals = await tell_arrivals(ground)
    if arrivals is None or not arrivals[0]:
        return Finding(Outcome.UNKNOWN, f"{evidence} No prompt of the last day tells more.", HAIRPIN)
    prompted, called_back = arrivals
    seen = f"Of {count_things(prompted, 'prompt')} in the last day {called_back} were called back"
    if called_back:
        return Finding(Outcome.UNKNOWN, f"{evidence} {seen}: so it is reached from outside.", HAIRPIN)
    return Finding(Outcome.FAILED, f"{evidence} {seen}.", HAIRPIN)


async def _judge_stranger(ground: Ground, met: Met, door: Visit) -> Finding:
    if is_callback_door(door):
        evidence = f"/doctor/echo/ is not handed on ({quote(met.seen)}), but a Hakika answers on /c/."
        return Finding(Outcome.UNKNOWN, evidence, "Hand /doctor/echo/ on as well, or run `hakika doctor --callback`.")
    evidence = f"Somebody else's server answers at {ground.callback_origin}: {quote(met.seen)}."
    lately = await tell_arrivals(ground, hours=1)
    if lately is not None and lately[1]:
        evidence += f" Yet {count_things(lately[1], 'prompt')} of the last hour were called back."
        return Finding(Outcome.WARNING, f"{evidence} Perhaps it is only what this network meets.", HAIRPIN)
    return Finding(Outcome.FAILED, evidence)


CHECK = Check(
    name="callback-url.reaches-us",
    area=Area.CALLBACK_URL,
    title="The public URL leads to this very server",
    meaning=(
        "Results go to whoever answers there: to nobody, or to a stranger, who then learns who paid how much. They "
        "are posted once and are lost. Payments still end, by queries, later and without receipt numbers. The nonce "
        "goes out from this machine, so a failure may be this network's alone; what arrived in the last day is said "
        "beside it."
    ),
    cure=(
        "Point the name, the proxy or the tunnel at this server; `hakika serve --tunnel auto` does so for development."
    ),
    look=look,
)
