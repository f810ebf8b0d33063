"""Sessions that routers told us of: who is on the air."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.sql import ColumnElement

from hakika_hotspot.domain.access import Session
from hakika_hotspot.store import Transaction
from hakika_hotspot.store.tables import sessions

STALE_MS = 10 * 60_000  # nothing was heard of it for ten interim updates: it holds no device's place


def read_session(row: Row[Any]) -> Session:
    """Read a row."""
    return Session(
        *(row.router, row.session_id, row.mac, row.username, row.address, row.nas_address, row.entitlement),
        *(row.started_at_ms, row.updated_at_ms, row.bytes_up, row.bytes_down),
    )


def find_session(tx: Transaction, router: str, session_id: str) -> Session | None:
    """Find one, if it is live as far as the router told."""
    same = (sessions.c.router == router) & (sessions.c.session_id == session_id) & sessions.c.stopped_at_ms.is_(None)
    row = tx.execute(select(sessions).where(same)).first()
    return read_session(row) if row else None


def list_live(tx: Transaction, now_ms: int, *, entitlement: str = "", mac: str = "") -> Sequence[Session]:
    """Read live sessions, newest first: of an entitlement, of a device, or all."""
    which: ColumnElement[bool] = sessions.c.stopped_at_ms.is_(None) & (sessions.c.updated_at_ms > now_ms - STALE_MS)
    if entitlement:
        which &= sessions.c.entitlement == entitlement
    if mac:
        which &= sessions.c.mac == mac
    rows = tx.execute(select(sessions).where(which).order_by(sessions.c.started_at_ms.desc()))
    return [read_session(row) for row in rows]
