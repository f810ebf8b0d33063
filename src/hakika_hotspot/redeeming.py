"""Codes: a voucher, the code of an entitlement, or a receipt of M-Pesa's.

A voucher and an entitlement's code are secrets: who has one may use it. A receipt is none (it stands in a text message,
and is read aloud in shops): it opens only for the phone that paid, or on the device that bought. Few tries, no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, update

from hakika_hotspot.domain.access import Reason
from hakika_hotspot.domain.package import read_package
from hakika_hotspot.entitlements import Place, bind_device, grant, is_open, may_claim, owe_opening
from hakika_hotspot.ids import read_code
from hakika_hotspot.store import Transaction
from hakika_hotspot.store.opening import for_update
from hakika_hotspot.store.tables import entitlements, purchases, vouchers
from hakika_hotspot.tries import are_too_many, count_wrong


class Refused(Exception):
    """A code opens nothing. The transaction must be kept: it counts the try."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Redeemer:
    """Who has a code. `claimed`: the MAC is a browser's word, not a router's."""

    mac: str = ""
    browser: str = ""
    router: str = ""
    site: str = ""
    address: str = ""
    caller: str = ""
    claimed: bool = False

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(self.mac, self.browser, self.router, self.address, told=not self.claimed)

    @property
    def names(self) -> list[str]:
        """By what its tries are counted."""
        given = {"device": self.mac, "browser": self.browser, "address": self.caller}
        return [f"{kind}:{value}" for kind, value in given.items() if value]


def redeem(tx: Transaction, who: Redeemer, text: str, phone: str, now_ms: int) -> str:
    """Let a device in by a code. → the entitlement's id. Raises Refused."""
    code = read_code(text)
    names = [*who.names, f"code:{code}"]
    if are_too_many(tx, names, now_ms):
        raise Refused(Reason.TOO_MANY_TRIES)
    place = who.place
    entitlement = (
        _use_voucher(tx, who, code, now_ms) or _use_entitlement(tx, code) or _use_receipt(tx, who, code, phone)
    )
    if not entitlement and (entitlement := _use_receipt_here(tx, who, code)):
        place = place._replace(browser="")  # the MAC is let in; that it is this browser's, nobody has shown
    if not entitlement:
        count_wrong(tx, names, now_ms)
        raise Refused(Reason.WRONG_CODE)
    if not is_open(tx, entitlement, now_ms):
        raise Refused(Reason.TIME_IS_UP)
    if who.mac and (not who.claimed or may_claim(tx, place, entitlement, now_ms)):
        bind_device(tx, entitlement, place, now_ms)
        owe_opening(tx, entitlement, now_ms)
    return entitlement


def _use_voucher(tx: Transaction, who: Redeemer, code: str, now_ms: int) -> str:
    row = tx.execute(for_update(tx, select(vouchers).where(vouchers.c.code == code))).first()
    if row is None or row.withdrawn_at_ms is not None:
        return ""
    if row.entitlement is not None:
        return str(row.entitlement)
    if row.use_by_ms is not None and row.use_by_ms <= now_ms:
        return ""
    package = read_package(row.package)
    if not package.is_sold_at(who.site):
        raise Refused(Reason.OTHER_SITE)
    place = who.place
    if who.claimed and not may_claim(tx, place, "", now_ms):
        place = place._replace(mac="")
    entitlement = grant(tx, f"voucher:{code}", package, place, now_ms)
    used = {"used_at_ms": now_ms, "entitlement": entitlement}
    tx.execute(update(vouchers).where(vouchers.c.code == code).values(used))
    return entitlement


def _use_entitlement(tx: Transaction, code: str) -> str:
    return str(tx.execute(select(entitlements.c.id).where(entitlements.c.code == code)).scalar() or "")


def _use_receipt(tx: Transaction, who: Redeemer, code: str, phone: str) -> str:
    """A receipt with the phone that paid, or in the browser that bought."""
    for row in _find_bought(tx, code):
        if (phone and phone == row.phone) or (who.browser and who.browser == row.browser):
            return str(row.entitlement)
    return ""


def _use_receipt_here(tx: Transaction, who: Redeemer, code: str) -> str:
    """A receipt on the device that it was bought for, and for that device alone."""
    return next((str(row.entitlement) for row in _find_bought(tx, code) if who.mac and who.mac == row.mac), "")


def _find_bought(tx: Transaction, code: str) -> Sequence[Row[Any]]:
    bought = select(purchases).where(purchases.c.receipt == code, purchases.c.entitlement.is_not(None))
    return tx.execute(bought).all()
