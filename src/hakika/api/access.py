"""Who may call: API keys, hashed in the database, or the one in `HAKIKA_API_KEY`. No key, no access."""

import functools

from starlette.requests import Request

from hakika.domain.errors import NotAuthenticated
from hakika.engine.ids import hash_secret, same_secret
from hakika.store.keys import ApiKeyRow, find_api_key
from hakika.store.opening import Store
from hakika.store.transaction import Transaction


class Gate:
    """Knows the keys."""

    def __init__(self, store: Store, configured_key: str) -> None:
        self._store, self._configured = store, configured_key

    async def identify(self, authorization: str) -> str:
        """→ the id of the key in an Authorization header. Raises NotAuthenticated."""
        scheme, _, key = authorization.partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise NotAuthenticated("The request has no `Authorization: Bearer KEY`.")
        if self._configured and same_secret(key, self._configured):
            return "HAKIKA_API_KEY"
        row = await self._store.read(functools.partial(_find, hash_secret(key)))
        if row is None:
            raise NotAuthenticated("That key is not known, or was revoked.")
        return row.id


def _find(key_hash: str, tx: Transaction) -> ApiKeyRow | None:
    return find_api_key(tx, key_hash)


async def require_key(request: Request) -> str:
    """FastAPI's dependency: the id of the API key that came with the request."""
    gate: Gate = request.app.state.gate
    return await gate.identify(request.headers.get("authorization", ""))
