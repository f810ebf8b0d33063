"""Tunnels: the public address of a server that has none of its own, found out and followed while it changes.

agents       what every tunnel program has in common, and what a look at one shows
ngrok        its local API and its log
cloudflared  its metrics server and its log
local        asks programs on this machine
child, guard a program that we start, and that never outlives us
keeper       finds one that runs, or starts one that is installed, and follows its address
"""

from urllib.parse import urlsplit

from hakika.config import TUNNELS, Environment, Settings
from hakika.engine.clock import Clock
from hakika.engine.tunnel import Tunnel
from hakika.serving.tunnels.agents import Agent, Target
from hakika.serving.tunnels.cloudflared import Cloudflared
from hakika.serving.tunnels.keeper import KeptTunnel
from hakika.serving.tunnels.ngrok import Ngrok


def make_tunnel(settings: Settings, own_origin: str, clock: Clock) -> Tunnel | None:
    """The tunnel that the settings ask for; None where they ask for none. `own_origin`: where we listen."""
    if not settings.tunnel:
        return None
    if settings.tunnel not in TUNNELS:
        given = Tunnel("url", clock)
        given.open(settings.callback_origin(), "you")
        return given
    simulated = settings.environment is Environment.SIMULATOR
    target = Target(own_origin, urlsplit(own_origin).port or 80, plain=simulated)
    return KeptTunnel(settings.tunnel, clock, target, choose_agents(settings.tunnel), settings.tunnel_api)


def choose_agents(kind: str) -> tuple[Agent, ...]:
    """The programs to look for, the first choice first: cloudflared needs no account, and no word that is refused."""
    known: dict[str, tuple[Agent, ...]] = {"ngrok": (Ngrok(),), "cloudflared": (Cloudflared(),)}
    return known.get(kind) or (Cloudflared(), Ngrok())
