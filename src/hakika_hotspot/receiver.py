"""What Hakika says: webhooks as they come, and behind them a reader with a cursor: a lost webhook loses nothing.

Both end in `hear`, in one transaction with what the event does. It acts on the payment as the event shows it, and
passes over what is not newer than what was heard before: in any order and however often events come, the books are the
same.
"""

from collections.abc import Callable
from functools import partial

import structlog
from sqlalchemy import select, update
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from hakika.client import AsyncHakika, Event, InvalidCursor, Payment, WebhookVerificationError, verify_webhook
from hakika_hotspot.domain.package import read_package
from hakika_hotspot.entitlements import Place, grant, revoke
from hakika_hotspot.kept import keep, read_kept
from hakika_hotspot.store import Store, Transaction
from hakika_hotspot.store.opening import for_update
from hakika_hotspot.store.tables import purchases

CURSOR = "events"
PAGE = 100
LARGEST_BODY = 64 * 1024
log = structlog.get_logger()


def hear(tx: Transaction, event: Event, mode: str, now_ms: int) -> bool:
    """Do what an event says. → whether it was ours, and new."""
    payment = event.snapshot
    if not isinstance(payment, Payment) or not event.type.startswith("payment."):
        return False
    row = tx.execute(for_update(tx, select(purchases).where(purchases.c.id == payment.reference))).first()
    if row is None or event.sequence <= row.sequence or event.mode != mode or row.mode != mode:
        return False
    if row.payment not in {None, payment.id}:
        log.error("two_payments_for_one_purchase", purchase=row.id, payments=[row.payment, payment.id])
        return False
    values: dict[str, object] = {
        "payment": payment.id,
        "sequence": event.sequence,
        "status": payment.status,
        "receipt": payment.receipt or row.receipt,
        "failure": payment.failure.code if payment.failure else "",
        "ended_at_ms": None if payment.is_pending else row.ended_at_ms or now_ms,
    }
    source = f"payment:{payment.id}"
    if payment.is_paid and _is_enough(payment, row.price):
        place = Place(row.mac, row.browser, row.router, row.address, row.phone)
        values["entitlement"] = grant(tx, source, read_package(row.package), place, now_ms)
    elif payment.status == "reversed":
        revoke(tx, source, "the payment was reversed", now_ms)
    tx.execute(update(purchases).where(purchases.c.id == row.id).values(values))
    return True


def _is_enough(payment: Payment, price: int) -> bool:
    """Hakika completes a payment only for the asked amount; that we asked for the price is checked here once more."""
    enough = payment.amount == price
    if not enough:
        log.error("payment_is_not_of_its_price", payment=payment.id, amount=payment.amount, price=price)
    return enough


class Receiver:
    """Takes webhooks."""

    def __init__(self, store: Store, secret: str, mode: str, clock: Callable[[], int]) -> None:
        self._store, self.secret, self._mode, self._clock = store, secret, mode, clock

    async def receive(self, request: Request) -> Response:
        """Answer 2xx only once what the event does is in the books: else it comes again."""
        body = await _read_body(request)
        now_ms = self._clock()
        try:
            event = verify_webhook(body, request.headers, self.secret, now=now_ms / 1000)
        except WebhookVerificationError as error:
            return PlainTextResponse(str(error), 400)
        await self._store.write(lambda tx: hear(tx, event, self._mode, now_ms), tell=True)
        return Response(status_code=204)


class Reader:
    """Reads Hakika's events from where it left off."""

    def __init__(self, store: Store, client: AsyncHakika, mode: str, clock: Callable[[], int]) -> None:
        self._store, self._client, self._mode, self._clock = store, client, mode, clock

    async def read_once(self) -> int:
        """Read all that is new. → how many events did something."""
        done, more = 0, True
        while more:
            after = int(await self._store.read(lambda tx: read_kept(tx, CURSOR)) or 0)
            try:
                page = await self._client.events.list(after=after, type="payment.*", limit=PAGE)
            except InvalidCursor:
                log.warning("events_begin_anew", why="the database of Hakika is another one")
                await self._store.write(lambda tx: keep(tx, CURSOR, "0"))
                return done
            numbers = [event.number for event in page.data]
            reached = max([after, page.next_after or 0, *numbers])
            heard = 0
            if reached > after:
                heard = await self._store.write(partial(self._hear, events=page.data, reached=reached))
            if heard:
                self._store.tell()
            done, more = done + heard, page.has_more
        return done

    def _hear(self, tx: Transaction, *, events: list[Event], reached: int) -> int:
        heard = sum(hear(tx, event, self._mode, self._clock()) for event in events)
        keep(tx, CURSOR, str(reached))
        return heard


async def _read_body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return b""
    return body


__all__ = ["Reader", "Receiver", "hear"]
