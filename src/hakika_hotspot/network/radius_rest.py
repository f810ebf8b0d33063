"""What FreeRADIUS asks us over HTTP (its module rlm_rest): may this device go on the air; what a router tells of use.

    POST /radius/authorize    200 with attributes: let it through · 401 with a Reply-Message: do not
    POST /radius/accounting   204: written down. Else FreeRADIUS does not answer, and the router tells it again

The body is the RADIUS request as JSON: `{"User-Name": {"type": "string", "value": ["…"]}, …}`. FreeRADIUS shows that it
is ours by `radius_token` (the password of HTTP basic), and names the router in `X-Hakika-Router`: what clients.conf
calls the address and secret that it came by. A router whose address changes says who it is by NAS-Identifier.
"""

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hakika_hotspot.accounts import INTERIM_S, decide_access
from hakika_hotspot.config import Settings
from hakika_hotspot.domain.access import Access, AccountingRecord, Happened, Nas, Reason
from hakika_hotspot.ids import read_code
from hakika_hotspot.network.attributes import describe_start, find_password, first, read_device, read_record
from hakika_hotspot.network.hearing import hear
from hakika_hotspot.store import Store, Transaction

log = structlog.get_logger()

Sent: TypeAlias = dict[str, list[str]]


class RadiusDesk:
    """The routes for FreeRADUS' REST module."""

    def __init__(self, store: Store, settings: Settings, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._settings = settings
        self._now_ms = now_ms

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/radius/authorize", self.authorize, methods=["POST"]),
            Route("/radius/accounting", self.account, methods=["POST"]),
        ]

    async def authorize(self, request: Request) -> Response:
        """Say whether a device may go on the air, and with what."""
        if not self._is_known(request):
            return Response(status_code=403)
        sent = read_sent(await request.body())
        nas = self._nas_of(request, sent)
        now_ms = self._now_ms()
        if nas is None:
            return _refuse(Access(allowed=False, reason=Reason.UNKNOWN_ROUTER))
        access = await self._store.write(lambda tx: _authorize(tx, sent, nas, now_ms))
        log.info(
            "radius_authorize", mac=read_device(sent), router=nas.router, allowed=access.allowed, why=access.reason
        )
        return _accept(access, now_ms) if access.allowed else _refuse(access)

    async def account(self, request: Request) -> Response:
        """Write down what a router tells of a session."""
        if not self._is_known(request):
            return Response(status_code=403)
        sent = read_sent(await request.body())
        nas = self._nas_of(request, sent)
        record = read_record(sent, nas, self._now_ms()) if nas else None
        if record is None:
            log.warning(
                "radius_accounting_passed_over", kind=first(sent, "Acct-Status-Type"), router=nas and nas.router
            )
            return Response(status_code=204)  # told again it would say the same
        told = record
        await self._store.write(lambda tx: hear(tx, told), tell=True)
        return Response(status_code=204)

    def _is_known(self, request: Request) -> bool:
        kind, _, encoded = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic" or not self._settings.radius_token:
            return False
        try:
            _, _, password = base64.b64decode(encoded, validate=True).partition(b":")
        except binascii.Error:
            return False
        return secrets.compare_digest(password, self._settings.radius_token.encode())

    def _nas_of(self, request: Request, sent: Sent) -> Nas | None:
        router = self._settings.find_router(request.headers.get("x-hakika-router", ""), first(sent, "NAS-Identifier"))
        return router.nas if router else None


def read_sent(data: bytes) -> Sent:
    """Read the attributes of a request as rlm_rest writes them; what is not of that shape is left out."""
    try:
        body = json.loads(data)
    except ValueError:
        return {}
    if not isinstance(body, Mapping):
        return {}
    return {
        name: [str(value) for value in said["value"]]
        for name, said in body.items()
        if isinstance(said, Mapping) and isinstance(said.get("value"), list)
    }


def _authorize(tx: Transaction, sent: Sent, nas: Nas, now_ms: int) -> Access:
    username, mac = first(sent, "User-Name"), read_device(sent)
    password = find_password(sent, [username, read_code(username), mac])
    access = decide_access(tx, mac, username, password, nas, now_ms)
    session_id = first(sent, "Acct-Session-Id")
    if access.allowed and session_id:
        # The place is taken in the transaction that gave it: of two phones that ask for the last one at the same
        # moment, one gets it. A router that names the session only later (with Start) leaves that gap open.
        hear(
            tx,
            AccountingRecord(
                happened=Happened.START,
                nas=nas,
                at_ms=now_ms,
                session_id=session_id,
                mac=mac,
                username=username,
                address=first(sent, "Framed-IP-Address"),
                nas_address=first(sent, "NAS-IP-Address"),
            ),
        )
    return access


def _accept(access: Access, now_ms: int) -> Response:
    answer: dict[str, Any] = {"control:Auth-Type": _literal("Accept")}
    for name, value in describe_start(access, INTERIM_S, now_ms).items():
        answer[f"reply:{name}"] = _literal(value)
    # The router shows it to the owner beside the session, and sends it back with accounting.
    answer["reply:Class"] = _literal(access.entitlement_id)
    return JSONResponse(answer)


def _refuse(access: Access) -> Response:
    return JSONResponse({"reply:Reply-Message": _literal(str(access.reason))}, status_code=401)


def _literal(value: str | int) -> dict[str, Any]:
    """Keep FreeRADIUS from reading `%{…}` in a value as a thing to work out."""
    return {"op": ":=", "do_xlat": False, "value": [value]}
