"""Values that are kept by name: the cursor in Hakika's events, the webhook's secret."""

from sqlalchemy import insert, select, update

from hakika_hotspot.store import Transaction
from hakika_hotspot.store.tables import kept


def read_kept(tx: Transaction, name: str) -> str:
    """Read one, or ""."""
    return str(tx.execute(select(kept.c.value).where(kept.c.name == name)).scalar() or "")


def keep(tx: Transaction, name: str, value: str) -> None:
    """Keep one."""
    if tx.execute(update(kept).where(kept.c.name == name).values(value=value)).rowcount == 0:
        tx.execute(insert(kept).values(name=name, value=value))
