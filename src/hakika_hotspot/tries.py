"""Wrong codes are counted, and after a few nobody is heard for a while."""

from collections.abc import Iterable

from sqlalchemy import delete, insert, select, update

from hakika_hotspot.store import Transaction
from hakika_hotspot.store.opening import lock_name
from hakika_hotspot.store.tables import tries

WITHIN_MS = 15 * 60_000
MOST = {
    "device": 5,
    "browser": 5,
    "code": 5,
    "login": 10,
    "rings": 6,
    "phone": 6,  # prompts that one device asks for, and that one phone is sent
    "address": 60,
    "site": 300,  # an address may be a whole site's: behind one router sit hundreds
}


def are_too_many(tx: Transaction, whose: Iterable[str], now_ms: int) -> bool:
    """Whether any of them (`device:AA:…`) has used up its tries."""
    for one in whose:
        count = tx.execute(
            select(tries.c.count).where(tries.c.whose == one, tries.c.since_ms > now_ms - WITHIN_MS)
        ).scalar()
        if count is not None and count >= MOST[one.partition(":")[0]]:
            return True
    return False


def count_wrong(tx: Transaction, whose: Iterable[str], now_ms: int) -> None:
    """Count a wrong try of each of them."""
    for one in sorted(whose):
        lock_name(tx, f"try:{one}")
        row = tx.execute(select(tries).where(tries.c.whose == one)).first()
        if row is None:
            tx.execute(insert(tries).values(whose=one, since_ms=now_ms, count=1))
        elif row.since_ms <= now_ms - WITHIN_MS:
            tx.execute(update(tries).where(tries.c.whose == one).values(since_ms=now_ms, count=1))
        else:
            tx.execute(update(tries).where(tries.c.whose == one).values(count=tries.c.count + 1))


def forget_tries(tx: Transaction, now_ms: int) -> None:
    """Drop what counts no more."""
    tx.execute(delete(tries).where(tries.c.since_ms <= now_ms - WITHIN_MS))
