"""What is owed to endpoints: owed again, tried by hand, and shown."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from hakika.domain.errors import InvalidRequest, NotFound
from hakika.domain.events import PING, PROBES
from hakika.domain.schedule import DELIVERY_LEASE_MS
from hakika.engine.ids import Entropy, make_id
from hakika.engine.live.notices import Notices
from hakika.engine.representation import iso
from hakika.engine.webhooks.endpoints import Endpoints, show_endpoint
from hakika.engine.webhooks.samples import sample_payment
from hakika.store.events import EventRow, EventStatements, find_event, publish
from hakika.store.opening import Store
from hakika.store.transaction import Transaction
from hakika.store.webhooks.deliveries import (
    AttemptRow,
    DeliveryFilter,
    DeliveryStatements,
    Owed,
    Told,
    list_attempts,
    list_deliveries,
)
from hakika.store.webhooks.endpoints import EndpointRow
from hakika.store.webhooks.resending import Resend, find_owed, find_unowed, owe_again

AT_ONCE = 500  # rows a transaction: others write between


class Outbox:
    """The verbs on deliveries."""

    def __init__(
        self, store: Store, endpoints: Endpoints, notices: Notices, clock: Callable[[], int], entropy: Entropy
    ) -> None:
        self._store, self._endpoints, self._notices = store, endpoints, notices
        self._clock, self._entropy = clock, entropy
        self._deliveries, self._events = DeliveryStatements(store.dialect), EventStatements(store.dialect)
        self._wake: Callable[[], None] = lambda: None

    def on_owed(self, wake: Callable[[], None]) -> None:
        """Call `wake` when something was owed again, beside no event."""
        self._wake = wake

    # ── by hand ──────────────────────────────

    async def trigger(self, mode: str, event_type: str, endpoint: str = "") -> EventRow:
        """Publish a probe: `payment.completed` makes a `test.payment.completed` with a sample payment.

        It goes to the endpoints that name it, to `hakika listen`, and to `endpoint`. Raises InvalidRequest, NotFound.
        """
        name = event_type if event_type.startswith("test.") else f"test.{event_type}"
        if name not in PROBES:
            raise InvalidRequest(f"There is no event type {event_type!r} to try.", field="type")

        def job(tx: Transaction) -> EventRow:
            row = self._endpoints.find(tx, endpoint, mode) if endpoint else None
            snapshot = sample_payment(name.removeprefix("test."), mode, self._clock())
            return self._publish(tx, mode, name, snapshot, row, self._clock())

        event = await self._store.write(job)
        self._notices.tell_events([event])
        return event

    async def make_ping(self, endpoint: EndpointRow) -> Owed:
        """Publish a ping, owed to one endpoint and taken by whoever asks for it."""
        until_ms = self._clock() + DELIVERY_LEASE_MS
        snapshot = show_endpoint(endpoint, self._clock())
        event = await self._store.write(lambda tx: self._publish(tx, endpoint.mode, PING, snapshot, endpoint, until_ms))
        self._notices.tell_events([event])
        return Owed(event, endpoint.id, 0, until_ms)

    def _publish(
        self, tx: Transaction, mode: str, name: str, data: dict[str, Any], to: EndpointRow | None, due_at_ms: int
    ) -> EventRow:
        now_ms = self._clock()
        event_id, snapshot = make_id("evt", now_ms, self._entropy), msgspec.json.encode(data).decode()
        (event,) = publish(tx, self._events, [EventRow(0, event_id, "", name, 0, now_ms, snapshot, mode)])
        if to is not None:
            owe_again(tx, self._deliveries, [(event.number, to.id)], due_at_ms)
        return event

    # ── again ──────────────────────────────

    async def resend(self, wanted: Resend) -> int:
        """Owe again what fits, as if it had never been tried. → how many deliveries."""
        now_ms, after, resent = self._clock(), 0, 0
        while page := await self._store.read(partial(find_owed, wanted=wanted, after=after, limit=AT_ONCE)):
            # An event's deliveries stay together: what the page cut off comes with the next.
            last = page[-1][0]
            if len(page) == AT_ONCE and page[0][0] != last:
                page = [one for one in page if one[0] != last]
            resent += await self._owe(page, now_ms)
            after = page[-1][0]
        if wanted.endpoint and not wanted.status:
            resent += await self._owe_unowed(wanted, now_ms)
        self._wake()
        return resent

    async def _owe_unowed(self, wanted: Resend, now_ms: int) -> int:
        after, resent = 0, 0
        while numbers := await self._store.read(partial(find_unowed, wanted=wanted, after=after, limit=AT_ONCE)):
            resent += await self._owe([(number, wanted.endpoint) for number in numbers], now_ms)
            after = numbers[-1]
        return resent

    async def _owe(self, owed: Sequence[tuple[int, str]], now_ms: int) -> int:
        await self._store.write(lambda tx: owe_again(tx, self._deliveries, owed, now_ms))
        return len(owed)

    # ── looking ──────────────────────────────

    async def find(self, wanted: DeliveryFilter) -> list[Told]:
        """Deliveries, the newest event first."""
        return await self._store.read(lambda tx: list_deliveries(tx, wanted))

    async def tell(self, event_id: str, mode: str) -> list[dict[str, Any]]:
        """Every delivery of an event, with all its attempts. Raises NotFound."""

        def job(tx: Transaction) -> tuple[list[Told], list[AttemptRow]]:
            event = find_event(tx, event_id)
            if event is None or mode not in {"", event.mode}:
                raise NotFound(f"There is no event {event_id!r}.")
            return list_deliveries(tx, DeliveryFilter(event=event_id, limit=1000)), list_attempts(tx, event.number)

        told, attempts = await self._store.read(job)
        return [
            {
                **show_delivery(one),
                "history": [show_attempt(row) for row in attempts if row.endpoint == one.delivery.endpoint],
            }
            for one in told
        ]


def show_delivery(told: Told) -> dict[str, Any]:
    """A delivery as people may see it."""
    due_at_ms = told.delivery.due_at_ms
    return {
        "object": "delivery",
        "event": told.event_id,
        "number": told.delivery.event,
        "type": told.type,
        "payment": told.payment or None,
        "endpoint": told.delivery.endpoint,
        "status": told.delivery.status,
        "attempts": told.delivery.attempts,
        "owed_since": iso(told.at_ms),
        "next_attempt_at": iso(max(due_at_ms, told.at_ms)) if due_at_ms is not None else None,
    }


def show_attempt(row: AttemptRow) -> dict[str, Any]:
    """An attempt as people may see it."""
    return {
        "object": "attempt",
        "at": iso(row.at_ms),
        "took_ms": row.took_ms,
        "status_code": row.status_code or None,
        "error": row.error or None,
        "answer": bytes(row.answer or b"").decode("utf-8", "replace"),
    }
