"""Who may call: API keys, hashed in the database, or the one in `HAKIKA_API_KEY`. No key, no access.

The command line on the server's own machine has one more: the local key, made anew for each run of the server.
"""

import functools
import ipaddress
import re
from typing import NamedTuple

from starlette.requests import HTTPConnection, Request

from hakika.api.problems import ClientSecretRefused, NotLocal
from hakika.domain.errors import InvalidRequest, NotAuthenticated, NotFound
from hakika.engine.ids import hash_secret, same_secret
from hakika.engine.representation import mode_of
from hakika.store.keys import ApiKeyRow, find_api_key
from hakika.store.opening import Store
from hakika.store.payments import find_payment
from hakika.store.transaction import Transaction

LOCAL = "local"
"""Who calls with the local key: the server's own user, on its own machine."""


PAYERS_PATH = re.compile(r"/v1/payments/(pay_[0-9a-hjkmnp-tv-z]{26})(?:/wait|/stream)?")
"""What a browser may ask for: one payment, its end, its changes."""

SECRET = "pcs_"  # noqa: S105 - how client secrets begin
SECRET_LIVES_MS = 24 * 60 * 60 * 1000  # after the payment ended


class Caller(NamedTuple):
    """Who calls: the id of the key, and the mode of the payments that it opens; `""` opens both.

    `payment`: the one payment that a client secret opens.
    """

    key: str
    mode: str
    payment: str = ""


class Gate:
    """Knows the keys."""

    def __init__(self, store: Store, configured_key: str, configured_mode: str, local_key: str = "") -> None:
        self._store, self._local = store, local_key
        self._configured, self._mode = configured_key, configured_mode

    async def identify(self, authorization: str, sender: str = "") -> Caller:
        """→ who has the key in an Authorization header. Raises NotAuthenticated."""
        scheme, _, key = authorization.partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise NotAuthenticated("The request has no `Authorization: Bearer KEY`.")
        if self._configured and same_secret(key, self._configured):
            return Caller("HAKIKA_API_KEY", self._mode)
        if self._local and same_secret(key, self._local) and is_loopback(sender):
            return Caller(LOCAL, "")
        row = await self._store.glance(functools.partial(_find, hash_secret(key)))
        if row is None:
            raise NotAuthenticated("That key is not known, or was revoked.")
        return Caller(row.id, row.mode)

    async def recognise(self, key_hash: str) -> Caller:
        """→ who has the key of that hash. Raises NotAuthenticated."""
        if self._configured and same_secret(key_hash, hash_secret(self._configured)):
            return Caller("HAKIKA_API_KEY", self._mode)
        row = await self._store.glance(functools.partial(_find, key_hash))
        if row is None:
            raise NotAuthenticated("That key is not known, or was revoked.")
        return Caller(row.id, row.mode)

    async def admit_payer(self, secret: str, request: Request) -> Caller:
        """→ who has a payment's client secret. Raises ClientSecretRefused, NotFound where it is another payment's."""
        named = PAYERS_PATH.fullmatch(request.scope["path"])  # what is routed by, not what Host may bend
        if not named or request.method not in {"GET", "HEAD"}:
            raise ClientSecretRefused(f"{request.method} {request.scope['path']} is not open to a client_secret.")
        payment_id = named[1]
        row = await self._store.glance(lambda tx: find_payment(tx, payment_id))
        if row is None or not same_secret(secret, row.client_secret):
            raise NotFound("There is no such payment, or the client_secret is another's.")
        if row.final_at_ms and request.app.state.clock() - row.final_at_ms > SECRET_LIVES_MS:
            raise ClientSecretRefused("The payment ended more than 24 hours ago: its client_secret has expired.")
        return Caller(f"{SECRET}…", mode_of(row.environment), payment_id)


def _find(key_hash: str, tx: Transaction) -> ApiKeyRow | None:
    return find_api_key(tx, key_hash)


async def require_key(request: Request) -> Caller:
    """FastAPI's dependency: who has the API key that came with the request."""
    known: Caller | None = request.scope.get("hakika.key")  # the guard asked already
    if known is not None:
        return known
    gate: Gate = request.app.state.gate
    authorization = request.headers.get("authorization", "")
    secret = authorization.partition(" ")[2].strip() or request.scope.get("hakika.client_secret", "")
    if secret.startswith(SECRET):
        return await gate.admit_payer(secret, request)
    return await identify(gate, request)


async def identify(gate: Gate, connection: HTTPConnection) -> Caller:
    """→ who has the key in a connection's headers. Raises NotAuthenticated."""
    sender = connection.client.host if connection.client else ""
    return await gate.identify(connection.headers.get("authorization", ""), sender)


def read_mode(given: str | None, caller: Caller, request: Request) -> str:
    """Whose events: as the key is; a key for both says which. Raises InvalidRequest."""
    if given and caller.mode not in {"", given}:
        raise InvalidRequest(f"A key for {caller.mode} payments opens no {given} events.", field="mode")
    return given or caller.mode or str(request.app.state.mode)


async def require_local(request: Request) -> None:
    """FastAPI's dependency: only with the local key. Raises NotLocal."""
    if (await require_key(request)).key != LOCAL:
        raise NotLocal


def is_loopback(sender: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        return ipaddress.ip_address(sender).is_loopback
    except ValueError:
        return False
