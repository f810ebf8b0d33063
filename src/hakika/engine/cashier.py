"""The cashier: the verbs that API, CLI, dashboard and agent tools all call.

request   ask a phone for money            read, find      a payment, payments
register  follow a push made elsewhere     tell            all that is known of one, in order
query     ask Daraja now                   wait            until it has ended
cancel    call it off before it is sent    resolve         a person's word
"""

import hashlib
from collections.abc import Sequence
from functools import partial

import msgspec

from hakika.domain.errors import (
    AlreadyEnded,
    AlreadyRegistered,
    BudgetSpent,
    CannotCancel,
    CannotQuery,
    HakikaError,
    IdempotencyKeyInFlight,
    IdempotencyKeyReused,
    NotFound,
)
from hakika.domain.events import EventType
from hakika.domain.evidence import PushRegistered, Withdrawn
from hakika.domain.payment import Facts, Push
from hakika.domain.schedule import HOUR_MS
from hakika.engine.accounts import Accounts
from hakika.engine.admission import hold_reference, open_payment, refuse_busy_payer, share_reference
from hakika.engine.budgets import Budgets
from hakika.engine.case import Evidence, read_facts
from hakika.engine.clock import Clock
from hakika.engine.collect import Collector
from hakika.engine.conclusion import make_event
from hakika.engine.fold import apply
from hakika.engine.ids import Entropy, make_id
from hakika.engine.ledger import Ledger
from hakika.engine.orders import Order, Registration
from hakika.engine.representation import encode
from hakika.engine.resolution import (
    Resolution,
    check_resolution,
    judge_resolution,
    read_resolution,
    refuse_foreign_receipt,
)
from hakika.engine.timeline import Entry, tell_all
from hakika.store.events import publish
from hakika.store.keys import (
    IdempotencyRow,
    find_idempotency_key,
    forget_idempotency_key,
    insert_idempotency_key,
)
from hakika.store.opening import Store
from hakika.store.payments import PaymentRow, find_by_checkout, find_payment, insert_payment, set_awaited
from hakika.store.search import Search, search_payments
from hakika.store.transaction import Transaction

KEYS_LIVE_MS = 24 * HOUR_MS
LOOK_AGAIN_AFTER_MS = 500  # while waiting: another node may have concluded it
AWAITED_MS = 5_000  # a wait is renewed as often


class IdempotencyKey(msgspec.Struct, frozen=True):
    """A caller's key for one logical request, and what its body was."""

    api_key: str
    key: str
    fingerprint: str


class Answered(msgspec.Struct, frozen=True):
    """A request's answer: the payment as JSON, and whether it was given before."""

    body: bytes
    replayed: bool


def fingerprint_body(path: str, body: object) -> str:
    """The same for bodies that mean the same, whatever their spacing and the order of their keys."""
    return hashlib.sha256(path.encode() + b"\n" + msgspec.json.encode(body, order="deterministic")).hexdigest()


class Cashier:
    """The application."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        accounts: Accounts,
        collector: Collector,
        budgets: Budgets,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._store, self._ledger, self._accounts = store, ledger, accounts
        self._collector, self._budgets = collector, budgets
        self._clock, self._entropy = clock, entropy
        self._in_flight: set[tuple[str, str]] = set()

    # ── asking ──────────────────────────────

    async def request(self, order: Order, key: IdempotencyKey | None = None) -> Answered:
        """Store a payment that a worker will push at once.

        Raises Conflict (ReferenceInUse, PayerBusy, RepeatedTooSoon, the two of idempotency keys) and
        InvalidRequest; then nothing was stored.
        """
        return await self._once(key, partial(self._request, order, key))

    async def register(self, registration: Registration, key: IdempotencyKey | None = None) -> Answered:
        """Follow a push that another program made. Raises AlreadyRegistered as well."""
        return await self._once(key, partial(self._register, registration, key))

    async def _once(self, key: IdempotencyKey | None, job: "partial[tuple[Answered, PaymentRow | None]]") -> Answered:
        slot = (key.api_key, key.key) if key else None
        if slot in self._in_flight:
            raise IdempotencyKeyInFlight
        if slot:
            self._in_flight.add(slot)
        try:
            answered, row = await self._store.write(job)
        finally:
            if slot:
                self._in_flight.discard(slot)
        if row is not None:
            self._ledger.notices.tell(row)
        return answered

    def _request(self, order: Order, key: IdempotencyKey | None, tx: Transaction) -> tuple[Answered, PaymentRow | None]:
        replay = self._replay(tx, key)
        if replay:
            return replay, None
        account, now_ms = self._accounts.choose(order.account, order.mode), self._clock()
        row = hold_reference(tx, open_payment(order, account, now_ms, self._entropy, verified=True))
        refuse_busy_payer(tx, order, now_ms)
        insert_payment(tx, row)
        self._announce(tx, row)
        return self._remember(tx, key, row), row

    def _register(
        self, registration: Registration, key: IdempotencyKey | None, tx: Transaction
    ) -> tuple[Answered, PaymentRow | None]:
        replay = self._replay(tx, key)
        if replay:
            return replay, None
        checkout_id = registration.checkout_request_id
        account, now_ms = self._accounts.choose(registration.order.account, registration.order.mode), self._clock()
        tx.lock_name(f"checkout:{checkout_id}")
        known = find_by_checkout(tx, checkout_id, account.id)
        if known:
            raise AlreadyRegistered(f"{checkout_id} is payment {known.id}.", payment=known.id)
        row = open_payment(registration.order, account, now_ms, self._entropy, verified=False)
        row = share_reference(tx, row)
        insert_payment(tx, row)
        self._announce(tx, row)
        pushed = PushRegistered(now_ms, checkout_id, registration.merchant_request_id)
        evidence = Evidence(pushed, identity="push:registered", payment=row.id)
        apply(tx, self._ledger.statements, self._ledger.surroundings(), [evidence])
        row = find_payment(tx, row.id) or row
        return self._remember(tx, key, row), row

    def _replay(self, tx: Transaction, key: IdempotencyKey | None) -> Answered | None:
        if key is None:
            return None
        if not tx.try_lock_name(f"idempotency:{key.api_key}:{key.key}"):
            raise IdempotencyKeyInFlight
        kept = find_idempotency_key(tx, key.api_key, key.key)
        if kept is None:
            return None
        if self._clock() - kept.created_at_ms > KEYS_LIVE_MS:
            forget_idempotency_key(tx, key.api_key, key.key)
            return None
        if kept.fingerprint != key.fingerprint:
            raise IdempotencyKeyReused
        return Answered(kept.body, replayed=True)

    def _remember(self, tx: Transaction, key: IdempotencyKey | None, row: PaymentRow) -> Answered:
        body = encode(row)
        if key is not None:
            kept = IdempotencyRow(key.api_key, key.key, key.fingerprint, self._clock(), 201, body)
            insert_idempotency_key(tx, kept)
        return Answered(body, replayed=False)

    def _announce(self, tx: Transaction, row: PaymentRow) -> None:
        created = make_event(row, EventType.CREATED, self._ledger.surroundings())
        publish(tx, self._ledger.statements.events, [created])

    # ── reading ──────────────────────────────

    async def read(self, payment_id: str) -> PaymentRow:
        """Return the payment. Raises NotFound."""
        row = await self._store.read(lambda tx: find_payment(tx, payment_id))
        if row is None:
            raise NotFound(f"There is no payment {payment_id!r}.")
        return row

    async def find(self, search: Search) -> Sequence[PaymentRow]:
        """Return the payments that fit, newest first."""
        return await self._store.read(lambda tx: search_payments(tx, search))

    async def tell(self, payment_id: str) -> Sequence[Entry]:
        """Return all evidence and events of a payment, in order. Raises NotFound."""
        await self.read(payment_id)
        return await self._store.read(lambda tx: tell_all(tx, payment_id))

    async def wait(self, payment_id: str, timeout_ms: int) -> PaymentRow:
        """Return the payment as soon as it is no longer pending, or as it is when the time is over."""
        until_ms = self._clock() + timeout_ms
        with self._ledger.notices.watch(payment_id) as changed:
            while True:
                changed.clear()
                row = await self.read(payment_id)
                now_ms = self._clock()
                if row.status != "pending" or now_ms >= until_ms:
                    return row
                if row.awaited_until_ms < now_ms:
                    awaited_until_ms = min(until_ms, now_ms + AWAITED_MS)
                    await self._store.write(lambda tx, at=awaited_until_ms: set_awaited(tx, payment_id, at))  # type: ignore[misc]
                await self._clock.wait_for(changed, min(LOOK_AGAIN_AFTER_MS, until_ms - now_ms))

    # ── acting ──────────────────────────────

    async def query(self, payment_id: str) -> PaymentRow:
        """Ask Daraja now. Raises CannotQuery without a CheckoutRequestID, BudgetSpent, NotFound."""
        row = await self.read(payment_id)
        facts = read_facts(row)
        if row.status in {"completed", "reversed"}:
            return row  # nothing that a query says could change it
        if not facts.checkout_ids:
            raise CannotQuery(f"{row.id} has no CheckoutRequestID.")
        grant = await self._store.write(lambda tx: self._budgets.grant(tx, row.account, 0, 1))
        if not grant.queries:
            raise BudgetSpent(retry_after=2)
        recorded = await self._collector.query(row, facts)
        return recorded.payment or row

    async def cancel(self, payment_id: str, reason: str = "") -> PaymentRow:
        """Stop waiting for a payment of which nothing was sent. Raises CannotCancel, NotFound."""
        withdrawn = Withdrawn(self._clock(), reason[:200])
        evidence = Evidence(withdrawn, identity="withdrawn", payment=payment_id, guard=_judge_cancel)
        recorded = await self._ledger.record(evidence)
        return recorded.payment or await self.read(payment_id)

    async def resolve(self, payment_id: str, resolution: Resolution, operator: str) -> PaymentRow:
        """Record a person's word. Raises CannotResolve, InvalidRequest, NotFound."""
        row, now_ms = await self.read(payment_id), self._clock()
        checked = check_resolution(resolution)
        await self._store.read(lambda tx: refuse_foreign_receipt(tx, row, checked))
        evidence = Evidence(
            read_resolution(row, checked, operator, now_ms),
            identity=make_id("opr", now_ms, self._entropy),
            payment=row.id,
            guard=lambda latest, _: judge_resolution(latest, checked, now_ms),
        )
        recorded = await self._ledger.record(evidence)
        return recorded.payment or row


def _judge_cancel(row: PaymentRow, facts: Facts) -> HakikaError | None:
    if row.status == "pending" and facts.push[1] in {Push.NONE, Push.REFUSED}:
        return None
    if row.status not in {"pending", "unresolved"}:
        return AlreadyEnded(f"{row.id} is {row.status}.", payment=row.id)
    return CannotCancel(f"{row.id} is {row.status}, {row.stage}.", payment=row.id)
