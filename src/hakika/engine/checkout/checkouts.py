"""Checkouts: one purchase each, which may take several attempts, of which at most one is alive.

create    from a purchase, or from a link        follow    until something that a payer sees has changed
read      with its latest attempt                wait      until it is no longer open
cancel    the merchant calls it off

How phones are asked: `engine.checkout.prompting`.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from hakika.domain.errors import CheckoutBusy, LinkUsed, NotFound
from hakika.domain.schedule import SECOND_MS
from hakika.engine.accounts import Account, Accounts
from hakika.engine.checkout.attempts import ALIVE, end_checkout, lock_open
from hakika.engine.checkout.purchase import Purchase, check_return_hosts, encode_checkout, encode_link
from hakika.engine.clock import Clock
from hakika.engine.ids import Entropy, make_id
from hakika.engine.ledger import Ledger
from hakika.engine.once import Answered, IdempotencyKey, Once
from hakika.engine.representation import mode_of
from hakika.store import checkouts as store
from hakika.store.checkouts import CheckoutRow, LinkRow
from hakika.store.events import EventRow
from hakika.store.opening import Store
from hakika.store.payments import PaymentRow, find_payment
from hakika.store.transaction import Transaction

READ_AGAIN_AFTER_MS = 5 * SECOND_MS  # while waiting: what another node did with a checkout before any attempt
UNDELIVERED_AGAIN_MS = SECOND_MS // 4  # a delivery is told to nobody
UNDELIVERED_FOR_MS = 60 * SECOND_MS  # no payer waits longer for the merchant: an endpoint may be silent for days
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Seen(msgspec.Struct, frozen=True):
    """A checkout and its latest attempt."""

    checkout: CheckoutRow
    payment: PaymentRow | None
    account: Account
    undelivered: int = 0  # endpoints that still wait for the news that it is completed


class Checkouts:
    """The verbs of checkouts and links."""

    def __init__(self, store_: Store, ledger: Ledger, accounts: Accounts, clock: Clock, entropy: Entropy) -> None:
        self._store, self._ledger, self._accounts = store_, ledger, accounts
        self._clock, self._entropy, self._once = clock, entropy, Once(store_, clock)
        self._waiting: dict[str, set[asyncio.Event]] = {}
        ledger.notices.listen_events(self._wake)
        ledger.notices.at_end(self._wake_all)

    @property
    def public_url(self) -> str:
        """Where payers find us."""
        return self._ledger.public_url

    # ── making ──────────────────────────────

    async def create(self, purchase: Purchase, mode: str, key: IdempotencyKey | None = None) -> Answered:
        """Store a checkout. Raises InvalidRequest (no such account, or it does not list the return host), Conflict."""

        def job(tx: Transaction) -> tuple[bytes, None]:
            row = self._open(purchase, mode)
            store.insert_checkout(tx, row)
            return encode_checkout(row, None, self.public_url), None

        return (await self._once.do(key, job)).answered

    def _open(self, purchase: Purchase, mode: str, link: str = "") -> CheckoutRow:
        account, now_ms = self._accounts.choose(purchase.account, mode), self._clock()
        check_return_hosts(purchase, _hosts_of(account))
        expires_at_ms = now_ms + purchase.expires_in_s * SECOND_MS
        return CheckoutRow(
            id=make_id("chk", now_ms, self._entropy),
            mode=mode_of(account.environment),
            account=account.id,
            reference=purchase.reference,
            amount=purchase.amount,
            amount_least=purchase.amount_least,
            amount_most=purchase.amount_most,
            description=purchase.description,
            return_url=purchase.return_url,
            cancel_url=purchase.cancel_url,
            language=purchase.language,
            metadata=purchase.metadata,
            ask_again=msgspec.json.encode(purchase.ask_again).decode(),
            link=link,
            created_at_ms=now_ms,
            expires_at_ms=expires_at_ms,
            status="open",
            payment="",
            attempts=0,
            sequence=1,
            ended_at_ms=0,
            due_at_ms=expires_at_ms,
        )

    async def create_link(
        self, purchase: Purchase, mode: str, key: IdempotencyKey | None = None, *, single_use: bool
    ) -> Answered:
        """Store a link. Raises InvalidRequest, Conflict."""

        def job(tx: Transaction) -> tuple[bytes, None]:
            link = self._draw_up(purchase, mode, single_use=single_use)
            store.insert_link(tx, link)
            return encode_link(link, self.public_url), None

        return (await self._once.do(key, job)).answered

    def _draw_up(self, purchase: Purchase, mode: str, *, single_use: bool) -> LinkRow:
        account, now_ms = self._accounts.choose(purchase.account, mode), self._clock()
        check_return_hosts(purchase, _hosts_of(account))
        return LinkRow(
            id=make_id("lnk", now_ms, self._entropy),
            mode=mode_of(account.environment),
            account=account.id,
            reference=purchase.reference,
            template=msgspec.json.encode(purchase).decode(),
            single_use=single_use,
            active=True,
            used=0,
            created_at_ms=now_ms,
        )

    async def use_link(self, link_id: str) -> CheckoutRow:
        """Make a checkout from a link; a single-use link gives the same one until it is paid.

        Raises NotFound, LinkUsed for one that is switched off or was paid.
        """
        return await self._store.write(partial(self._use_link, link_id))

    def _use_link(self, link_id: str, tx: Transaction) -> CheckoutRow:
        link = store.find_link(tx, link_id, lock=True)
        if link is None:
            raise NotFound("There is no such payment link.")
        if not link.active:
            raise LinkUsed("This payment link is switched off.")
        if link.single_use:
            if store.list_checkouts(tx, link.mode, None, "completed", link.id, "", 1):
                raise LinkUsed("This payment link was paid.")  # perhaps late, by an earlier checkout than the latest
            made = store.list_checkouts(tx, link.mode, None, None, link.id, "", 1)
            if (
                made
                and made[0].status == "open"
                and (made[0].due_at_ms is None or made[0].expires_at_ms > self._clock())
            ):
                return made[0]
        purchase = msgspec.json.decode(link.template, type=Purchase)
        # A reference is charged once: each use of a link is a purchase of its own.
        reference = purchase.reference if link.single_use else f"{purchase.reference[:56]}-{link.used + 1}"
        purchase = msgspec.structs.replace(purchase, reference=reference, account=link.account)
        row = self._open(purchase, link.mode, link.id)
        store.insert_checkout(tx, row)
        store.set_link(tx, link.id, used=link.used + 1)
        return row

    # ── reading ──────────────────────────────

    async def read(self, checkout_id: str) -> Seen:
        """The checkout and its latest attempt. Raises NotFound."""
        return await self._store.glance(partial(self._see, checkout_id))

    def _see(self, checkout_id: str, tx: Transaction) -> Seen:
        row = store.find_checkout(tx, checkout_id)
        if row is None:
            raise NotFound("There is no such checkout: an id is `chk_` and 26 characters.")
        payment = find_payment(tx, row.payment) if row.payment else None
        undelivered = store.count_undelivered(tx, row.id) if row.status == "completed" else 0
        return Seen(row, payment, self._accounts.get(row.account), undelivered)

    async def find(
        self, mode: str, reference: str | None, status: str | None, link: str | None, before: str, limit: int
    ) -> list[Seen]:
        """The checkouts that fit, newest first; `before` is the last id seen."""

        def job(tx: Transaction) -> list[Seen]:
            found = store.list_checkouts(tx, mode, reference, status, link, before, limit)
            return [self._see(row.id, tx) for row in found]

        return await self._store.read(job)

    async def wait(self, checkout_id: str, timeout_ms: int) -> Seen:
        """The checkout as soon as it is no longer open; as it is when the time is over or the server stops."""
        return await self.follow(checkout_id, timeout_ms, lambda seen: seen.checkout.status != "open")

    async def follow(self, checkout_id: str, timeout_ms: int, enough: Callable[[Seen], bool]) -> Seen:
        """The checkout and its latest attempt as soon as that is enough; as they are when the time is over."""
        until_ms, changed = self._clock() + timeout_ms, asyncio.Event()
        self._waiting.setdefault(checkout_id, set()).add(changed)
        try:
            while True:
                changed.clear()
                seen = await self.read(checkout_id)
                left_ms = until_ms - self._clock()
                if enough(seen) or left_ms <= 0 or self._ledger.notices.ended:
                    return seen
                await self._await_change(seen, changed, left_ms)
        finally:
            self._waiting[checkout_id].discard(changed)
            if not self._waiting[checkout_id]:
                del self._waiting[checkout_id]

    async def _await_change(self, seen: Seen, changed: asyncio.Event, left_ms: int) -> None:
        expects = seen.undelivered and self._clock() - seen.checkout.ended_at_ms < UNDELIVERED_FOR_MS
        again_ms = UNDELIVERED_AGAIN_MS if expects else READ_AGAIN_AFTER_MS
        # Watched, so that the feed tells what other nodes learn of the attempt, and that a query hurries for it.
        watched = seen.payment.id if seen.payment and seen.payment.status in ALIVE else ""
        if not watched:
            await self._clock.wait_for(changed, min(again_ms, left_ms))
            return
        with self._ledger.notices.watch(watched) as watch:
            if await self._store.read(lambda tx: find_payment(tx, watched)) == seen.payment:
                await self._clock.wait_for(watch.changed, left_ms)

    def _wake(self, events: Sequence[EventRow]) -> None:
        for event in events if self._waiting else ():
            for changed in self._waiting.get(event.checkout, ()):
                changed.set()

    def _wake_all(self) -> None:
        for waiting in self._waiting.values():
            for changed in waiting:
                changed.set()

    async def read_link(self, link_id: str) -> LinkRow:
        """The link. Raises NotFound."""
        link = await self._store.read(lambda tx: store.find_link(tx, link_id))
        if link is None:
            raise NotFound("There is no such payment link.")
        return link

    async def find_links(self, mode: str, limit: int, before: str) -> list[LinkRow]:
        """Links, newest first."""
        return await self._store.read(lambda tx: store.list_links(tx, mode, limit, before))

    async def switch_link(self, link_id: str, *, active: bool) -> LinkRow:
        """Switch a link off, or on again. Raises NotFound."""
        await self._store.write(lambda tx: store.set_link(tx, link_id, active=active))
        return await self.read_link(link_id)

    async def read_attempts(self, checkout_id: str) -> Sequence[PaymentRow]:
        """The payments made for a checkout, oldest first."""
        return await self._store.read(lambda tx: store.find_attempts(tx, checkout_id))

    # ── ending ──────────────────────────────

    async def cancel(self, checkout_id: str) -> CheckoutRow:
        """Call it off. Raises CheckoutEnded, CheckoutBusy while an attempt is alive, NotFound."""

        def job(tx: Transaction) -> tuple[CheckoutRow, list[EventRow]]:
            row = lock_open(tx, checkout_id, self._clock())
            latest = find_payment(tx, row.payment) if row.payment else None
            if latest and latest.status in ALIVE:
                raise CheckoutBusy(f"{latest.id} is {latest.status}.", payment=latest.id)
            around, statements = self._ledger.surroundings(), self._ledger.statements.events
            return end_checkout(tx, row, "cancelled", latest, around, statements)

        row, events = await self._store.write(job)
        self._ledger.notices.tell_events(events)
        return row


def _hosts_of(account: Account) -> frozenset[str]:
    """Where the account's payers may be sent; a simulated one's also to this machine."""
    return frozenset(account.return_hosts) | (LOOPBACK if account.environment == "simulator" else frozenset())
