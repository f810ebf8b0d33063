"""Requests that are done once, however often they come: the caller's Idempotency-Key, and what was answered to it."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

import msgspec

from hakika.domain.errors import IdempotencyKeyInFlight, IdempotencyKeyReused
from hakika.domain.schedule import HOUR_MS
from hakika.store.keys import (
    IdempotencyRow,
    find_idempotency_key,
    forget_idempotency_key,
    insert_idempotency_key,
)
from hakika.store.opening import Store
from hakika.store.transaction import Transaction

KEYS_LIVE_MS = 24 * HOUR_MS
_Made = TypeVar("_Made")
Job = Callable[[Transaction], tuple[bytes, _Made]]


class IdempotencyKey(msgspec.Struct, frozen=True):
    """A caller's key for one logical request, and what its body was."""

    api_key: str
    key: str
    fingerprint: str


class Answered(msgspec.Struct, frozen=True):
    """A request's answer as JSON, and whether it was given before."""

    body: bytes
    replayed: bool


class Done(msgspec.Struct, Generic[_Made], frozen=True):
    """What came of a request: its answer, and what was made unless it was made before."""

    answered: Answered
    made: _Made | None


def fingerprint_body(path: str, body: object) -> str:
    """The same for bodies that mean the same, whatever their spacing and the order of their keys."""
    return hashlib.sha256(path.encode() + b"\n" + msgspec.json.encode(body, order="deterministic")).hexdigest()


class Once:
    """Does requests, and remembers what was answered to their keys."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store, self._clock = store, clock
        self._in_flight: set[tuple[str, str]] = set()

    async def do(self, key: IdempotencyKey | None, job: Job[_Made]) -> Done[_Made]:
        """Run a job in a transaction, unless its key was answered before. `job` → the answer, and what was made.

        Raises IdempotencyKeyInFlight, IdempotencyKeyReused, and what the job raises; then nothing is remembered.
        """
        slot = (key.api_key, key.key) if key else None
        if slot in self._in_flight:
            raise IdempotencyKeyInFlight
        if slot:
            self._in_flight.add(slot)
        try:
            return await self._store.write(partial(self._do, key, job))
        finally:
            if slot:
                self._in_flight.discard(slot)

    def _do(self, key: IdempotencyKey | None, job: Job[_Made], tx: Transaction) -> Done[_Made]:
        kept = self._replay(tx, key) if key else None
        if kept is not None:
            return Done(Answered(kept, replayed=True), None)
        body, made = job(tx)
        if key:
            row = IdempotencyRow(key.api_key, key.key, key.fingerprint, self._clock(), 201, body)
            insert_idempotency_key(tx, row)
        return Done(Answered(body, replayed=False), made)

    def _replay(self, tx: Transaction, key: IdempotencyKey) -> bytes | None:
        if not tx.try_lock_name(f"idempotency:{key.api_key}:{key.key}"):
            raise IdempotencyKeyInFlight
        kept = find_idempotency_key(tx, key.api_key, key.key)
        if kept is None:
            return None
        if self._clock() - kept.created_at_ms > KEYS_LIVE_MS:
            forget_idempotency_key(tx, key.api_key, key.key)
            return None
        if kept.fingerprint != key.fingerprint:
            raise IdempotencyKeyReused
        return kept.body
