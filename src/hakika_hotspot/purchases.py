"""Purchases: a package that somebody asks for on the portal, until Hakika has been asked for its price.

The row is there before Hakika is called, and its id is both reference and idempotency key: a second click, a crash
between the two or a lost answer ask the same phone once. What becomes of the money is heard by receiver.py, not here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Row, insert, select, update

from hakika.client import AsyncHakika, HakikaError, NoAnswer, Payment, ReferenceInUse
from hakika.client.codes import IdempotencyKeyInFlight
from hakika_hotspot.domain.package import Package, write_package
from hakika_hotspot.entitlements import Place
from hakika_hotspot.ids import hash_secret, new_id, new_token
from hakika_hotspot.store import Store, Transaction
from hakika_hotspot.store.opening import lock_name
from hakika_hotspot.store.tables import purchases

ASKING, PENDING, COMPLETED, FAILED = "asking", "pending", "completed", "failed"
UNASKED = "unasked"  # whether Hakika was ever asked is unknown: no failure, and nothing to try again at once
SHORTEST_TOKEN = 20
ASK_AGAIN_AFTER_MS = 15_000  # longer than an answer of Hakika's is waited for
GIVE_UP_AFTER_MS = 120_000  # nobody holds the phone any more: not to be rung then
AS_THEY_ARE = {"payer_busy", "repeated_too_soon", "invalid_phone"}  # errors that the portal has words for
SERVERS_FAULT, TOO_MANY = 500, 429  # the same call may do later
ON_THE_PROMPT = "WIFI"  # what the payer reads as the account
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wish:
    """What a form asked for. `token` is the form's own: the same form twice is one purchase."""

    token: str
    package: Package
    phone: str
    place: Place
    site: str
    mode: str


def begin_purchase(tx: Transaction, wish: Wish, now_ms: int) -> tuple[Row[Any], str, bool]:
    """Keep what is to be bought. → the row, the token of its page, and whether it is new.

    A form that comes again means the purchase that it began; but not one that has ended, nor one that asked for
    something else: then somebody went back in the browser, and asks anew.
    """
    lock_name(tx, f"wish:{wish.token}")
    known = find_begun(tx, wish)
    if known is not None:
        return known, wish.token, False
    fresh = len(wish.token) >= SHORTEST_TOKEN and find_purchase(tx, wish.token) is None
    token = wish.token if fresh else new_token()
    tx.execute(
        insert(purchases).values(
            id=new_id("wifi"),
            token=hash_secret(token),
            browser=wish.place.browser,
            package_id=wish.package.id,
            package=write_package(wish.package),
            price=wish.package.price,
            phone=wish.phone,
            mac=wish.place.mac,
            site=wish.site,
            router=wish.place.router,
            address=wish.place.address,
            status=ASKING,
            sequence=0,
            failure="",
            mode=wish.mode,
            created_at_ms=now_ms,
        )
    )
    return tx.execute(select(purchases).where(purchases.c.token == hash_secret(token))).one(), token, True


def find_begun(tx: Transaction, wish: Wish) -> Row[Any] | None:
    """Find the purchase that the same form began, if it has not ended without money."""
    known = find_purchase(tx, wish.token) if len(wish.token) >= SHORTEST_TOKEN else None
    if known is None or known.status not in {ASKING, PENDING, COMPLETED}:
        return None
    same = (known.package_id, known.phone, known.mac) == (wish.package.id, wish.phone, wish.place.mac)
    return known if same else None


def find_purchase(tx: Transaction, token: str) -> Row[Any] | None:
    """Find one by the token of its page."""
    return tx.execute(select(purchases).where(purchases.c.token == hash_secret(token))).first()


class Asking:
    """Asks Hakika for the price of what was begun."""

    def __init__(self, client: AsyncHakika, store: Store) -> None:
        self._client, self._store = client, store

    async def ask(self, row: Row[Any], *, again: bool = False) -> None:
        """Ask for one. Where no answer comes it stays as it is, and is asked for again under the same key.

        A refusal of a call that may have been carried out before (`again`, or by the client itself) refuses that call
        alone: only what the server says after it has looked for the key tells that no phone was asked.
        """
        try:
            payment = await self._client.payments.create(
                amount=row.price,
                phone=row.phone,
                reference=row.id,
                account_reference=ON_THE_PROMPT,
                description=f"WiFi {row.package_id}"[:60],
                metadata={"hotspot": row.id, "package": row.package_id, "site": row.site},
                idempotency_key=row.id,
            )
        except ReferenceInUse as error:
            if not error.payment:
                raise
            payment = await self._client.payments.retrieve(error.payment)
        except NoAnswer as error:
            log.warning("hakika_gave_no_answer", purchase=row.id, why=error.detail)
            return
        except HakikaError as error:
            doubtful = (again or error.repeated) and error.code not in AS_THEY_ARE
            is_early = error.http_status == TOO_MANY or isinstance(error, IdempotencyKeyInFlight)
            if error.http_status >= SERVERS_FAULT or is_early or doubtful:
                log.warning("hakika_cannot_yet", purchase=row.id, why=error.detail)
                return
            log.warning("hakika_refused", purchase=row.id, code=error.code)
            why = error.code if error.code in AS_THEY_ARE else "refused"
            await self._store.write(lambda tx: _refuse(tx, row.id, why), tell=True)
            return
        await self._store.write(lambda tx: _note_payment(tx, row.id, payment), tell=True)

    async def ask_again(self, now_ms: int) -> int:
        """Ask for those whose answer never came; give up those that are too old to ring a phone for. → how many."""
        waiting = await self._store.write(lambda tx: _find_unasked(tx, now_ms))
        for row in waiting:
            await self.ask(row, again=True)
        return len(waiting)


def _find_unasked(tx: Transaction, now_ms: int) -> Sequence[Row[Any]]:
    unasked = (purchases.c.status == ASKING) & purchases.c.payment.is_(None)
    old = unasked & (purchases.c.created_at_ms <= now_ms - GIVE_UP_AFTER_MS)
    # Should the phone have rung after all, the event names our reference, and is heard.
    tx.execute(update(purchases).where(old).values(status=UNASKED, ended_at_ms=now_ms))
    due = unasked & (purchases.c.created_at_ms <= now_ms - ASK_AGAIN_AFTER_MS)
    return tx.execute(select(purchases).where(due).limit(20)).all()


def _note_payment(tx: Transaction, purchase: str, payment: Payment) -> None:
    """Keep the payment's id; its status only where no event was heard yet."""
    tx.execute(update(purchases).where(purchases.c.id == purchase).values(payment=payment.id))
    still = (purchases.c.id == purchase) & (purchases.c.status == ASKING)
    tx.execute(update(purchases).where(still).values(status=PENDING))


def _refuse(tx: Transaction, purchase: str, why: str) -> None:
    still = (purchases.c.id == purchase) & (purchases.c.status == ASKING)
    tx.execute(update(purchases).where(still).values(status=FAILED, failure=why))
