"""CoA and Disconnect (RFC 5176) to routers that speak RADIUS: new limits for a live session, or its end.

They act on a session that is there; none can begin one. A device without a session is let in when it next asks (MAC
authentication), by the portal's page, or by the router's API where that is set (routeros.py).
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from pyrad.client_async import ClientAsync  # type: ignore[import-untyped]
from pyrad.dictionary import Dictionary  # type: ignore[import-untyped]
from pyrad.packet import (  # type: ignore[import-untyped]
    CoAACK,
    CoARequest,
    DisconnectACK,
    DisconnectRequest,
)

from hakika_hotspot.network.attributes import Attributes
from hakika_hotspot.network.router import RouterRefused, RouterUnreachable

# Sent three times, two seconds apart: what is lost on a bad link gets through, and a task's lease is far from over.
RESENDS = 2
PATIENCE_SECONDS = 2.0

# RFC 5176 §3.6: which refusals mean that the session is not there (any more).
SESSION_GONE = {201, 503}
CAUSES = {
    401: "unsupported attribute",
    402: "missing attribute",
    403: "it goes by another name or address than the session told",
    404: "invalid request",
    405: "unsupported service",
    406: "unsupported extension",
    407: "invalid attribute value",
    501: "administratively prohibited",
    503: "no such session",
    504: "session cannot be removed",
    506: "resources unavailable",
}


class SessionGone(RouterRefused):
    """It has no such session: the device left, or the router was restarted."""


class CoaDoor(NamedTuple):
    """Where a router listens for CoA: 3799 by RFC 5176; RouterOS takes 1700 where nothing else is set."""

    host: str
    port: int
    secret: str
    resends: int = RESENDS
    patience_seconds: float = PATIENCE_SECONDS


async def change_session(door: CoaDoor, attributes: Attributes) -> None:
    """Have a live session changed. Raises SessionGone, RouterRefused, RouterUnreachable."""
    await _send(door, CoARequest, CoAACK, attributes)


async def close_session(door: CoaDoor, attributes: Attributes) -> None:
    """Have a live session ended. Raises SessionGone, RouterRefused, RouterUnreachable."""
    await _send(door, DisconnectRequest, DisconnectACK, attributes)


@cache
def _dictionary() -> Dictionary:
    return Dictionary(str(Path(__file__).with_name("dictionary.radius")))


async def _send(door: CoaDoor, code: int, wanted: int, attributes: Attributes) -> None:
    client = ClientAsync(
        server=door.host,
        coa_port=door.port,
        secret=door.secret.encode(),
        dict=_dictionary(),
        retries=door.resends,
        timeout=door.patience_seconds,
    )
    try:
        await client.initialize_transports(enable_coa=True)
        request = client.CreateCoAPacket(code=code)
        for name, value in attributes.items():
            request[name] = value
        reply = await client.SendPacket(request)
    except (OSError, TimeoutError) as error:
        raise RouterUnreachable(f"{door.host}:{door.port} does not answer, or its secret is another") from error
    finally:
        await client.deinitialize_transports()
    if reply.code != wanted:
        cause = next(iter(reply.get("Error-Cause", [])), 0)
        said = CAUSES.get(cause, f"cause {cause}" if cause else "without a cause")
        raise (SessionGone if cause in SESSION_GONE else RouterRefused)(said)
