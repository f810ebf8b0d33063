"""The ledger: the one way in. Every change of a payment is evidence recorded here.

`record` queues a piece and waits. A committer takes those that wait (group commit, no timer) and folds them in
one transaction (`fold.apply`); there are as many committers as the store has writers (`store.writers`). A batch
that raises is rolled back and run again one by one, so that one bad piece fails alone; a dead committer never
leaves its waiters hanging.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import Context
from functools import partial
from threading import Lock

import structlog

from hakika.domain.errors import HakikaError, StoreUnavailable
from hakika.engine.case import Evidence, Recorded, Surroundings
from hakika.engine.fold import Folded, Statements, apply
from hakika.engine.health import CallbackHealth
from hakika.engine.ids import Entropy, count_ids
from hakika.engine.live.notices import Notices
from hakika.engine.watching.story import tell_batch
from hakika.engine.watching.tally import Tally
from hakika.store.opening import Store
from hakika.store.transaction import Transaction

PIECES_A_BATCH = 512
PIECES_AT_LEAST = 32
"""Of more than this that wait, half is taken: while it commits the other half is there to work on. Took a batch
all that waits, big and small ones would take turns, and the event loop stood idle while the big ones commit."""

log = structlog.get_logger("hakika.ledger")

_Waiting = tuple[Evidence, "asyncio.Future[Recorded]"]


class _Batch:
    """What one committer took. It is filled within the transaction, perhaps in a thread of the store's."""

    __slots__ = ("abandoned", "taken")

    def __init__(self) -> None:
        self.taken: list[_Waiting] = []
        self.abandoned = False  # its committer is dead: nobody would answer what it takes


class Ledger:
    """Records evidence."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], int],
        entropy: Entropy,
        health: CallbackHealth,
        notices: Notices,
    ) -> None:
        self.store, self.notices, self.health = store, notices, health
        self.statements = Statements(store.dialect)
        self.tally = Tally()
        notices.listen_batches(self.tally.take)
        notices.listen_batches(tell_batch)
        self.failed = 0  # pieces that could not be recorded though the database answers: for the metrics
        self.public_url = ""  # where payers find us: for the addresses in what is published
        self._clock, self._entropy = clock, entropy
        self.is_trial: Callable[[str], bool] = lambda _: False  # of which tokens nothing but an event is kept
        self._shortcodes: Callable[[], Mapping[str, frozenset[str]]] = dict
        self._waiting: deque[_Waiting] = deque()
        self._committers: set[asyncio.Task[None]] = set()
        self._taking = Lock()

    def know_shortcodes(self, shortcodes: Callable[[], Mapping[str, frozenset[str]]]) -> None:
        """Set which shortcodes each account's callbacks may name."""
        self._shortcodes = shortcodes

    def surroundings(self) -> Surroundings:
        """What folding needs to know besides the database, now."""
        now_ms = self._clock()
        event_ids = count_ids("evt", now_ms, self._entropy)
        return Surroundings(now_ms, event_ids, self.health.expect, self._shortcodes(), self.public_url, self.is_trial)

    async def record(self, evidence: Evidence) -> Recorded:
        """Fold one piece of evidence in; answered when it is durable.

        Raises what the evidence's guard answered, NotFound for an id that does not exist, StoreUnavailable
        when the database does not answer: then nothing was recorded.
        """
        return await self.submit(evidence)

    def submit(self, evidence: Evidence) -> "asyncio.Future[Recorded]":
        """Queue one piece. → its answer, as `record` gives it; who does not wait for that stops nothing."""
        answer: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        self._waiting.append((evidence, answer))
        if len(self._committers) < self.store.writers:
            # In a context of its own: what it logs is not about the payment of whoever came first.
            committer = asyncio.create_task(self._commit_waiting(), context=Context())
            self._committers.add(committer)
        return answer

    async def _commit_waiting(self) -> None:
        batch = _Batch()
        try:
            while self._waiting:
                batch = _Batch()
                folded = await self._commit(partial(self._apply_waiting, batch), batch.taken)
                if folded is None:
                    await self._commit_one_by_one(batch.taken)
                    continue
                _settle(batch.taken, folded.answers)
                self._announce(folded, batch.taken)
        finally:
            self._leave(batch)

    def _leave(self, batch: _Batch) -> None:
        """Whatever ends a committer, nobody who waits is left hanging."""
        committer = asyncio.current_task()
        if committer:
            self._committers.discard(committer)
        with self._taking:
            batch.abandoned = True
            left = list(batch.taken)
            if not self._committers:
                left += self._waiting
                self._waiting.clear()
        for _, answer in left:
            if not answer.done():
                answer.set_exception(StoreUnavailable("The ledger stopped."))

    def _apply_waiting(self, batch: _Batch, tx: Transaction) -> Folded:
        # What waits is taken as late as possible: whatever came while the last commit ran goes along.
        with self._taking:
            if batch.abandoned:
                raise StoreUnavailable("The ledger stopped.")
            waiting = len(self._waiting)
            fair = min(waiting, max(PIECES_AT_LEAST, waiting // 2), PIECES_A_BATCH - len(batch.taken))
            batch.taken += [self._waiting.popleft() for _ in range(fair)]
        if not batch.taken:
            return Folded([])  # another committer was quicker
        return apply(tx, self.statements, self.surroundings(), [evidence for evidence, _ in batch.taken])

    def _apply_one(self, evidence: Evidence, tx: Transaction) -> Folded:
        return apply(tx, self.statements, self.surroundings(), [evidence])

    async def _commit(self, job: Callable[[Transaction], Folded], taken: list[_Waiting]) -> Folded | None:
        """Run a job. → what came of it, or None when the batch must be tried one by one."""
        try:
            return await self.store.write(job)
        except Exception as error:  # noqa: BLE001 - one bad piece must not take the others with it
            if taken and not isinstance(error, StoreUnavailable):
                log.warning("batch_failed", pieces=len(taken), error=repr(error))
                return None
            log.warning("store_unavailable", pieces=len(taken), error=str(error))
            if not taken:  # it failed before the job ran: those who wait are told all the same
                taken += [self._waiting.popleft() for _ in range(len(self._waiting))]
            return Folded([StoreUnavailable(str(error)) for _ in taken])

    async def _commit_one_by_one(self, taken: list[_Waiting]) -> None:
        for evidence, answer in taken:
            try:
                folded = await self.store.write(partial(self._apply_one, evidence))
            except Exception as error:
                self.failed += 1
                payment = await self._name_payment(evidence)
                log.error("evidence_failed", payment=payment, identity=evidence.identity, exc_info=error)
                if not answer.done():
                    answer.set_exception(error)
                continue
            _settle([(evidence, answer)], folded.answers)
            self._announce(folded, [(evidence, answer)])

    async def _name_payment(self, evidence: Evidence) -> str:
        """Which payment a piece is about, as far as that can be told without folding it: for the log."""
        if evidence.payment or not evidence.token:
            return evidence.payment
        by_token = self.statements.payments.ids_by_token
        try:
            found = await self.store.read(lambda tx: tx.look_up(by_token, [evidence.token]))
        except Exception:  # noqa: BLE001 - the line is worth more than its name
            return ""
        return str(found[0][0]) if found else ""

    def _announce(self, folded: Folded, taken: list[_Waiting]) -> None:
        heard = [(waiting[0], answer) for waiting, answer in zip(taken, folded.answers, strict=True)]
        self.notices.tell_batch(folded.rows, folded.published.events, folded.moved, heard)
        for row in folded.rows:
            if row.frozen:
                log.critical("invariant_broken", payment=row.id, rule=row.frozen)


def _settle(taken: list[_Waiting], recorded: list[Recorded | HakikaError]) -> None:
    for (_, answer), outcome in zip(taken, recorded, strict=True):
        if answer.done():
            continue
        if isinstance(outcome, HakikaError):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
