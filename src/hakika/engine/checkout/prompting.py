"""Asking phones for a checkout: when a payer presses the button, and again by itself where the rule says so.

Locks are taken in the order in which evidence is folded: the claim on the reference, the checkout, the event counter.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import msgspec
import structlog

from hakika.daraja.requests import safe_account_reference
from hakika.domain.errors import (
    CheckoutBusy,
    HakikaError,
    InvalidAmount,
    InvalidRequest,
    StoreUnavailable,
    TooManyRequests,
)
from hakika.domain.payment import DECLINED
from hakika.domain.phone import Phone
from hakika.domain.schedule import HOUR_MS, MINUTE_MS, SECOND_MS
from hakika.engine.cashier import Cashier, Opened
from hakika.engine.checkout.attempts import ALIVE, UNANSWERED, end_checkout, lock_open, refuse_ended
from hakika.engine.checkout.purchase import AskAgain
from hakika.engine.clock import Clock
from hakika.engine.ledger import Ledger
from hakika.engine.orders import Order
from hakika.store import checkouts as store
from hakika.store.checkouts import CheckoutRow
from hakika.store.events import EventRow
from hakika.store.opening import Store
from hakika.store.payments import PaymentRow, find_payment
from hakika.store.transaction import Transaction

log = structlog.get_logger("hakika.checkouts")

TAKEN_AT_ONCE = 32
MARGIN_MS = SECOND_MS

# What just anyone may have one phone asked. Four tries are a payer's own; more is somebody who plays with the phone.
PHONE_PROMPTS, PHONE_SPAN_MS = 4, 10 * MINUTE_MS
# And in a day, of those that were not paid: whoever pays is there.
PHONE_UNPAID, PHONE_DAY_MS = 12, 24 * HOUR_MS
# And on one page: a family's phones, not a town's.
PAGE_PROMPTS, PAGE_SPAN_MS = 10, HOUR_MS


class _Done(NamedTuple):
    """What was done of a checkout that was due."""

    what: str
    opened: Opened | None = None
    events: Sequence[EventRow] = ()


class Prompting:
    """Asks phones."""

    def __init__(self, store_: Store, ledger: Ledger, cashier: Cashier, clock: Clock) -> None:
        self._store, self._ledger, self._cashier, self._clock = store_, ledger, cashier, clock

    async def attempt(
        self, checkout_id: str, phone: Phone | None, amount: int = 0, *, by_anyone: bool = False
    ) -> PaymentRow:
        """Ask a phone for the money, or answer with the attempt that is alive on it. None: the latest phone again.

        `by_anyone`: within the limits for those whom nobody knows. Raises CheckoutEnded, CheckoutBusy while an
        attempt is alive on another phone, InvalidAmount, NotFound, TooManyRequests, and what `Cashier.request` raises.
        """
        opened = await self._store.write(partial(self._attempt, checkout_id, phone, amount, by_anyone))
        if opened.published:
            self._ledger.notices.tell_batch([opened.row], opened.events)
        return opened.row

    def _attempt(self, checkout_id: str, phone: Phone | None, amount: int, by_anyone: bool, tx: Transaction) -> Opened:
        tx.lock_name(f"attempt:{checkout_id}")
        row = refuse_ended(store.find_checkout(tx, checkout_id), self._clock())
        latest = find_payment(tx, row.payment) if row.payment else None
        if latest and latest.status in ALIVE:
            if latest.status == "pending" and phone in {None, latest.phone}:
                return Opened(latest)
            raise CheckoutBusy(f"{latest.id} is {latest.status}.", payment=latest.id)
        if phone is None:
            if latest is None:
                raise InvalidRequest("No phone was asked yet: `phone` says which.", field="phone")
            phone, amount = Phone(latest.phone), amount or latest.amount
        if by_anyone:
            self._spare(tx, row, phone)
        return self._open(tx, row, phone, _choose_amount(row, amount))

    def _open(self, tx: Transaction, row: CheckoutRow, phone: Phone, amount: int, ask_again: str = "") -> Opened:
        payment = self._cashier.place(_order(row, phone, amount), tx)
        row = lock_open(tx, row.id, self._clock())  # late money may have completed it since
        store.write_checkout(
            tx,
            row._replace(
                payment=payment.id,
                attempts=row.attempts + 1,
                ask_again=ask_again or row.ask_again,
                due_at_ms=None,  # until the attempt has ended: see settle_attempts
            ),
        )
        return Opened(payment, [self._cashier.announce(tx, payment)])

    def _spare(self, tx: Transaction, row: CheckoutRow, phone: Phone) -> None:
        """Raise TooManyRequests where a phone, or this page, was asked so often that it is no payer's doing."""
        now_ms = self._clock()
        spare_phone(store.find_asked(tx, phone, now_ms - PHONE_DAY_MS), now_ms)
        made = [attempt.created_at_ms for attempt in store.find_attempts(tx, row.id)]
        on_page = [at_ms for at_ms in made if at_ms > now_ms - PAGE_SPAN_MS]
        _refuse_more_than(PAGE_PROMPTS, on_page, PAGE_SPAN_MS, now_ms)

    # ── by itself ──────────────────────────────

    async def run_once(self) -> Counter[str]:
        """Expire what is over and ask again where the rule says so. → how often what was done."""
        done: Counter[str] = Counter()
        for checkout_id in await self._store.read(
            lambda tx: store.find_due_checkouts(tx, self._clock(), TAKEN_AT_ONCE)
        ):
            done[await self._do(checkout_id)] += 1
        return done

    async def _do(self, checkout_id: str) -> str:
        try:
            done = await self._store.write(partial(self._do_due, checkout_id))
        except StoreUnavailable:
            raise
        except HakikaError as error:
            log.info("not_asked_again", checkout=checkout_id, error=error.code)
            wait_s = error.extra.get("retry_after", 0)
            await self._store.write(partial(self._postpone, checkout_id, wait_s if isinstance(wait_s, int) else 0))
            return "postponed"
        if done.opened:
            self._ledger.notices.tell_batch([done.opened.row], done.opened.events)
        self._ledger.notices.tell_events(done.events)
        return done.what

    def _do_due(self, checkout_id: str, tx: Transaction) -> _Done:
        tx.lock_name(f"attempt:{checkout_id}")
        now_ms, row = self._clock(), store.find_checkout(tx, checkout_id)
        if row is None or row.due_at_ms is None or row.due_at_ms > now_ms:
            return _Done("passed_by")  # another node was quicker
        latest = find_payment(tx, row.payment) if row.payment else None
        rule = msgspec.json.decode(row.ask_again, type=AskAgain)
        if latest and _asks_again(row, latest, rule, now_ms):
            counted = msgspec.json.encode(msgspec.structs.replace(rule, made=rule.made + 1)).decode()
            return _Done("asked_again", self._open(tx, row, Phone(latest.phone), latest.amount, counted))
        # Locked, then read again: an attempt ends in a transaction that takes this lock.
        row = store.lock_checkouts(tx, [checkout_id])[0]
        latest = find_payment(tx, row.payment) if row.payment else None
        if latest and latest.status in ALIVE:
            store.write_checkout(tx, row._replace(due_at_ms=None))
            return _Done("waits")
        if row.status == "open" and row.expires_at_ms > now_ms:
            store.write_checkout(tx, row._replace(due_at_ms=row.expires_at_ms))
            return _Done("waits")
        if row.status != "open":
            return _Done("passed_by")
        _, events = end_checkout(
            tx, row, "expired", latest, self._ledger.surroundings(), self._ledger.statements.events
        )
        return _Done("expired", events=events)

    def _postpone(self, checkout_id: str, wait_s: int, tx: Transaction) -> None:
        """It could not be asked again now: later, if that is within the rule's window, else not any more."""
        row = store.lock_checkouts(tx, [checkout_id])[0]
        if row.status != "open":
            return
        rule = msgspec.json.decode(row.ask_again, type=AskAgain)
        later_ms = self._clock() + wait_s * SECOND_MS + MARGIN_MS
        in_time = wait_s and later_ms <= row.created_at_ms + rule.within_s * SECOND_MS
        store.write_checkout(tx, row._replace(due_at_ms=min(row.expires_at_ms, later_ms if in_time else 2**62)))


def _asks_again(row: CheckoutRow, latest: PaymentRow, rule: AskAgain, now_ms: int) -> bool:
    in_time = now_ms < row.expires_at_ms and now_ms <= row.created_at_ms + rule.within_s * SECOND_MS + MARGIN_MS
    unanswered = latest.status in DECLINED and latest.code in UNANSWERED
    return row.status == "open" and unanswered and in_time and rule.made < rule.times


def spare_phone(asked: Sequence[PaymentRow], now_ms: int) -> None:
    """Raise TooManyRequests where a phone was asked so often in a day that just anyone may not ask it again."""
    lately = [one.created_at_ms for one in asked if one.created_at_ms > now_ms - PHONE_SPAN_MS]
    _refuse_more_than(PHONE_PROMPTS, lately, PHONE_SPAN_MS, now_ms)
    unpaid = [one.created_at_ms for one in asked if one.status != "completed"]
    _refuse_more_than(PHONE_UNPAID, unpaid, PHONE_DAY_MS, now_ms)


def _refuse_more_than(most: int, at_ms: Sequence[int], span_ms: int, now_ms: int) -> None:
    if len(at_ms) >= most:
        free_at_ms = sorted(at_ms)[-most] + span_ms
        left_s = max(1, -(-(free_at_ms - now_ms) // SECOND_MS))
        raise TooManyRequests("This phone, or this page, was asked often enough for now.", retry_after=left_s)


def _choose_amount(row: CheckoutRow, amount: int) -> int:
    if row.amount:
        return row.amount
    if not row.amount_least <= amount <= row.amount_most:
        raise InvalidAmount(f"From KES {row.amount_least:,} to {row.amount_most:,}.", field="amount")
    return amount


def _order(row: CheckoutRow, phone: Phone, amount: int) -> Order:
    return Order(
        amount=amount,
        phone=phone,
        reference=row.reference,
        description=row.description,
        account=row.account,
        account_reference=safe_account_reference(row.reference),
        metadata=row.metadata,
        allow_repeat=False,
        mode=row.mode,
        checkout=row.id,
    )
