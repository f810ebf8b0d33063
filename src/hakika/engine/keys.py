"""API keys: made here, shown once, kept as a hash."""

from collections.abc import Callable
from typing import Any

from hakika.domain.errors import InvalidRequest, NotFound
from hakika.engine.ids import Entropy, hash_secret, make_id, make_secret
from hakika.engine.representation import iso
from hakika.store.keys import ApiKeyRow, insert_api_key, revoke_api_key
from hakika.store.transaction import Transaction


def create_key(
    tx: Transaction, name: str, mode: str, clock: Callable[[], int], entropy: Entropy
) -> tuple[str, ApiKeyRow]:
    """Make an API key for payments of one mode, `test` or `live`. → the key, shown this once, and its row.

    Raises InvalidRequest for an empty or long name, or another mode.
    """
    if mode not in {"test", "live"}:
        raise InvalidRequest(f"A key is for `test` or `live` payments, not {mode!r}.", field="mode")
    if not name.strip() or len(name) > 64:
        raise InvalidRequest("A key's name has 1 to 64 characters.", field="name")
    now_ms, key = clock(), make_secret(f"hk_{mode}", entropy)
    row = ApiKeyRow(make_id("key", now_ms, entropy), name.strip(), hash_secret(key), mode, key[-4:], now_ms, None)
    insert_api_key(tx, row)
    return key, row


def revoke_key(tx: Transaction, key_id: str, now_ms: int) -> None:
    """End a key's life. Raises NotFound where there is no such key, or it is revoked already."""
    if not revoke_api_key(tx, key_id, now_ms):
        raise NotFound(f"There is no live key {key_id!r}: see `hakika keys list`.")


def show_key(row: ApiKeyRow) -> dict[str, Any]:
    """A key as people may see it."""
    return {
        "id": row.id,
        "object": "api_key",
        "name": row.name,
        "mode": row.mode,
        "hint": row.hint,
        "created_at": iso(row.created_at_ms),
        "revoked_at": iso(row.revoked_at_ms) if row.revoked_at_ms else None,
    }
