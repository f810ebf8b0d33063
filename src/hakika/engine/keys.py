"""API keys: made here, shown once, kept as a hash."""

from collections.abc import Callable

from hakika.domain.errors import InvalidRequest
from hakika.engine.ids import Entropy, hash_secret, make_id, make_secret
from hakika.store.keys import ApiKeyRow, insert_api_key
from hakika.store.transaction import Transaction


def create_key(tx: Transaction, name: str, clock: Callable[[], int], entropy: Entropy) -> tuple[str, ApiKeyRow]:
    """Make an API key. → the key, shown this once, and its row. Raises InvalidRequest for an empty or long name."""
    if not name.strip() or len(name) > 64:
        raise InvalidRequest("A key's name has 1 to 64 characters.", field="name")
    now_ms, key = clock(), make_secret("hk", entropy)
    row = ApiKeyRow(make_id("key", now_ms, entropy), name.strip(), hash_secret(key), key[-4:], now_ms, None)
    insert_api_key(tx, row)
    return key, row
