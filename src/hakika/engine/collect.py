"""Asking Daraja: the push that prompts a phone, and the query that finds out what became of it.

Intent before action: that we are about to send is durable before the request leaves. What comes back is
evidence. A push whose answer was lost is never sent again.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeAlias, assert_never

import structlog
from structlog.contextvars import bound_contextvars

from hakika.daraja.protocol import PushOrder, PushOutcome, QueryOutcome, Shortcode
from hakika.daraja.requests import safe_description
from hakika.domain import schedule
from hakika.domain.errors import CannotQuery, Conflict, HakikaError, StoreUnavailable
from hakika.domain.evidence import (
    AnyReading,
    GaveUp,
    PushAccepted,
    PushLost,
    PushRefused,
    PushStarted,
    QueryAnswered,
    QueryUnanswered,
    SendingStopped,
)
from hakika.domain.payment import Facts, Push
from hakika.engine.accounts import Accounts
from hakika.engine.agenda import Hint, prompted_at
from hakika.engine.budgets import Budgets
from hakika.engine.case import Evidence, Guard, Recorded, read_facts
from hakika.engine.clock import Clock
from hakika.engine.ids import Entropy, make_id
from hakika.engine.ledger import Ledger
from hakika.engine.watching.story import mask_prompt
from hakika.store.payments import PaymentRow

log = structlog.get_logger("hakika.collect")
RECORD_AGAIN_AFTER_MS = 500

_Said: TypeAlias = PushAccepted | PushRefused | PushLost | QueryAnswered | QueryUnanswered


class Daraja(Protocol):
    """What we need of Daraja; `daraja.client` talks to the real one."""

    async def prepare(self, account_id: str, shortcode: Shortcode, attempt: int) -> PushOutcome | None:
        """Have at hand what a push needs, so that it leaves at once. → what stands in its way."""

    async def push(self, account_id: str, shortcode: Shortcode, order: PushOrder, attempt: int) -> PushOutcome:
        """Prompt a phone."""

    async def query(
        self, account_id: str, shortcode: Shortcode, checkout_request_id: str, last_word: bool
    ) -> QueryOutcome:
        """Ask what became of a prompt."""


class NothingToDo(Conflict):
    """Somebody else acted on the payment first: there is nothing left to do."""

    code = "nothing_to_do"
    title = "Somebody else acted first"


class Collector:
    """Acts on one payment at a time; a worker decides on which."""

    def __init__(
        self,
        ledger: Ledger,
        accounts: Accounts,
        daraja: Daraja,
        budgets: Budgets,
        callback_url: Callable[[str], str],
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        """`callback_url` gives the address of a payment's secret callback path, from its token."""
        self._ledger, self._accounts, self._daraja, self._budgets = ledger, accounts, daraja, budgets
        self._callback_url, self._clock, self._entropy = callback_url, clock, entropy

    async def act(self, row: PaymentRow) -> str:
        """Do what is due on this payment. → what was done: pushed, queried, gave_up, lost, stopped, nothing."""
        try:
            with bound_contextvars(payment=row.id):  # on every line that is logged meanwhile, whoever writes it
                return await self._act(row)
        except (NothingToDo, CannotQuery):
            return "nothing"

    async def _act(self, row: PaymentRow) -> str:
        facts, now_ms = read_facts(row), self._clock()
        if row.stage == "queued" and row.status == "pending":
            barred = self._accounts.find_bar(row)
            if barred or is_too_late(row, facts, now_ms):
                return await self._stop_sending(row, facts, barred)
            return await self.push(row, facts)
        if row.stage == "sending" and row.status == "pending":
            return await self._lose(row, facts)
        if is_over(row, facts, now_ms):
            return await self._give_up(row, facts)
        await self.query(row, facts)
        return "queried"

    async def push(self, row: PaymentRow, facts: Facts) -> str:
        """Prompt the phone."""
        account, attempt = self._accounts.get(row.account), facts.push[0] + 1
        # Before `sending` is stored: a token may take half a minute, and until then nothing can have been sent.
        obstacle = await self._daraja.prepare(account.id, account.shortcode, attempt)
        if obstacle:
            await self._record_answer(row, attempt, obstacle, _still_at(facts))
            return "refused"
        started = PushStarted(self._clock(), attempt)
        await self._decide(row, started, f"push:{attempt}:started", self._may_start(facts))
        order = self._order(row)
        log.info("pushing", payment=row.id, reference=row.reference, attempt=attempt, callback_url=order.callback_url)
        outcome = await self._daraja.push(account.id, account.shortcode, order, attempt)
        await self._record_answer(row, attempt, outcome)
        return "pushed"

    def _order(self, row: PaymentRow) -> PushOrder:
        asked_ms, now_ms = row.created_at_ms, self._clock()
        return PushOrder(
            amount=row.amount,
            phone=row.phone,
            account_reference=row.account_reference,
            description=safe_description(row.description),
            callback_url=self._callback_url(row.token),
            leave_by_ms=min(asked_ms + schedule.RESEND_WITHIN_MS, now_ms + schedule.LEAVES_WITHIN_MS),
        )

    async def _record_answer(
        self, row: PaymentRow, attempt: int, outcome: PushOutcome, guard: Guard | None = None
    ) -> None:
        log.info("pushed", payment=row.id, reference=row.reference, attempt=attempt, **_describe(outcome.reading))
        answer = Evidence(
            reading=outcome.reading,
            identity=f"push:{attempt}:answer",
            payment=row.id,
            raw=outcome.raw,
            guard=guard,
            hint=Hint(resend_after_ms=outcome.retry_after_s * 1000),
        )
        await self._record_surely(answer)
        if outcome.pressure:
            await self._shrink(row.account, outcome.reading)

    async def query(self, row: PaymentRow, facts: Facts) -> Recorded:
        """Ask Daraja what became of the prompt."""
        account, now_ms = self._accounts.find_for(row), self._clock()
        last_word = schedule.is_last_word(prompted_at(row), now_ms)
        outcome = await self._daraja.query(account.id, account.shortcode, facts.checkout_ids[0], last_word)
        reading = outcome.reading
        log.info("queried", payment=row.id, reference=row.reference, last_word=last_word, **_describe(reading))
        identity = make_id("qry", now_ms, self._entropy)
        recorded = await self._record_surely(Evidence(reading, identity, payment=row.id, raw=outcome.raw))
        if outcome.pressure:
            await self._shrink(account.id, reading)
        return recorded

    async def _shrink(self, account: str, reading: _Said) -> None:
        try:
            await self._budgets.shrink(account, _describe(reading).get("error_message", ""))
        except StoreUnavailable as error:  # the answer is recorded, and Daraja will say it again
            log.warning("budget_not_shrunk", account=account, error=error.detail)

    async def _lose(self, row: PaymentRow, facts: Facts) -> str:
        attempt = facts.push[0]
        lost = PushLost(self._clock(), attempt, "Hakika stopped, or lost its database, before Daraja's answer.")
        await self._decide(row, lost, f"push:{attempt}:lost", _still_at(facts))
        return "lost"

    async def _stop_sending(self, row: PaymentRow, facts: Facts, barred: str = "") -> str:
        reason = barred or ("Refused too often." if facts.push[0] else "It could not be sent within a minute.")
        await self._decide(row, SendingStopped(self._clock(), reason), "sending_stopped", _still_at(facts))
        return "stopped"

    async def _give_up(self, row: PaymentRow, facts: Facts) -> str:
        unsure = not facts.checkout_ids
        reason = "The push's answer was lost and nothing else came." if unsure else "A day of queries said nothing."
        await self._decide(row, GaveUp(self._clock(), reason), "gave_up", _still_at(facts))
        return "gave_up"

    def _may_start(self, facts: Facts) -> Guard:
        still = _still_at(facts)

        def judge(row: PaymentRow, now: Facts) -> HakikaError | None:
            # Judged when it is stored: a database that made us wait must not make the prompt a late one.
            late = is_too_late(row, now, self._clock())
            return NothingToDo(f"It is too late to send {row.id}.") if late else still(row, now)

        return judge

    async def _decide(self, row: PaymentRow, reading: AnyReading, identity: str, guard: Guard) -> None:
        await self._ledger.record(Evidence(reading, identity, payment=row.id, guard=guard))

    async def _record_surely(self, evidence: Evidence) -> Recorded:
        """Record what Daraja answered; while the database is away, again until the lease has ended."""
        until_ms = self._clock() + schedule.SENDING_LEASE_MS
        while True:
            try:
                return await self._ledger.record(evidence)
            except StoreUnavailable:
                if self._clock() >= until_ms:
                    raise
                await asyncio.sleep(self._clock.seconds(RECORD_AGAIN_AFTER_MS))


def _describe(reading: _Said) -> dict[str, str]:
    """What Daraja answered, for the log."""
    match reading:
        case PushAccepted(checkout_request_id=prompt, merchant_request_id=merchant):
            said = {"checkout_request_id": mask_prompt(prompt), "merchant_request_id": merchant}
        case QueryAnswered(code=code, checkout_request_id=prompt, description=description):
            said = {"checkout_request_id": mask_prompt(prompt), "result_code": code, "result_desc": description}
        case PushRefused(code=code, message=message):
            said = {"error_code": code, "error_message": message}
        case QueryUnanswered(code=code, reason=reason):
            said = {"error_code": code, "error_message": reason}
        case PushLost(reason=reason):
            said = {"error_message": reason}
        case _:
            assert_never(reading)
    return {"answer": type(reading).__name__, **said}


def is_too_late(row: PaymentRow, facts: Facts, now_ms: int) -> bool:
    """Whether a queued payment may no longer be sent: too old, or refused too often or too late to wait."""
    too_old = now_ms - row.created_at_ms > schedule.RESEND_WITHIN_MS
    # A refusal that may be sent again is planned for later; one that is due at once is one too many (agenda).
    refused = facts.push[1] == Push.REFUSED and row.due_at_ms is not None
    return too_old or (refused and (row.due_at_ms or 0) <= row.updated_at_ms)


def is_over(row: PaymentRow, facts: Facts, now_ms: int) -> bool:
    """Whether every automatic means is used up: the last of them, where Daraja can be asked, is to ask it then."""
    unsure = not facts.checkout_ids
    at_ms = schedule.give_up_at(row.created_at_ms, row.sending_at_ms if unsure else prompted_at(row), unsure=unsure)
    return row.status == "pending" and now_ms >= at_ms and (unsure or row.queried_at_ms >= at_ms)


def _still_at(facts: Facts) -> Guard:
    """The decision holds only if the push is where it was when it was taken, and nothing is settled."""

    def judge(row: PaymentRow, now: Facts) -> HakikaError | None:
        unchanged = now.push == facts.push and row.status == "pending" and not row.frozen
        return None if unchanged else NothingToDo(f"{row.id} is {row.status}, {row.stage}.")

    return judge
