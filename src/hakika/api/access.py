"""Who may call: API keys, hashed in the database, or the one in `HAKIKA_API_KEY`. No key, no access.

The command line on the server's own machine has one more: the local key, made anew for each run of the server.
"""

import functools
import ipaddress
from typing import NamedTuple

from fastapi.security import HTTPBearer
from starlette.requests import Request

from hakika.api.problems import NotLocal
from hakika.domain.errors import NotAuthenticated
from hakika.engine.ids import hash_secret, same_secret
from hakika.store.keys import ApiKeyRow, find_api_key
from hakika.store.opening import Store
from hakika.store.transaction import Transaction

LOCAL = "local"
"""Who calls with the local key: the server's own user, on its own machine."""


class Caller(NamedTuple):
    """Who calls: the id of the key, and the mode of the payments that it opens; `""` opens both."""

    key: str
    mode: str


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
        if self._local and same_secret(key, self._local) and _is_loopback(sender):
            return Caller(LOCAL, "")
        row = await self._store.read(functools.partial(_find, hash_secret(key)))
        if row is None:
            raise NotAuthenticated("That key is not known, or was revoked.")
        return Caller(row.id, row.mode)


def _find(key_hash: str, tx: Transaction) -> ApiKeyRow | None:
    return find_api_key(tx, key_hash)


async def require_key(request: Request) -> Caller:
    """FastAPI's dependency: who has the API key that came with the request."""
    known: Caller | None = request.scope.get("hakika.key")  # the guard asked already
    if known is not None:
        return known
    gate: Gate = request.app.state.gate
    sender = request.client.host if request.client else ""
    return await gate.identify(request.headers.get("authorization", ""), sender)


bearer = HTTPBearer(auto_error=False, scheme_name="API key", description="`Authorization: Bearer KEY`")
"""For OpenAPI alone: says that a key is needed."""


async def require_local(request: Request) -> None:
    """FastAPI's dependency: only with the local key. Raises NotLocal."""
    if (await require_key(request)).key != LOCAL:
        raise NotLocal


def _is_loopback(sender: str) -> bool:
    try:
        return ipaddress.ip_address(sender).is_loopback
    except ValueError:
        return False
