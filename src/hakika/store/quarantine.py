"""How much is kept of what nobody adopted: strangers must not fill the disk, nor push out what waits for its payment.

Three shares of the disk, each of which forgets its oldest first, so that a flood of one kind leaves the others alone:

junk      what can never find a payment (no CheckoutRequestID), or is larger than any callback of Safaricom's
foreign   callbacks from addresses that are not on the list of Safaricom's
known     callbacks from those that are
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select

from hakika.store.tables import quarantine
from hakika.store.transaction import Transaction

FOREIGN = "about no payment of ours, from a foreign address"
"""The reason of a callback that Safaricom, by its list of addresses, did not post."""

MIB = 1024 * 1024
SHARES_BYTES: Mapping[str, int] = {"junk": 16 * MIB, "foreign": 16 * MIB, "known": 32 * MIB}
"""64 MiB in all: some 40,000 callbacks, and nobody's disk."""

THIN_EVERY_BYTES = 4 * MIB
"""Thinning reads the table: so much may come before it is done again, beyond the shares."""

USUAL_CALLBACK_BYTES = 4096  # Safaricom's have less than 1 KiB
ROW_BYTES = 512  # what a row takes besides its texts: its own fields, its page and its two indexes


def thin_quarantine(tx: Transaction, shares_bytes: Mapping[str, int] = SHARES_BYTES) -> int:
    """Forget the oldest of each kind, beyond its share. → how many. What was adopted stays."""
    if not tx.try_lock_name("quarantine"):
        return 0  # another node is at it
    return sum(_thin(tx, kind, shares_bytes[name]) for name, kind in _kinds().items())


def weigh(reading: str, raw: bytes | None, origin: str) -> int:
    """How many bytes a row takes, nearly."""
    return ROW_BYTES + len(reading) + len(raw or b"") + len(origin)


def _kinds() -> dict[str, ColumnElement[bool]]:
    parked = quarantine.c
    large = func.coalesce(func.length(parked.raw), 0) > USUAL_CALLBACK_BYTES
    junk = or_(parked.checkout_request_id == "", large)
    foreign = parked.reason == FOREIGN
    return {"junk": junk, "foreign": and_(~junk, foreign), "known": and_(~junk, ~foreign)}


def _thin(tx: Transaction, kind: ColumnElement[bool], share_bytes: int) -> int:
    parked = quarantine.c
    orphaned = and_(parked.adopted_by == "", kind)
    first_too_many = _find_first_beyond(tx, orphaned, share_bytes)
    if first_too_many is None:
        return 0
    # What another node has in its hands right now stays for the next time: nobody waits, nobody deadlocks.
    forgotten = select(parked.id).where(orphaned, parked.id <= first_too_many)
    forgotten = tx.dialect.for_update(forgotten, skip_locked=True)
    return int(tx.execute(delete(quarantine).where(parked.id.in_(forgotten))).rowcount)


def _find_first_beyond(tx: Transaction, orphaned: ColumnElement[bool], share_bytes: int) -> int | None:
    """The newest that does not fit into the share, counted from the newest of all."""
    parked = quarantine.c
    weight: Any = ROW_BYTES + func.length(parked.reading) + func.length(parked.origin)
    weight += func.coalesce(func.length(parked.raw), 0)
    so_far = func.sum(weight).over(order_by=parked.id.desc()).label("so_far")
    counted = select(parked.id, so_far).where(orphaned).subquery()
    beyond = select(counted.c.id).where(counted.c.so_far > share_bytes)
    row = tx.one(beyond.order_by(counted.c.id.desc()).limit(1))
    return None if row is None else int(row[0])
