"""Whether a device may go on the air now, and what routers tell of its usage.

The router's word for the device (Calling-Station-Id) decides, never what a browser claims. A name and password can
bring a device in that was not seen before: a voucher or an entitlement's code; a phone and its receipt.
"""

from typing import Any

from sqlalchemy import Row, func, insert, select, true, update
from sqlalchemy.sql import ColumnElement

from hakika_hotspot.domain.access import Access, AccountingRecord, Happened, Nas, Reason, Session
from hakika_hotspot.domain.mac import read_mac
from hakika_hotspot.domain.phone import read_phone
from hakika_hotspot.domain.turns import Turn, bytes_left, end_of_terms_ms, find_turn
from hakika_hotspot.entitlements import (
    Place,
    bind_device,
    find_bound,
    find_former,
    is_open,
    note_place,
    read_turns,
    use_bytes,
)
from hakika_hotspot.redeeming import Redeemer, Refused, redeem
from hakika_hotspot.sessions import STALE_MS, read_session
from hakika_hotspot.store import Transaction
from hakika_hotspot.store.opening import for_update, lock_name
from hakika_hotspot.store.tables import sessions

INTERIM_S = 60  # how often routers are asked to tell of usage (Acct-Interim-Interval)
# Records that tell of one moment come in any order; one later than a stop by more than this tells something new.
SAME_MOMENT_MS = 5_000


def decide_access(tx: Transaction, mac: str, username: str, password: str, nas: Nas, now_ms: int) -> Access:
    """What a device may do now. It writes: a code that is right binds the device, a wrong one is counted.

    `mac` is the router's word (Calling-Station-Id), in any spelling; `username` may be a MAC (then it says nothing
    more), a voucher, an entitlement's code, a receipt, or the phone that paid, with the receipt as `password`.
    """
    device = read_mac(mac)
    lock_name(tx, f"device:{device or username}")
    if not read_mac(username) and (username or password):
        phone = read_phone(username)
        who = Redeemer(device, router=nas.router, site=nas.site)
        try:
            entitlement = redeem(tx, who, password if phone else username, phone, now_ms)
        except Refused as refused:
            return Access(allowed=False, reason=refused.reason)
    else:
        entitlement = find_bound(tx, device)
        if entitlement and not is_open(tx, entitlement, now_ms) and (former := find_former(tx, device, now_ms)):
            entitlement = former
            bind_device(tx, former, Place(device, router=nas.router), now_ms)
    if not entitlement:
        return Access(allowed=False, reason=Reason.NOTHING_BOUGHT)
    note_place(tx, device, nas.router, now_ms)
    return judge(tx, entitlement, device, nas, now_ms)


def judge(tx: Transaction, entitlement: str, mac: str, nas: Nas, now_ms: int) -> Access:
    """What an entitlement gives a device at a router now."""
    turns = read_turns(tx, entitlement)
    turn = find_turn(turns, now_ms)
    if turn is None:
        return Access(allowed=False, reason=_why_over(turns), entitlement_id=entitlement)
    package = turn.grant.package
    if not package.is_sold_at(nas.site):
        return Access(allowed=False, reason=Reason.OTHER_SITE, package=package.id, entitlement_id=entitlement)
    if count_others(tx, entitlement, mac, now_ms) >= package.devices:
        return Access(allowed=False, reason=Reason.TOO_MANY_DEVICES, package=package.id, entitlement_id=entitlement)
    return Access(
        allowed=True,
        reason=Reason.GRANTED,
        seconds_left=max(1, (end_of_terms_ms(turns, now_ms) - now_ms) // 1000),
        rate_up_kbps=package.rate_up_kbps,
        rate_down_kbps=package.rate_down_kbps,
        bytes_left=bytes_left(turns, now_ms),
        package=package.id,
        entitlement_id=entitlement,
        devices=package.devices,
        expires_at_ms=turns[-1].until_ms,
    )


def count_others(tx: Transaction, entitlement: str, mac: str, now_ms: int) -> int:
    """How many other devices are on the air by an entitlement, by what routers told."""
    return _count_others(tx, entitlement, mac, now_ms, true())


def _count_others(tx: Transaction, entitlement: str, mac: str, now_ms: int, which: ColumnElement[bool]) -> int:
    live = (
        (sessions.c.entitlement == entitlement)
        & (sessions.c.mac != mac)
        & sessions.c.stopped_at_ms.is_(None)
        & sessions.c.superseded.is_(False)
        & (sessions.c.updated_at_ms > now_ms - STALE_MS)
        & which
    )
    return int(tx.execute(select(func.count(func.distinct(sessions.c.mac))).where(live)).scalar_one())


def is_one_too_many(tx: Transaction, session: Session, now_ms: int) -> bool:
    """Whether as many other devices as its package has were on the air by the same entitlement before it."""
    turn = find_turn(read_turns(tx, session.entitlement_id), now_ms)
    began = sessions.c.started_at_ms
    earlier = (began < session.started_at_ms) | ((began == session.started_at_ms) & (sessions.c.mac < session.mac))
    others = _count_others(tx, session.entitlement_id, session.mac, now_ms, earlier)
    return turn is not None and others >= turn.grant.package.devices


def record_accounting(tx: Transaction, record: AccountingRecord) -> None:
    """Keep what a router told. In any order and however often it comes, the books are the same.

    Counts only grow, a session that has stopped stays so, and what is new of its bytes counts against the data bought.
    """
    if record.happened in {Happened.ON, Happened.OFF}:
        _close_all(tx, record)
        return
    mac = read_mac(record.mac)
    lock_name(tx, f"session:{record.nas.router}:{record.session_id}")
    same = (sessions.c.router == record.nas.router) & (sessions.c.session_id == record.session_id)
    row = tx.execute(for_update(tx, select(sessions).where(same))).first()
    if row is not None and _is_another(row, mac, record):
        # A router that was restarted counts its sessions from one again.
        aside = f"{row.session_id[:60]}~{row.started_at_ms}"
        tx.execute(
            update(sessions).where(same).values(session_id=aside, stopped_at_ms=row.stopped_at_ms or record.at_ms)
        )
        row = None
    if row is None:
        _begin(tx, record, mac)
        before, entitlement = 0, find_bound(tx, mac)
    else:
        before, entitlement = row.bytes_up + row.bytes_down, row.entitlement
        _go_on(tx, record, row)
    used = max(0, record.bytes_up + record.bytes_down - before)
    if entitlement and used:
        use_bytes(tx, entitlement, used, record.at_ms)


def _is_another(row: Row[Any], mac: str, record: AccountingRecord) -> bool:
    """Whether a record is of another session than the row that has its id."""
    if mac and row.mac != mac:
        return True
    begins = record.happened is Happened.START
    return begins and row.stopped_at_ms is not None and record.at_ms > row.stopped_at_ms + SAME_MOMENT_MS


def _begin(tx: Transaction, record: AccountingRecord, mac: str) -> None:
    stopped = record.happened is Happened.STOP
    tx.execute(
        insert(sessions).values(
            router=record.nas.router,
            session_id=record.session_id,
            mac=mac,
            username=record.username[:64],
            address=record.address,
            nas_address=record.nas_address,
            site=record.nas.site,
            entitlement=find_bound(tx, mac),
            started_at_ms=record.at_ms - record.seconds * 1000,
            updated_at_ms=record.at_ms,
            stopped_at_ms=record.at_ms if stopped else None,
            bytes_up=record.bytes_up,
            bytes_down=record.bytes_down,
            cause=record.cause[:40],
            superseded=False,
        )
    )
    note_place(tx, mac, record.nas.router, record.at_ms, record.address)


def _go_on(tx: Transaction, record: AccountingRecord, row: Row[Any]) -> None:
    values: dict[str, Any] = {
        "bytes_up": max(row.bytes_up, record.bytes_up),
        "bytes_down": max(row.bytes_down, record.bytes_down),
        "updated_at_ms": max(row.updated_at_ms, record.at_ms),
        "address": record.address or row.address,
    }
    if record.happened is Happened.STOP and row.stopped_at_ms is None:
        values |= {"stopped_at_ms": record.at_ms, "cause": record.cause[:40]}
    if record.happened is Happened.INTERIM and record.at_ms > (row.stopped_at_ms or record.at_ms) + SAME_MOMENT_MS:
        values |= {"stopped_at_ms": None, "cause": ""}  # we took it for ended: it goes on
    same = (sessions.c.router == row.router) & (sessions.c.session_id == row.session_id)
    tx.execute(update(sessions).where(same).values(values))


def _close_all(tx: Transaction, record: AccountingRecord) -> None:
    """A router that starts or stops has no sessions left of before."""
    older = (
        (sessions.c.router == record.nas.router)
        & sessions.c.stopped_at_ms.is_(None)
        & (sessions.c.updated_at_ms <= record.at_ms)
    )
    tx.execute(update(sessions).where(older).values(stopped_at_ms=record.at_ms, cause="NAS-Reboot"))


def _why_over(turns: list[Turn]) -> str:
    if not turns:
        return Reason.REVOKED
    ran_out = turns[-1].grant.exhausted_at_ms
    return Reason.DATA_IS_USED_UP if ran_out is not None else Reason.TIME_IS_UP


__all__ = ["Session", "count_others", "decide_access", "judge", "read_session", "record_accounting"]
