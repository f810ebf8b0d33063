"""The cashier: the verbs that API, CLI, dashboard and agent tools all call.

request   ask a phone for money            read, find      a payment, payments
register  follow a push made elsewhere     tell            all that is known of one, in order
query     ask Daraja now                   wait            until it has ended
cancel    call it off before it is sent    resolve         a person's word
explain   what happened, in words
"""

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import NamedTuple

from hakika.domain.errors import (
    AlreadyEnded,
    AlreadyRegistered,
    BudgetSpent,
    CannotCancel,
    CannotQuery,
    HakikaError,
    NotFound,
)
from hakika.domain.events import EventType
from hakika.domain.evidence import PushRegistered, Withdrawn
from hakika.domain.payment import PAID, Facts, Push
from hakika.engine.accounts import Accounts
from hakika.engine.admission import hold_reference, look_beside, open_payment, refuse_busy_payer, share_reference
from hakika.engine.budgets import Budgets
from hakika.engine.case import Evidence, read_facts
from hakika.engine.clock import Clock
from hakika.engine.collect import Collector
from hakika.engine.conclusion import make_event
from hakika.engine.explaining.explanation import Explanation, tell_explanation
from hakika.engine.fold import apply
from hakika.engine.ids import Entropy, make_id
from hakika.engine.ledger import Ledger
from hakika.engine.live.notices import Watch
from hakika.engine.once import Answered, Done, IdempotencyKey, Once
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
from hakika.store.events import EventRow, Publication, publish_last
from hakika.store.opening import Store
from hakika.store.payments import PaymentRow, find_by_checkout, find_payment, insert_payment
from hakika.store.search import Search, search_payments
from hakika.store.transaction import Transaction


def has_ended(row: PaymentRow) -> bool:
    """Whether it is no longer pending."""
    return row.status != "pending"


class Opened(NamedTuple):
    """A new payment, and the events that say so."""

    row: PaymentRow
    published: Sequence[Publication] = ()

    @property
    def events(self) -> list[EventRow]:
        """The events, once they are durable."""
        return [event for published in self.published for event in published.events]


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
        self._once = Once(store, clock)

    # ── asking ──────────────────────────────

    async def request(self, order: Order, key: IdempotencyKey | None = None) -> Answered:
        """Store a payment that a worker will push at once.

        Raises Conflict (ReferenceInUse, PayerBusy, RepeatedTooSoon, the two of idempotency keys) and
        InvalidRequest; then nothing was stored.
        """
        return self._tell(await self._once.do(key, partial(self._request, order)))

    async def register(self, registration: Registration, key: IdempotencyKey | None = None) -> Answered:
        """Follow a push that another program made. Raises AlreadyRegistered as well."""
        return self._tell(await self._once.do(key, partial(self._register, registration)))

    def _tell(self, done: "Done[Opened]") -> Answered:
        if done.made is not None:
            self._ledger.notices.tell_batch([done.made.row], done.made.events)
        return done.answered

    def _request(self, order: Order, tx: Transaction) -> tuple[bytes, "Opened"]:
        row = self.place(order, tx)
        return encode(row, with_secret=True), Opened(row, [self.announce(tx, row)])

    def place(self, order: Order, tx: Transaction) -> PaymentRow:
        """Store a payment in a transaction that somebody else commits. Raises as `request` does.

        Whoever calls it calls `announce` last, and tells of both once they are durable (`Notices.tell_batch`).
        """
        account, now_ms = self._accounts.choose(order.account, order.mode), self._clock()
        row = open_payment(order, account, now_ms, self._entropy, verified=True)
        beside = look_beside(tx, row, now_ms)
        row = hold_reference(tx, row, beside)
        refuse_busy_payer(order, beside, now_ms)
        insert_payment(tx, row)
        return row

    def _register(self, registration: Registration, tx: Transaction) -> tuple[bytes, "Opened"]:
        checkout_id = registration.checkout_request_id
        account, now_ms = self._accounts.choose(registration.order.account, registration.order.mode), self._clock()
        tx.lock_name(f"checkout:{checkout_id}")
        known = find_by_checkout(tx, checkout_id, account.id)
        if known:
            raise AlreadyRegistered(f"{checkout_id} is payment {known.id}.", payment=known.id)
        row = open_payment(registration.order, account, now_ms, self._entropy, verified=False)
        row = share_reference(tx, row)
        insert_payment(tx, row)
        created = self.announce(tx, row)
        pushed = PushRegistered(now_ms, checkout_id, registration.merchant_request_id)
        evidence = Evidence(pushed, identity="push:registered", payment=row.id)
        folded = apply(tx, self._ledger.statements, self._ledger.surroundings(), [evidence])
        row = find_payment(tx, row.id) or row
        return encode(row, with_secret=True), Opened(row, [created, folded.published])

    def announce(self, tx: Transaction, row: PaymentRow) -> Publication:
        """Publish that a payment was made."""
        created = make_event(row, EventType.CREATED, self._ledger.surroundings())
        return publish_last(tx, self._ledger.statements.events, [created])

    # ── reading ──────────────────────────────

    async def read(self, payment_id: str) -> PaymentRow:
        """Return the payment. Raises NotFound."""
        row = await self._store.glance(lambda tx: find_payment(tx, payment_id))
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

    async def explain(self, payment_id: str) -> Explanation:
        """Say in words what happened, what it means for the money, and which cure and checks apply. Raises NotFound."""
        row = await self.read(payment_id)
        return await self._store.read(lambda tx: tell_explanation(tx, row, self._clock()))

    async def wait(
        self, payment_id: str, timeout_ms: int, enough: Callable[[PaymentRow], bool] = has_ended
    ) -> PaymentRow:
        """Return the payment as soon as it is no longer pending; as it is when the time is over or the server stops.

        `enough`: what to wait for instead. Nothing is read meanwhile: changes are handed over (`Notices`, `Feed`).
        """
        until_ms = self._clock() + timeout_ms
        with self._ledger.notices.watch(payment_id) as watch:
            row = await self.read(payment_id)
            while not enough(row) and not watch.over:
                left_ms = until_ms - self._clock()
                if left_ms <= 0 or not await self._clock.wait_for(watch.changed, left_ms):
                    return await self.read(payment_id)
                row = next((latest for latest, _ in reversed(watch.take())), row)
            return row

    async def follow(self, payment_id: str, watch: Watch, beat_ms: int) -> AsyncIterator[tuple[PaymentRow, int] | None]:
        """The payment as it is, then each change until it is no longer pending; None after each quiet `beat_ms`.

        With each comes the number of its event, or 0. `watch` must have begun before.
        """
        row = await self.read(payment_id)
        yield row, 0
        seen = _visible(row)
        while not has_ended(row) and not watch.over:
            if not await self._clock.wait_for(watch.changed, beat_ms):
                yield None
                continue
            for latest, number in watch.take():
                if _visible(latest) != seen and _age(latest) >= _age(row):
                    row, seen = latest, _visible(latest)
                    yield row, number

    # ── acting ──────────────────────────────

    async def query(self, payment_id: str) -> PaymentRow:
        """Ask Daraja now. Raises CannotQuery without a CheckoutRequestID, BudgetSpent, NotFound."""
        row = await self.read(payment_id)
        facts = read_facts(row)
        if row.status in PAID:
            return row  # a query proves no amount: nothing that it says could change it
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


def _visible(row: PaymentRow) -> tuple[object, ...]:
    return row.sequence, row.status, row.stage, row.checkout_request_id


def _age(row: PaymentRow) -> tuple[int, int]:
    """What was read later is not older than what was handed over before."""
    return row.sequence, row.updated_at_ms


def _judge_cancel(row: PaymentRow, facts: Facts) -> HakikaError | None:
    if row.status == "pending" and facts.push[1] in {Push.NONE, Push.REFUSED}:
        return None
    if row.status not in {"pending", "unresolved"}:
        return AlreadyEnded(f"{row.id} is {row.status}.", payment=row.id)
    return CannotCancel(f"{row.id} is {row.status}, {row.stage}.", payment=row.id)
