"""An independent Daraja that behaves as badly as the real one, with phones that people can hold.

The theory, in four sentences. A push that is accepted always has an end; until somebody answers it, that end is
"nobody answered, when the prompt's life is over", so the state of everything follows from the time alone. Queries read
that state, callbacks are owed at times computed from it, and faults bend what is *said* about it, never what is true.
The core (`network.Network`) has no clock, no chance and no I/O: time is handed in and a seed decides, so that a
simulation in virtual time and a demo on a scaled clock run the same code. Around it, `app` is a web application,
`poster` posts the callbacks, and `server` gives both a port.

It shares no code with the rest of Hakika, so that a misreading of Daraja is not made twice.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hakika.simulator.callbacks import CallbackPost
from hakika.simulator.network import Network, NothingRings
from hakika.simulator.orders import Misused
from hakika.simulator.rules import Rule
from hakika.simulator.settings import PAYBILL, SANDBOX_PASSKEY, TILL, Account, Settings
from hakika.simulator.wire import Answer

if TYPE_CHECKING:
    from hakika.simulator.app import create_app
    from hakika.simulator.clock import Clock, receipts_from_now
    from hakika.simulator.server import build_server, serve

__all__ = [
    "PAYBILL",
    "SANDBOX_PASSKEY",
    "TILL",
    "Account",
    "Answer",
    "CallbackPost",
    "Clock",
    "Misused",
    "Network",
    "NothingRings",
    "Rule",
    "Settings",
    "build_server",
    "create_app",
    "receipts_from_now",
    "serve",
]

LATER = {
    "Clock": "clock",
    "build_server": "server",
    "create_app": "app",
    "receipts_from_now": "clock",
    "serve": "server",
}


def __getattr__(name: str) -> Any:
    """Import the web server only for those who want one: a simulation in memory starts without it."""
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{LATER[name]}"), name)
