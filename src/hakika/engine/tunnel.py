"""Where the internet reaches us while that can change as we run: what is known of a tunnel, from moment to moment.

It is asked for each push. While no address works pushes carry one that leads nowhere, and queries start early.
Who finds and starts tunnels is `serving.tunnels`; here is only what everybody else may know of one.
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum

import structlog

from hakika.engine.clock import Clock

log = structlog.get_logger("hakika.tunnel")

MEANWHILE = "callbacks cannot arrive: pushes carry an address that leads nowhere, and queries do the work"

CallbackOrigin = Callable[[], str]
"""The origin of callback URLs, asked for each push."""


class TunnelState(StrEnum):
    """Whether the internet reaches us through it."""

    OPENING = "opening"  # it was never open, and nothing is known against it
    OPEN = "open"
    CLOSED = "closed"


class Tunnel:
    """A public address that leads to us, or the reason why there is none now."""

    def __init__(self, kind: str, clock: Clock) -> None:
        """`kind`: `auto`, `ngrok`, `cloudflared` or `url`. `clock`: the house's, by which payments' times are too."""
        self.kind, self.clock = kind, clock
        self.state, self.since_ms = TunnelState.OPENING, clock()
        self.origin = self.by = self.why = self.cure = ""
        self.settled = asyncio.Event()  # it was open, or could not be opened, once
        self._before = ""  # the address that was the last to work
        self._listeners: list[Callable[[], None]] = []

    @property
    def open_since_ms(self) -> int | None:
        """Since when the address of now has led to us; None while none does."""
        return self.since_ms if self.state is TunnelState.OPEN else None

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every change of the address."""
        self._listeners.append(listener)

    def open(self, origin: str, by: str, note: str = "") -> None:
        """It leads to us at `origin`. `by`: whose tunnel it is; `note`: what to know about it."""
        if self.state is TunnelState.OPEN and origin == self.origin:
            return
        more = {"was": self._before} if self._before not in {"", origin} else {}
        log.info("tunnel_open", origin=origin, by=by, **more, **({"note": note} if note else {}))
        self.origin, self.by, self.why, self.cure, self._before = origin, by, "", "", origin
        self._turn(TunnelState.OPEN)

    def close(self, why: str, cure: str) -> None:
        """No address leads to us, and why: one line, and another only when there is another reason."""
        if self.state is TunnelState.CLOSED and (why, cure) == (self.why, self.cure):
            return
        self.why, self.cure = why, cure
        if self.state is TunnelState.CLOSED:
            log.info("tunnel_still_closed", tunnel=self.kind, why=why, cure=cure)
            return
        log.warning("tunnel_closed", tunnel=self.kind, why=why, cure=cure, meanwhile=MEANWHILE)
        self.origin = self.by = ""
        self._turn(TunnelState.CLOSED)

    async def keep(self) -> None:
        """Keep knowing, until cancelled. An address that somebody gave is what it is."""

    def _turn(self, state: TunnelState) -> None:
        self.state, self.since_ms = state, self.clock()
        self.settled.set()
        for listener in self._listeners:
            listener()
