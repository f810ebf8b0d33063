"""Grants, each once; what they add up to; and which device goes by which entitlement.

A grant has a source (`payment:pay_…`, `voucher:…`, `owner:…`) that is its primary key, in the transaction that grants:
an event that comes ten times grants once. Every change ends in `settle`, which works out anew when it is all over and
owes the routers what has to change.
"""

from typing import NamedTuple

from sqlalchemy import delete, insert, select, update

from hakika_hotspot import tasks
from hakika_hotspot.domain.package import Package, read_package, write_package
from hakika_hotspot.domain.turns import Grant, Turn, end_of_terms_ms, find_turn, take_turns
from hakika_hotspot.ids import new_code, new_id
from hakika_hotspot.sessions import list_live
from hakika_hotspot.store import Transaction
from hakika_hotspot.store.opening import for_update, lock_name
from hakika_hotspot.store.tables import devices, entitlements, grants, purchases, sessions

LONGEST_MS = 400 * 86_400_000  # no package is longer: what was used before is over


class Place(NamedTuple):
    """A device, as a browser or a router says: any of it may be unknown."""

    mac: str = ""
    browser: str = ""  # hash of its cookie
    router: str = ""
    address: str = ""
    phone: str = ""  # that paid, just now
    told: bool = False  # the MAC is a router's word, not a browser's

    @property
    def seen(self) -> dict[str, str]:
        """What is known of where it is."""
        known = {"browser": self.browser, "router": self.router, "address": self.address}
        return {name: value for name, value in known.items() if value}


# ── granting and revoking ──────────────────────────────


def grant(tx: Transaction, source: str, package: Package, place: Place, now_ms: int, *, into: str = "") -> str:
    """Grant a package, once for each source: created, or extending what the device has. → the entitlement's id.

    `into` names the entitlement; else it is the device's own, where it has one that is open.
    """
    for name in sorted(filter(None, (place.mac and f"device:{place.mac}", place.browser))):
        lock_name(tx, name)
    lock_name(tx, source)
    known = tx.execute(select(grants.c.entitlement).where(grants.c.source == source)).scalar()
    if known is not None:
        return str(known)
    entitlement = into or find_own(tx, place, now_ms) or _create(tx, now_ms)
    lock_entitlement(tx, entitlement)
    tx.execute(
        insert(grants).values(
            source=source,
            entitlement=entitlement,
            package=write_package(package),
            granted_at_ms=now_ms,
            seconds=package.seconds,
            bytes_limit=package.bytes_limit,
            bytes_used=0,
            revoked_because="",
        )
    )
    if place.mac:
        bind_device(tx, entitlement, place, now_ms)
    settle(tx, entitlement, now_ms)
    owe_opening(tx, entitlement, now_ms)
    return entitlement


def revoke(tx: Transaction, source: str, because: str, now_ms: int) -> bool:
    """Take a grant back. → whether there was one that still stood."""
    same = (grants.c.source == source) & grants.c.revoked_at_ms.is_(None)
    entitlement = tx.execute(select(grants.c.entitlement).where(same)).scalar()
    if entitlement is None:
        return False
    lock_entitlement(tx, entitlement)
    tx.execute(update(grants).where(same).values(revoked_at_ms=now_ms, revoked_because=because[:200]))
    settle(tx, entitlement, now_ms)
    return True


def revoke_all(tx: Transaction, entitlement: str, because: str, now_ms: int) -> None:
    """Take all of an entitlement back: the owner's word."""
    lock_entitlement(tx, entitlement)
    same = (grants.c.entitlement == entitlement) & grants.c.revoked_at_ms.is_(None)
    tx.execute(update(grants).where(same).values(revoked_at_ms=now_ms, revoked_because=because[:200]))
    settle(tx, entitlement, now_ms)


def use_bytes(tx: Transaction, entitlement: str, used: int, now_ms: int) -> None:
    """Count data against the grant whose turn it is; what it does not hold falls to the next."""
    lock_entitlement(tx, entitlement)
    ran_out = False
    while used > 0:
        turn = find_turn(read_turns(tx, entitlement), now_ms)
        if turn is None:
            break
        left = turn.grant.bytes_left
        taken = used if left is None else min(used, left)
        values: dict[str, int] = {"bytes_used": turn.grant.bytes_used + taken}
        if left is not None and taken >= left:
            values["exhausted_at_ms"], ran_out = now_ms, True
        tx.execute(update(grants).where(grants.c.source == turn.grant.source).values(values))
        used -= taken
    if ran_out:
        settle(tx, entitlement, now_ms)


def settle(tx: Transaction, entitlement: str, now_ms: int) -> None:
    """Work out when it ends and when its terms change next; owe the routers what its live sessions are to be."""
    turns = read_turns(tx, entitlement)
    turn = find_turn(turns, now_ms)
    values = {
        "expires_at_ms": turns[-1].until_ms if turns else now_ms,
        "turns_at_ms": end_of_terms_ms(turns, now_ms) if turn else None,
    }
    tx.execute(update(entitlements).where(entitlements.c.id == entitlement).values(values))
    for session in list_live(tx, now_ms, entitlement=entitlement):
        (tasks.owe_change if turn else tasks.owe_close)(tx, session, now_ms)


def sweep(tx: Transaction, now_ms: int, most: int = 100) -> int:
    """Settle what ended or changed by the passing of time. → how many."""
    due = select(entitlements.c.id).where(entitlements.c.turns_at_ms <= now_ms).order_by(entitlements.c.turns_at_ms)
    found = [str(row.id) for row in tx.execute(due.limit(most))]
    for entitlement in sorted(found):
        lock_entitlement(tx, entitlement)
        settle(tx, entitlement, now_ms)
    return len(found)


def owe_opening(tx: Transaction, entitlement: str, now_ms: int) -> None:
    """Owe that devices which wait outside are let in, where a router has to be told."""
    on_air = {session.mac for session in list_live(tx, now_ms, entitlement=entitlement)}
    if find_turn(read_turns(tx, entitlement), now_ms) is None:
        return
    for row in tx.execute(select(devices).where(devices.c.entitlement == entitlement)).all():
        if row.mac not in on_air and row.router:
            tasks.owe_open(tx, row.router, row.mac, row.address, entitlement, now_ms)


# ── reading ──────────────────────────────


def read_turns(tx: Transaction, entitlement: str) -> list[Turn]:
    """What an entitlement adds up to."""
    rows = tx.execute(select(grants).where(grants.c.entitlement == entitlement)).all()
    return take_turns(
        Grant(
            *(row.source, read_package(row.package), row.granted_at_ms, row.seconds, row.bytes_used),
            *(row.exhausted_at_ms, row.revoked_at_ms),
        )
        for row in rows
    )


def is_open(tx: Transaction, entitlement: str, now_ms: int) -> bool:
    """Whether it gives anything now."""
    return bool(entitlement) and find_turn(read_turns(tx, entitlement), now_ms) is not None


def code_of(tx: Transaction, entitlement: str) -> str:
    """The code that opens it on another device."""
    return str(tx.execute(select(entitlements.c.code).where(entitlements.c.id == entitlement)).scalar() or "")


def find_bound(tx: Transaction, mac: str) -> str:
    """Which entitlement a MAC goes by, or ""."""
    if not mac:
        return ""
    return str(tx.execute(select(devices.c.entitlement).where(devices.c.mac == mac)).scalar() or "")


def find_own(tx: Transaction, place: Place, now_ms: int) -> str:
    """What a device has open and can show to be its own, or "".

    By its browser; by its MAC where a router says it; or where the phone that pays now has paid for that MAC's time
    before. A browser's word for its MAC is not enough: who claims a stranger's would get into the stranger's time, or
    get the stranger to pay into his.
    """
    mine = find_by_browser(tx, place.browser, now_ms)
    if mine:
        return mine
    bound = find_bound(tx, place.mac)
    if bound and is_open(tx, bound, now_ms) and (place.told or _has_paid_for(tx, place.phone, bound)):
        return bound
    return ""


def find_former(tx: Transaction, mac: str, now_ms: int) -> str:
    """What else a device, by its router's word, has bought or was on the air with, and is open still; or ""."""
    bought = select(purchases.c.entitlement).where(purchases.c.mac == mac, purchases.c.entitlement.is_not(None))
    used = select(sessions.c.entitlement).where(sessions.c.mac == mac, sessions.c.started_at_ms > now_ms - LONGEST_MS)
    found = sorted({str(row.entitlement) for row in tx.execute(bought.union(used)).all() if row.entitlement})
    return next((one for one in found if is_open(tx, one, now_ms)), "")


def find_by_browser(tx: Transaction, browser: str, now_ms: int) -> str:
    """What a browser has bought or opened with a code, the newest that is open; or ""."""
    if not browser:
        return ""
    bought = select(purchases.c.entitlement, purchases.c.created_at_ms.label("at_ms")).where(
        purchases.c.browser == browser, purchases.c.entitlement.is_not(None)
    )
    bound = select(devices.c.entitlement, devices.c.bound_at_ms.label("at_ms")).where(devices.c.browser == browser)
    rows = sorted(tx.execute(bought.union(bound)).all(), key=lambda row: -int(row.at_ms))
    return next((row.entitlement for row in rows if is_open(tx, row.entitlement, now_ms)), "")


def _has_paid_for(tx: Transaction, phone: str, entitlement: str) -> bool:
    paid = (purchases.c.entitlement == entitlement) & (purchases.c.phone == phone)
    return bool(phone) and tx.execute(select(purchases.c.id).where(paid).limit(1)).first() is not None


# ── devices ──────────────────────────────


def bind_device(tx: Transaction, entitlement: str, place: Place, now_ms: int) -> None:
    """Let a MAC go by an entitlement. The MAC that the same browser had before gives up its place."""
    lock_name(tx, f"device:{place.mac}")
    values: dict[str, object] = {"entitlement": entitlement, "bound_at_ms": now_ms, **place.seen}
    if tx.execute(update(devices).where(devices.c.mac == place.mac).values(values)).rowcount == 0:
        fields = {"browser": "", "router": "", "address": ""} | values
        tx.execute(insert(devices).values(mac=place.mac, **fields))
    if place.browser:
        _supersede(tx, entitlement, place, now_ms)


def may_claim(tx: Transaction, place: Place, entitlement: str, now_ms: int) -> bool:
    """Whether a browser's word is enough to bind a MAC: not where it would take a device off what it has open."""
    row = tx.execute(select(devices).where(devices.c.mac == place.mac)).first()
    if row is None or row.entitlement == entitlement or (row.browser and row.browser == place.browser):
        return True
    return not is_open(tx, row.entitlement, now_ms)


def unbind_device(tx: Transaction, mac: str, now_ms: int) -> None:
    """Take a device off: its sessions end, and it comes back only through the portal."""
    for session in list_live(tx, now_ms, mac=mac):
        tasks.owe_close(tx, session, now_ms)
    tx.execute(delete(devices).where(devices.c.mac == mac))


def note_place(tx: Transaction, mac: str, router: str, now_ms: int, address: str = "") -> None:
    """Keep where a device was last seen."""
    values = {name: value for name, value in {"router": router, "address": address}.items() if value}
    if mac and values and now_ms:
        tx.execute(update(devices).where(devices.c.mac == mac).values(values))


def lock_entitlement(tx: Transaction, entitlement: str) -> None:
    """Keep others who change it waiting until this transaction ends."""
    tx.execute(for_update(tx, select(entitlements.c.id).where(entitlements.c.id == entitlement))).first()


def _create(tx: Transaction, now_ms: int) -> str:
    entitlement = new_id("ent")
    tx.execute(insert(entitlements).values(id=entitlement, code=new_code(), created_at_ms=now_ms, expires_at_ms=now_ms))
    return entitlement


def _supersede(tx: Transaction, entitlement: str, place: Place, now_ms: int) -> None:
    """A phone that randomised its MAC anew is one device, not two."""
    older = (devices.c.entitlement == entitlement) & (devices.c.browser == place.browser) & (devices.c.mac != place.mac)
    for row in tx.execute(select(devices.c.mac).where(older)).all():
        unbind_device(tx, row.mac, now_ms)
        left = (sessions.c.mac == row.mac) & sessions.c.stopped_at_ms.is_(None)
        tx.execute(update(sessions).where(left).values(superseded=True))
