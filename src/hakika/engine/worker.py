"""The worker: finds what is due, takes it under a lease, and has it acted on outside any transaction.

Crash recovery, retries, back-off and reconciliation are this one mechanism: whoever died, what was due is due
again when its lease ends.
"""

import asyncio
import contextlib
from collections import Counter

import structlog

from hakika.domain.errors import StoreUnavailable
from hakika.domain.schedule import QUERY_LEASE_MS, SECOND_MS, START_LEASE_MS
from hakika.engine.accounts import Accounts
from hakika.engine.agenda import is_ahead, is_awaited
from hakika.engine.budgets import Budgets
from hakika.engine.case import read_facts
from hakika.engine.clock import Clock
from hakika.engine.collect import Collector, is_over, is_too_late
from hakika.engine.health import CallbackHealth
from hakika.engine.live.notices import Notices
from hakika.store.opening import Store
from hakika.store.payments import (
    PaymentRow,
    accounts_due,
    find_due,
    free_queued,
    hasten_queries,
    lease_queries,
    next_due_at,
    put_off,
    set_due,
)
from hakika.store.transaction import Transaction

log = structlog.get_logger("hakika.worker")

ACTING_AT_ONCE = 128
TAKEN_AT_ONCE = 64
LOOK_AGAIN_AFTER_MS = SECOND_MS  # for what other nodes made due
HEALTH_AGAIN_AFTER_MS = 2 * SECOND_MS
WAITS = "waits"
"""What came of acting where nothing was done, and the payment is due again at once."""


class Worker:
    """Claims due payments and acts on them."""

    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        collector: Collector,
        budgets: Budgets,
        health: CallbackHealth,
        notices: Notices,
        clock: Clock,
    ) -> None:
        self._store, self._accounts, self._collector = store, accounts, collector
        self._budgets, self._health, self._clock = budgets, health, clock
        self._wake = asyncio.Event()
        self._acting: set[asyncio.Task[str]] = set()
        self._under_way: set[str] = set()  # the payments that we act on: nobody here takes them again
        self._retired = False
        self._at_rest = asyncio.Event()  # retired, and nothing is under way; or no time is left to wait for it
        self._misplaced = False
        self._looked_at_ms = 0
        self.beat_at_ms = 0  # when the loop last went round: for readiness
        notices.listen(self._notice)

    async def run_once(self) -> Counter[str]:
        """Act once on all that is due now and wait for it. → how often what was done."""
        await self.look_at_callbacks()
        rows = await self._claim()
        return Counter(await asyncio.gather(*(self._collector.act(row) for row in rows)))

    async def run(self) -> None:
        """Act on what becomes due until retired or cancelled; cancelled, let go of what is under way."""
        try:
            while not self._retired:
                self._wake.clear()
                wait_ms = await self._go_round()
                await self._clock.wait_for(self._wake, wait_ms)
            while self._acting:
                await asyncio.wait(self._acting)
        finally:
            self._at_rest.set()
            for task in self._acting:
                task.cancel()
            await asyncio.gather(*self._acting, return_exceptions=True)

    def retire(self) -> None:
        """Claim no more. What is under way goes on."""
        self._retired = True
        self._wake.set()

    async def finish(self, within_ms: int) -> None:
        """Retire, and wait until what is under way is done and recorded: not longer than that, nor once hurried."""
        self.retire()
        if not await self._clock.wait_for(self._at_rest, within_ms):
            log.error("stopped_while_acting", payments=sorted(self._under_way))

    def hurry(self) -> None:
        """Wait for nothing any more."""
        self.retire()
        self._at_rest.set()

    async def _go_round(self) -> int:
        """Take what is due and start acting on it. → how long to wait before the next round, in ms."""
        try:
            await self.look_at_callbacks()
            room = ACTING_AT_ONCE - len(self._acting)
            rows = await self._claim() if room > 0 else []
            for row in rows:
                self._under_way.add(row.id)
                task = asyncio.create_task(self._act(row), name=row.id)
                self._acting.add(task)
                task.add_done_callback(self._done)
            self.beat_at_ms = self._clock()
            return 0 if len(rows) >= TAKEN_AT_ONCE else await self._until_next()
        except StoreUnavailable as error:
            log.error("store_unavailable", error=str(error))
        except Exception as error:
            log.error("round_failed", exc_info=error)
        return LOOK_AGAIN_AFTER_MS

    async def _act(self, row: PaymentRow) -> str:
        try:
            return await self._collector.act(row)
        except StoreUnavailable as error:
            log.warning("acting_waits", payment=row.id, error=error.detail)
            if row.stage == "queued":
                await self._free(row)
            return WAITS
        finally:
            self._under_way.discard(row.id)

    async def _free(self, row: PaymentRow) -> None:
        """It was not sent, and may be: not only when our lease ends. Where even this fails, the lease ends soon."""
        with contextlib.suppress(StoreUnavailable):
            await self._store.write(lambda tx: free_queued(tx, row.id, self._clock()))

    async def _until_next(self) -> int:
        due_at_ms = await self._store.glance(next_due_at)
        if due_at_ms is None:
            return LOOK_AGAIN_AFTER_MS
        # What is due and was not granted waits for the budget, a tenth of a second at a time.
        return min(LOOK_AGAIN_AFTER_MS, max(100, due_at_ms - self._clock()))

    async def look_at_callbacks(self) -> None:
        """See, every few seconds, whether callbacks arrive; where they just stopped, hurry the queries."""
        if self._clock() - self._looked_at_ms < HEALTH_AGAIN_AFTER_MS:
            return
        self._looked_at_ms = self._clock()
        self._look_at_store()
        await self._store.read(self._accounts.load)
        for account in self._accounts.known():
            stopped = await self._store.read(lambda tx, name=account.id: self._health.look(tx, name))  # type: ignore[misc]
            if stopped:
                hurried = await self._store.write(
                    lambda tx, name=account.id: hasten_queries(tx, name, self._clock())  # type: ignore[misc]
                )
                log.warning("callbacks_stopped", account=account.name, queries_hurried=hurried)

    def _look_at_store(self) -> None:
        misplaced = self._store.find_misplaced()
        if misplaced and not self._misplaced:
            log.critical("database_misplaced", error=misplaced)
        self._misplaced = bool(misplaced)

    async def _claim(self) -> list[PaymentRow]:
        if not await self._store.glance(lambda tx: accounts_due(tx, self._clock())):
            return []
        return await self._store.write(self._take)

    def _take(self, tx: Transaction) -> list[PaymentRow]:
        now_ms = self._clock()
        known = {account.id for account in self._accounts.known()}
        taken: list[PaymentRow] = []
        for account in accounts_due(tx, now_ms):
            if account in known:  # else another node added it just now: it is known at the next look
                taken += self._take_for(tx, account, now_ms)
        return taken

    def _take_for(self, tx: Transaction, account: str, now_ms: int) -> list[PaymentRow]:
        """Lock and lease what is due for one account and within its budget."""
        pushes = find_due(tx, account, ["queued"], now_ms, TAKEN_AT_ONCE)
        queries = find_due(tx, account, ["prompted", "unsure"], now_ms, TAKEN_AT_ONCE)
        free = find_due(tx, account, ["sending"], now_ms, TAKEN_AT_ONCE)
        ours = [row.id for row in (*pushes, *queries, *free) if row.id in self._under_way]
        if ours:  # it takes longer than its lease: nobody else need act on it while we live
            set_due(tx, ours, now_ms + START_LEASE_MS)
            pushes, queries, free = (
                [row for row in rows if row.id not in self._under_way] for rows in (pushes, queries, free)
            )
        free += [row for row in pushes if is_too_late(row, read_facts(row), now_ms)]
        free += [row for row in queries if is_over(row, read_facts(row), now_ms)]
        spared = {row.id for row in free}
        pushes = [row for row in pushes if row.id not in spared]
        queries = [row for row in queries if row.id not in spared]
        if pushes or queries:
            pushes, queries = self._spend(tx, account, pushes, queries)
        set_due(tx, [row.id for row in (*pushes, *free)], now_ms + START_LEASE_MS)
        lease_queries(tx, [row.id for row in queries], now_ms, now_ms + QUERY_LEASE_MS)
        return [*pushes, *free, *queries]

    def _spend(
        self, tx: Transaction, account: str, pushes: list[PaymentRow], queries: list[PaymentRow]
    ) -> tuple[list[PaymentRow], list[PaymentRow]]:
        """Choose those that the budget grants. What is asked only for who waits is put off, rather than wait for it."""
        now_ms = self._clock()
        ahead = [row for row in queries if is_ahead(row, now_ms, self._health.expect)]
        early, off = {row.id for row in ahead}, [row.id for row in ahead if not is_awaited(row, now_ms)]
        ahead = [row for row in ahead if is_awaited(row, now_ms)]
        queries = [row for row in queries if row.id not in early]
        grant = self._budgets.grant(tx, account, len(pushes), len(queries), len(ahead))
        put_off(tx, [*off, *(row.id for row in ahead[grant.ahead :])], now_ms)
        return pushes[: grant.pushes], [*queries[: grant.queries], *ahead[: grant.ahead]]

    def _notice(self, row: PaymentRow) -> None:
        if row.due_at_ms is not None and row.due_at_ms <= self._clock() + LOOK_AGAIN_AFTER_MS:
            self._wake.set()

    def _done(self, task: asyncio.Task[str]) -> None:
        was_full = len(self._acting) >= ACTING_AT_ONCE
        self._acting.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("acting_failed", payment=task.get_name(), exc_info=error)
        # What it recorded, `_notice` has seen. Looking again after each of them would be most of what a busy one does.
        if was_full or self._retired or task.cancelled() or error is not None or task.result() == WAITS:
            self._wake.set()
