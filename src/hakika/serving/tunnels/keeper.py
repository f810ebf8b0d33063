"""Follows a tunnel's address: that of one that runs, or else of one that we start; and says so when there is none."""

import asyncio
import shutil
from collections.abc import Sequence

import structlog

from hakika.domain.schedule import MINUTE_MS, SECOND_MS
from hakika.engine.clock import Clock
from hakika.engine.tunnel import Tunnel, TunnelState
from hakika.serving.tunnels.agents import ABSENT, MUTE, Agent, Sighting, Target
from hakika.serving.tunnels.child import Child, start_child
from hakika.serving.tunnels.local import Absent, LocalApi, Mute, open_local_api

log = structlog.get_logger("hakika.tunnel")

LOOK_EVERY_MS = 2 * SECOND_MS
MUTE_LOOKS = 3  # a busy machine is no dead tunnel
ADDRESS_WITHIN_MS = 30 * SECOND_MS  # cloudflared takes some five seconds
START_AGAIN_AFTER_MS = (SECOND_MS, 2 * SECOND_MS, 5 * SECOND_MS, 15 * SECOND_MS, MINUTE_MS)
COMES_BACK_WITHIN_MS = 20 * SECOND_MS  # whoever starts theirs again must not find ours in the way
WORKED_MS = MINUTE_MS  # whoever was open so long had not failed to start

_SEE_LOG = "See its own messages: `hakika serve --log-level debug` shows them."


class KeptTunnel(Tunnel):
    """A tunnel whose address we find out."""

    def __init__(self, kind: str, clock: Clock, target: Target, agents: Sequence[Agent], address: str = "") -> None:
        """`agents`: the first choice first. `address`: where one that runs tells about itself, if not as usual."""
        super().__init__(kind, clock)
        self._target, self._agents, self._address = target, agents, address
        self._child: Child | None = None
        self._wake = asyncio.Event()
        self._mute_looks = self._failures = self._start_at_ms = 0
        self._failed: tuple[str, str] | None = None  # why the program that we started last is no more, and the cure
        self._gone: tuple[str, str] | None = None  # the same of one that ran

    async def keep(self) -> None:
        """Look every two seconds, and at once when a program that we started tells something; until cancelled."""
        async with open_local_api() as api:
            try:
                while True:
                    self._wake.clear()
                    await self._look_safely(api)
                    await self.clock.wait_for(self._wake, LOOK_EVERY_MS)
            finally:
                if self._child is not None:
                    await self._child.end()

    async def _look_safely(self, api: LocalApi) -> None:
        try:
            await self.look(api)
        except Exception as error:
            log.error("tunnel_look_failed", exc_info=error)

    async def look(self, api: LocalApi) -> None:
        """Find out once where we are reached now; start a program where none runs."""
        if self._child is not None and await self._look_at_child(api, self._child):
            return
        seen = [(agent, sighting) for agent, sighting in await self._look_around(api) if sighting is not ABSENT]
        found = [(origin, agent) for agent, sighting in seen for origin in sighting.origins]
        if found:
            self._mute_looks, self._failed, self._gone = 0, None, None
            origin, agent = next((pair for pair in found if pair[0] == self.origin), found[0])
            self.open(origin, agent.name, self._note(agent, origin))
        elif not (any(sighting.mute for _, sighting in seen) and self._bear()):
            await self._do_without([sighting for _, sighting in seen if sighting.why])

    async def _look_around(self, api: LocalApi) -> list[tuple[Agent, Sighting]]:
        async def look(agent: Agent, address: str) -> tuple[Agent, Sighting]:
            try:
                return agent, await agent.look(api, address, self._target)
            except Absent:
                return agent, ABSENT
            except Mute:
                return agent, MUTE

        places = [
            (agent, address)
            for agent in self._agents
            for address in ((self._address,) if self._address else agent.addresses)
        ]
        return list(await asyncio.gather(*(look(*place) for place in places)))

    async def _look_at_child(self, api: LocalApi, child: Child) -> bool:
        """Follow the program that we started. → whether it lives."""
        name, now_ms = child.agent.name, self.clock()
        sighting = await child.look(api, self._target)
        if child.ended:
            worked = self.open_since_ms is not None and now_ms - self.since_ms >= WORKED_MS
            self._child, self._failures = None, 0 if worked else self._failures + 1
            self._start_at_ms = now_ms + self._pause_ms()
            why = f"{name} ended: {child.trouble}" if child.trouble else f"{name} ended"
            self._failed = (why, f"It is started again by itself. {_SEE_LOG}")
            self.close(*self._failed)
            return False
        if sighting.origins:
            self._mute_looks, self._failed = 0, None
            origin = self.origin if self.origin in sighting.origins else sighting.origins[0]
            self.open(origin, f"{name}, which we started", self._note(child.agent, origin))
        elif sighting.mute and self._bear():
            pass
        elif self.state is TunnelState.OPEN or now_ms - child.started_ms > ADDRESS_WITHIN_MS:
            why = sighting.why or child.trouble or f"{name} tells no address"
            self.close(why, sighting.cure or _SEE_LOG)
        return True

    def _bear(self) -> bool:
        """Whether to go on with what was known although nobody answered."""
        self._mute_looks += 1
        return self._mute_looks <= MUTE_LOOKS

    async def _do_without(self, seen: list[Sighting]) -> None:
        """No tunnel that runs leads to us: start one that is installed, or say what is missing."""
        installed = [(agent, path) for agent in self._agents if (path := shutil.which(agent.name))]
        if self.state is TunnelState.OPEN:
            self._gone = (f"the {self.by} that ran is gone", f"Run it again, for port {self._target.port}.")
            self._start_at_ms = self.clock() + COMES_BACK_WITHIN_MS
        shown = (seen[0].why, seen[0].cure) if seen else None
        reason = self._failed or shown or self._gone
        if reason is None and not installed:
            reason = self._advise()
        if reason is not None and not (installed and self.state is TunnelState.OPENING):
            self.close(*reason)
        if installed and self.clock() >= self._start_at_ms:
            await self._start(*installed[self._failures % len(installed)])

    async def _start(self, agent: Agent, program: str) -> None:
        log.info("tunnel_starting", program=agent.name, leads_to=self._target.upstream)
        try:
            self._child = await start_child(agent, program, self._target, self.clock())
        except OSError as error:
            self._failures += 1
            self._start_at_ms = self.clock() + self._pause_ms()
            self._failed = (f"{agent.name} cannot be started: {error.strerror}", "See that you may run it.")
            self.close(*self._failed)
        else:
            self._child.follow(self._wake.set)

    def _pause_ms(self) -> int:
        """How long to wait before the next start; with two programs each has its turn before anyone waits longer."""
        turn = max(0, self._failures - 1) // len(self._agents)
        return START_AGAIN_AFTER_MS[min(turn, len(START_AGAIN_AFTER_MS) - 1)]

    def _advise(self) -> tuple[str, str]:
        port, names = self._target.port, " and no ".join(agent.name for agent in self._agents)
        how = {"cloudflared": f"cloudflared tunnel --url {self._target.upstream}", "ngrok": f"ngrok http {port}"}
        cure = f"Install {self._agents[0].name}, or run `{how[self._agents[0].name]}` and leave it running."
        return f"no {names} runs here, and none is installed", cure

    def _note(self, agent: Agent, origin: str) -> str:
        return agent.note if agent.name in origin and not self._target.plain else ""
