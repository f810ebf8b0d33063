"""The tunnel, where one is used, leads to this server."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import Unseen, spell_age
from hakika.engine.tunnel import MEANWHILE, TunnelState


async def look(ground: Ground) -> list[Finding]:
    """What the running server knows of it."""
    tunnel = ground.live.get("tunnel")
    if tunnel is None:
        raise Unseen("No tunnel is used.")
    since = spell_age(ground.clock() - tunnel.since_ms)
    if tunnel.state is TunnelState.OPEN:
        return [Finding(Outcome.OK, f"{tunnel.origin} by {tunnel.by}, for {since}.")]
    if tunnel.state is TunnelState.OPENING:
        return [Finding(Outcome.WARNING, f"It has been opening for {since}: {MEANWHILE}.")]
    return [Finding(Outcome.FAILED, f"It has been closed for {since}: {tunnel.why}.", tunnel.cure)]


CHECK = Check(
    name="inside.tunnel",
    area=Area.INSIDE,
    title="The tunnel is alive",
    meaning="Callbacks cannot arrive. Payments end all the same: Daraja is queried early, but tells no receipt.",
    cure="Start the tunnel again: its new address is taken up by the next payment, with no restart.",
    look=look,
    live=True,
)
