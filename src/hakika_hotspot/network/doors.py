"""Which network each router of the settings is spoken to by."""

import ssl
from collections.abc import Callable
from typing import NamedTuple

from hakika_hotspot.config import Router, Settings
from hakika_hotspot.domain.access import Access, Session
from hakika_hotspot.network.attributes import describe_change, name_session
from hakika_hotspot.network.coa import PATIENCE_SECONDS, CoaDoor, SessionGone, change_session, close_session
from hakika_hotspot.network.router import Device, Network, RouterRefused
from hakika_hotspot.network.routeros import RouterOSNetwork, log_in
from hakika_hotspot.network.routeros_connection import Door, connect


class RadiusNetwork(NamedTuple):
    """A router that asks FreeRADIUS, and takes CoA and Disconnect for its live sessions."""

    router: Router
    now_ms: Callable[[], int]
    patience_seconds: float = PATIENCE_SECONDS

    async def open(self, device: Device, access: Access) -> None:  # noqa: ARG002  it asks us what the device may do
        """Have the router log the device in, where its API is set; else it asks by itself when the device shows."""
        door = api_door(self.router)
        if door:
            async with connect(door) as router:
                await log_in(router, device, "")

    async def change(self, session: Session, access: Access) -> None:
        """Change it by CoA. A router that cannot is told to close: the device comes back at once, on its new terms."""
        try:
            named = name_session(session) | describe_change(access, session, self.now_ms())
            await change_session(self._coa_door(session), named)
        except SessionGone:
            raise
        except RouterRefused:
            await self.close(session)

    async def close(self, session: Session) -> None:
        """Close it by Disconnect."""
        await close_session(self._coa_door(session), name_session(session))

    def _coa_door(self, session: Session) -> CoaDoor:
        host = self.router.address or session.nas_address
        if not host or not self.router.secret:
            raise RouterRefused("its address or its secret is missing in the settings")
        return CoaDoor(host, self.router.coa_port, self.router.secret, patience_seconds=self.patience_seconds)


def api_door(router: Router) -> Door | None:
    """Return the way to a router's API, where the settings know one."""
    if not router.api_user or not router.address:
        return None
    tls = None
    if router.api_tls:
        # A router signs its own certificate: encrypted, but who answers is known by its address alone.
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return Door(router.address, router.api_port, router.api_user, router.api_password, tls)


def open_networks(settings: Settings, now_ms: Callable[[], int]) -> dict[str, Network]:
    """Return each router's network, by the router's name. One whose settings lack its address has none."""
    networks: dict[str, Network] = {}
    for router in settings.routers:
        door = api_door(router)
        if router.kind == "radius":
            networks[router.name] = RadiusNetwork(router, now_ms)
        elif door:
            networks[router.name] = RouterOSNetwork(door)
    return networks
