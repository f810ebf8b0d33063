"""What the owner's pages show, read from the books."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, func, or_, select

from hakika_hotspot.domain.package import read_package
from hakika_hotspot.domain.turns import find_turn
from hakika_hotspot.entitlements import read_turns
from hakika_hotspot.sessions import list_live
from hakika_hotspot.store import Transaction
from hakika_hotspot.store.tables import devices, purchases, sessions, vouchers

ON_A_PAGE = 50
TROUBLED = ("mispaid", "unresolved")


class Sales(NamedTuple):
    """What one package sold at one site."""

    site: str
    package: str
    sold: int
    shillings: int
    vouchers: int


class OnAir(NamedTuple):
    """A device that is online."""

    mac: str
    site: str
    router: str
    address: str
    entitlement: str
    package: str
    phone: str
    since_ms: int
    megabytes: int
    until_ms: int


def read_sales(tx: Transaction, since_ms: int, until_ms: int) -> list[Sales]:
    """Sum up sales by site and package; a payment that was reversed is none."""
    paid = (
        (purchases.c.status == "completed")
        & (purchases.c.ended_at_ms >= since_ms)
        & (purchases.c.ended_at_ms < until_ms)
    )
    columns = (purchases.c.site, purchases.c.package_id, func.count(), func.sum(purchases.c.price))
    rows = tx.execute(select(*columns).where(paid).group_by(purchases.c.site, purchases.c.package_id)).all()
    found = {(site, package): (int(sold), int(shillings)) for site, package, sold, shillings in rows}
    used: dict[tuple[str, str], int] = {}
    within = (vouchers.c.used_at_ms >= since_ms) & (vouchers.c.used_at_ms < until_ms)
    for row in tx.execute(select(vouchers.c.package).where(within)).all():
        package = ("", read_package(row.package).id)
        used[package] = used.get(package, 0) + 1
    keys = sorted(found.keys() | used.keys())
    return [Sales(key[0], key[1], *found.get(key, (0, 0)), used.get(key, 0)) for key in keys]


def read_on_air(tx: Transaction, now_ms: int, site: str = "") -> list[OnAir]:
    """Who is online, as routers told."""
    found = []
    sites = {
        (row.router, row.session_id): row.site
        for row in tx.execute(select(sessions).where(sessions.c.stopped_at_ms.is_(None)))
    }
    for session in list_live(tx, now_ms):
        stands = sites.get((session.router, session.session_id), "")
        if site and stands != site:
            continue
        turns = read_turns(tx, session.entitlement_id)
        turn = find_turn(turns, now_ms)
        found.append(
            OnAir(
                *(session.mac, stands, session.router, session.address, session.entitlement_id),
                turn.grant.package.name if turn else "",
                _phone_of(tx, session.entitlement_id),
                session.started_at_ms,
                (session.bytes_up + session.bytes_down) // 1_000_000,
                turns[-1].until_ms if turns else 0,
            )
        )
    return found


def find_purchases(tx: Transaction, text: str, *, troubled: bool = False) -> Sequence[Row[Any]]:
    """Find purchases by phone, receipt or MAC; or those that a person has to look at; newest first."""
    found = select(purchases).order_by(purchases.c.created_at_ms.desc()).limit(ON_A_PAGE)
    if text:
        columns = (purchases.c.phone, purchases.c.receipt, purchases.c.mac, purchases.c.id, purchases.c.payment)
        found = found.where(or_(*(column == text for column in columns)))
    if troubled:
        found = found.where(purchases.c.status.in_(TROUBLED))
    return tx.execute(found).all()


def list_devices(tx: Transaction, entitlement: str) -> Sequence[Row[Any]]:
    """Read the devices that go by an entitlement."""
    return tx.execute(select(devices).where(devices.c.entitlement == entitlement)).all()


def _phone_of(tx: Transaction, entitlement: str) -> str:
    bought = select(purchases.c.phone).where(purchases.c.entitlement == entitlement)
    return str(tx.execute(bought.order_by(purchases.c.created_at_ms.desc()).limit(1)).scalar() or "")
