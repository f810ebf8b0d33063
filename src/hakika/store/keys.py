"""API keys (hashed) and the idempotency keys that came with them."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import delete, insert, select, update

from hakika.store.tables import api_keys, idempotency_keys
from hakika.store.transaction import Transaction


class ApiKeyRow(NamedTuple):
    """One API key; the key itself is not kept. `hint` is how it ends."""

    id: str
    name: str
    hash: str
    mode: str
    hint: str
    created_at_ms: int
    revoked_at_ms: int | None


class IdempotencyRow(NamedTuple):
    """What was answered to a key."""

    api_key: str
    key: str
    fingerprint: str
    created_at_ms: int
    status: int
    body: bytes


def insert_api_key(tx: Transaction, row: ApiKeyRow) -> None:
    """Store a new key."""
    tx.execute(insert(api_keys), row._asdict())


def find_api_key(tx: Transaction, key_hash: str) -> ApiKeyRow | None:
    """The key of that hash, unless it is revoked."""
    row = tx.one(select(*api_keys.columns).where(api_keys.c.hash == key_hash, api_keys.c.revoked_at_ms.is_(None)))
    return None if row is None else ApiKeyRow._make(row)


def list_api_keys(tx: Transaction) -> Sequence[ApiKeyRow]:
    """All keys, oldest first."""
    return [ApiKeyRow._make(row) for row in tx.all(select(*api_keys.columns).order_by(api_keys.c.created_at_ms))]


def revoke_api_key(tx: Transaction, key_id: str, now_ms: int) -> bool:
    """Whether there was such a key to revoke."""
    live = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at_ms.is_(None))
    return bool(tx.execute(live.values(revoked_at_ms=now_ms)).rowcount)


def find_idempotency_key(tx: Transaction, api_key: str, key: str) -> IdempotencyRow | None:
    """What was answered under that key of that API key."""
    row = tx.one(
        select(*idempotency_keys.columns).where(idempotency_keys.c.api_key == api_key, idempotency_keys.c.key == key)
    )
    return None if row is None else IdempotencyRow._make(row)


_INSERT = insert(idempotency_keys)


def insert_idempotency_key(tx: Transaction, row: IdempotencyRow) -> None:
    """Remember a key."""
    tx.tell_later(_INSERT, **row._asdict())


def forget_idempotency_key(tx: Transaction, api_key: str, key: str) -> None:
    """Forget a key."""
    tx.execute(delete(idempotency_keys).where(idempotency_keys.c.api_key == api_key, idempotency_keys.c.key == key))


def forget_idempotency_keys(tx: Transaction, before_ms: int) -> int:
    """Forget all that are older; returns how many."""
    return int(tx.execute(delete(idempotency_keys).where(idempotency_keys.c.created_at_ms < before_ms)).rowcount)
