"""Vouchers: codes on paper, sold for cash. Made in batches, used once each, withdrawn by batch."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from hakika_hotspot.domain.package import Package, write_package
from hakika_hotspot.ids import new_code
from hakika_hotspot.store import Transaction
from hakika_hotspot.store.tables import vouchers

MOST_AT_ONCE = 500  # some sheets of paper


def make_vouchers(
    tx: Transaction, package: Package, count: int, batch: str, now_ms: int, use_by_ms: int | None = None
) -> list[str]:
    """Make vouchers. → their codes. A batch that was made before (a form sent twice) is not made again."""
    if not 1 <= count <= MOST_AT_ONCE:
        raise ValueError(f"1 to {MOST_AT_ONCE} vouchers can be made at once.")
    known = [row.code for row in read_batch(tx, batch)]
    if known:
        return known
    codes: set[str] = set()
    while len(codes) < count:
        codes.add(new_code())
    made = {"batch": batch[:40], "package": write_package(package), "made_at_ms": now_ms, "use_by_ms": use_by_ms}
    tx.execute(insert(vouchers), [{"code": code, **made} for code in sorted(codes)])
    return sorted(codes)


def read_batch(tx: Transaction, batch: str) -> Sequence[Row[Any]]:
    """Read the vouchers of a batch."""
    return tx.execute(select(vouchers).where(vouchers.c.batch == batch[:40]).order_by(vouchers.c.code)).all()


def list_batches(tx: Transaction, most: int = 50) -> Sequence[Row[Any]]:
    """Read batches, newest first: how many were made, used and withdrawn."""
    columns = (
        vouchers.c.batch,
        func.min(vouchers.c.package).label("package"),
        func.min(vouchers.c.made_at_ms).label("made_at_ms"),
        func.count().label("made"),
        func.count(vouchers.c.used_at_ms).label("used"),
        func.count(vouchers.c.withdrawn_at_ms).label("withdrawn"),
    )
    newest = func.min(vouchers.c.made_at_ms).desc()
    return tx.execute(select(*columns).group_by(vouchers.c.batch).order_by(newest).limit(most)).all()


def withdraw_batch(tx: Transaction, batch: str, now_ms: int) -> int:
    """Withdraw what is unused of a batch. → how many."""
    unused = (vouchers.c.batch == batch) & vouchers.c.used_at_ms.is_(None) & vouchers.c.withdrawn_at_ms.is_(None)
    return tx.execute(update(vouchers).where(unused).values(withdrawn_at_ms=now_ms)).rowcount
