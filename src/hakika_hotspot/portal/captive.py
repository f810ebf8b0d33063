"""The captive-portal API (RFC 8908): phones ask it whether they are online, and show how long they still are.

Its address is told by DHCP option 114 (RFC 8910), the same for every device, so the device is known by the address that
it asks from. From an address of none of our sites nothing is said: the phone then finds out for itself.
"""

from collections.abc import Callable

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hakika_hotspot.config import Settings
from hakika_hotspot.domain.turns import bytes_left, find_turn
from hakika_hotspot.entitlements import read_turns
from hakika_hotspot.portal.visit import find_caller
from hakika_hotspot.sessions import STALE_MS
from hakika_hotspot.store import Store, Transaction
from hakika_hotspot.store.tables import sessions

MEDIA_TYPE = "application/captive+json"


class CaptiveApi:
    """Answers it."""

    def __init__(self, settings: Settings, store: Store, clock: Callable[[], int]) -> None:
        self._settings, self._store, self._clock = settings, store, clock

    def routes(self) -> list[Route]:
        """Its path."""
        return [Route("/captive-portal/api", self.answer)]

    async def answer(self, request: Request) -> Response:
        """Whether the device that asks is captive, and what it has left."""
        address = find_caller(request, self._settings)
        site = self._settings.site_of(address)
        if not site:
            return Response(status_code=404)
        told = await self._store.read(lambda tx: self._tell(tx, address, site))
        portal = self._settings.public_url.rstrip("/") + f"/?site={site}&ip={address}"
        answer = {"captive": True, "user-portal-url": portal, "can-extend-session": True} | told
        return JSONResponse(answer, headers={"Cache-Control": "private, no-store"}, media_type=MEDIA_TYPE)

    def _tell(self, tx: Transaction, address: str, site: str) -> dict[str, object]:
        now_ms = self._clock()
        live = (
            (sessions.c.address == address)
            & (sessions.c.site == site)
            & sessions.c.stopped_at_ms.is_(None)
            & (sessions.c.updated_at_ms > now_ms - STALE_MS)
        )
        row = tx.execute(select(sessions).where(live).order_by(sessions.c.started_at_ms.desc()).limit(1)).first()
        turns = read_turns(tx, row.entitlement) if row else []
        if find_turn(turns, now_ms) is None:
            return {}
        told: dict[str, object] = {"captive": False, "seconds-remaining": (turns[-1].until_ms - now_ms) // 1000}
        left = bytes_left(turns, now_ms)
        return told if left is None else told | {"bytes-remaining": left}
