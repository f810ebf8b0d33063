"""What routers tell, written down, and what follows from it.

One thing follows: a session that goes on although what it goes by is over is closed. Its router may have been out of
reach when it should have been told, or may count time by a clock of its own. So is one that came in beside as many
devices as were bought: of two that were let in at one moment, the books showed neither to the other.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select

from hakika_hotspot import tasks
from hakika_hotspot.accounts import is_one_too_many, record_accounting
from hakika_hotspot.domain.access import AccountingRecord, Happened, Nas
from hakika_hotspot.entitlements import is_open
from hakika_hotspot.sessions import find_session, read_session
from hakika_hotspot.store import Transaction
from hakika_hotspot.store.tables import sessions

# A router's uptime is in whole seconds, and its answer was under way for some time: sessions that began closer together
# than this are the same one.
SAME_START_MS = 5_000


def hear(tx: Transaction, record: AccountingRecord) -> None:
    """Write down what a router told of a session; owe its end where it should have ended."""
    record_accounting(tx, record)
    if record.happened not in {Happened.START, Happened.INTERIM}:
        return
    session = find_session(tx, record.nas.router, record.session_id)
    if session is None or not session.entitlement_id:
        return
    if not is_open(tx, session.entitlement_id, record.at_ms) or is_one_too_many(tx, session, record.at_ms):
        tasks.owe_close(tx, session, record.at_ms)


def hear_list(tx: Transaction, nas: Nas, told: Sequence[AccountingRecord], now_ms: int) -> None:
    """Write down who is on the air at a router that lists its sessions; those that it lists no more have ended.

    Such a router numbers sessions anew for each log-in, so one is known by its device and when it began.
    """
    live = (sessions.c.router == nas.router) & sessions.c.stopped_at_ms.is_(None)
    known = {row.mac: read_session(row) for row in tx.execute(select(sessions).where(live)).all()}
    heard = []
    for record in told:
        began_ms = record.at_ms - record.seconds * 1000
        before = known.get(record.mac)
        if before and abs(before.started_at_ms - began_ms) <= SAME_START_MS:
            del known[record.mac]
            heard.append(replace(record, session_id=before.session_id))
        else:
            heard.append(replace(record, session_id=f"{record.mac}@{began_ms // 1000}"))
    for gone in known.values():  # first: who left makes room
        _end(tx, nas, gone.session_id, gone.mac, now_ms)
    for record in heard:
        hear(tx, record)


def _end(tx: Transaction, nas: Nas, session_id: str, mac: str, now_ms: int) -> None:
    stop = AccountingRecord(Happened.STOP, nas, now_ms, session_id=session_id, mac=mac, cause="Not-Listed")
    record_accounting(tx, stop)


def hear_gone(tx: Transaction, nas: Nas, session_id: str, mac: str, now_ms: int) -> None:
    """Write down that a router has no such session (any more): it holds no place."""
    if find_session(tx, nas.router, session_id):
        _end(tx, nas, session_id, mac, now_ms)
