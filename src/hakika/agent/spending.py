"""How money is asked for on an agent's behalf: each guard in its order, none of which a model can talk past.

the grant     amount and payer, before anything else
the intent    the same phone, amount and purpose is one intent: asked once, until that attempt ended without money
the mode      the server's key opens accounts of the grant's mode alone
a person      above the grant's limit
the day       reserved on the disk, before the server hears of it
the server    one idempotency key an attempt: whatever is lost or doubled on the way, the phone rings once
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from hakika.agent import wording
from hakika.agent.consents import Approval, Approve, tell_unapproved
from hakika.agent.grants import Grant
from hakika.agent.purse import Charge, Purse, begin_of_day, day_of, digest
from hakika.agent.wording import DECLINED, Answer, clean, refuse, spell_amount, spell_phone
from hakika.client import AsyncHakika, HakikaError, NeverSent, NotHakika, Payment
from hakika.client.codes import (
    CallerError,
    IdempotencyKeyInFlight,
    IdempotencyKeyReused,
    InvalidRequest,
    PayerBusy,
    ReferenceInUse,
    RepeatedTooSoon,
)
from hakika.domain.errors import HakikaError as DomainError
from hakika.domain.phone import read_phone

PURPOSE_LENGTH = 100
PAGE = 100
# Refused after the server has looked for the attempt's key: surely no payment has it. Others come before that look.
REFUSED_FOR_SURE = (PayerBusy, RepeatedTooSoon, InvalidRequest)


_QUOTES = str.maketrans(dict.fromkeys('“”„‟«»"', "'"))


@dataclass(frozen=True)
class Wish:
    """What a model wants to ask for, read."""

    phone: str
    amount: int
    purpose: str

    @property
    def intent(self) -> str:
        """The same for what means the same, however it is spelt."""
        return digest(self.phone, self.amount, self.purpose.casefold())

    @property
    def question(self) -> str:
        """What a person is asked. Who is charged stands first; the model's own words last, and quoted."""
        quoted = self.purpose.translate(_QUOTES)  # else it could end the quotation, and go on in our voice
        return f"Charge {spell_phone(self.phone)} {spell_amount(self.amount)}. Stated purpose: “{quoted}”"


@dataclass(frozen=True)
class Asked:
    """What came of asking: a payment, or an answer in words where there is none. `already`: by an earlier call."""

    payment: Payment | None = None
    answer: Answer | None = None
    already: bool = False


def read_wish(phone: object, amount: object, purpose: object) -> Wish | Answer:
    """Read what a model gave. → why it cannot be asked for, in words that it can act on."""
    if isinstance(amount, float) and amount.is_integer():
        amount = int(amount)  # JSON of some models has no whole numbers
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < 1:
        return refuse("invalid_amount", "The amount is not a whole number of shillings from 1.", again=True)
    try:
        read = read_phone(str(phone))
    except DomainError as error:
        return refuse("invalid_phone", error.detail, again=True)
    said = clean(purpose, PURPOSE_LENGTH)
    if not said:
        return refuse("no_purpose", "Say in `context` what the payment is for.", again=True)
    return Wish(str(read), amount, said)


class Spender:
    """Asks for money under one grant."""

    def __init__(self, client: AsyncHakika, grant: Grant, purse: Purse, clock: Callable[[], int]) -> None:
        self.grant, self.purse = grant, purse
        self._client, self._clock = client, clock
        self._counted_day = -1

    async def question(self, wishes: list[Wish]) -> tuple[str, str] | None:
        """→ topic and words of what a person must say yes to before these are asked for; None where nobody need.

        Nobody is asked about what would be refused anyhow, or was asked for before.
        """
        return self.question_about(await self.new_among(wishes))

    def question_about(self, asking: list[Wish]) -> tuple[str, str] | None:
        """The same of wishes that are new."""
        if not asking or self.over_day(asking):
            return None
        return self._word(asking) if self.grant.needs_person(sum(wish.amount for wish in asking)) else None

    async def new_among(self, wishes: list[Wish]) -> list[Wish]:
        """Those that the grant allows and that were not asked for before."""
        return [wish for wish in wishes if not self.grant.judge(wish.phone, wish.amount) and await self._is_new(wish)]

    def over_day(self, wishes: list[Wish]) -> Answer | None:
        """→ why all of these together are too much for what is left of the day."""
        today, total = day_of(self._clock()), sum(wish.amount for wish in wishes)
        left = max(self.grant.per_day - self.purse.spent(self.grant.name, today), 0)
        return self._refuse_over_day(total, left) if total > left else None

    def _word(self, asking: list[Wish]) -> tuple[str, str]:
        total = sum(wish.amount for wish in asking)
        topic = digest(self.grant.name, self.grant.mode, *(wish.intent for wish in asking))
        whole = [f"{len(asking)} payments, {spell_amount(total)} in all:"] if len(asking) > 1 else []
        live = "REAL MONEY" if self.grant.mode == "live" else "test mode: no real money"
        return topic, "\n".join([*whole, *(wish.question for wish in asking), f"({live})"])

    async def _is_new(self, wish: Wish) -> bool:
        try:
            charge = await self._find_charge(wish)
            return isinstance(charge, Charge) and self._is_unreserved(charge)
        except HakikaError:
            return False  # the server does not answer: then nothing will be asked either

    async def ask(self, wish: Wish, approve: Approve) -> Asked:
        """Ask the phone for money, if every guard lets it."""
        if refusal := self.grant.judge(wish.phone, wish.amount):
            return Asked(answer=refusal)
        try:
            charge = await self._find_charge(wish)
            if isinstance(charge, Payment):
                return Asked(charge, already=True)
            if refusal := await self._check_mode():
                return Asked(answer=refusal)
            if refusal := await self._reserve(wish, charge, approve):
                return Asked(answer=refusal)
        except HakikaError as error:
            return Asked(answer=self._tell_unasked(wish, error))
        return await self._send(wish, charge)

    def _tell_unasked(self, wish: Wish, error: HakikaError) -> Answer:
        """This call asked nobody. Of an earlier one of the same intent, that says nothing."""
        detail = clean(error.detail, 300)
        if self.purse.latest(self.grant.name, wish.intent):
            who = f"{spell_phone(wish.phone)} was asked for {spell_amount(wish.amount)} before, or may have been"
            return wording.admit_ignorance(f"{who}, and what became of it cannot be read now: {detail}")
        if isinstance(error, NeverSent | NotHakika):
            return refuse("server_down", f"Hakika's server cannot be reached: {detail}", again=True)
        return refuse(error.code, f"Hakika's server did not take it: {detail}", again=True)

    async def _find_charge(self, wish: Wish) -> Charge | Payment:
        """→ the earlier payment of the same intent, while it may have charged somebody; else the attempt to make."""
        await self._recount()
        today, intent = day_of(self._clock()), wish.intent
        last = self.purse.latest(self.grant.name, intent)
        number = last.attempt + 1 if last else 1
        reference = f"{self.grant.name}-{intent[:12]}-{number}"
        fresh = Charge(self.grant.name, intent, number, today, wish.amount, wish.phone, reference)
        if last is None:
            return fresh
        if not last.payment:
            return last  # its answer was lost: the same key asks what became of it
        payment = await self._client.payments.retrieve(last.payment)
        self.note(payment)
        if payment.status in DECLINED and not payment.flags:
            return fresh._replace(reference=last.reference)  # the server holds it against paying twice
        ended = payment.status in {"completed", "reversed"}
        return fresh if ended and last.day < today else payment

    def _is_unreserved(self, charge: Charge) -> bool:
        last = self.purse.latest(charge.grant, charge.intent)
        return last is None or last.attempt < charge.attempt

    async def _check_mode(self) -> Answer | None:
        """Test and live are never mixed: what the key opens must be of the grant's mode, all of it."""
        modes = {account.mode for account in (await self._client.server.accounts()).data if account.active}
        if modes == {self.grant.mode}:
            return None
        found = " and ".join(sorted(modes)) or "no"
        return refuse(
            "wrong_mode",
            f"The grant is for {self.grant.mode} payments, and the server's key opens {found} accounts.",
        )

    async def _reserve(self, wish: Wish, charge: Charge, approve: Approve) -> Answer | None:
        new = self._is_unreserved(charge)
        if new and (refusal := self.over_day([wish])):
            return refusal
        if new and self.grant.needs_person(wish.amount):
            said = await approve(*self._word([wish]))
            if said.approval is not Approval.YES:
                return tell_unapproved(said)
        left = self.purse.reserve(charge, self.grant.per_day)
        return None if left is None else self._refuse_over_day(wish.amount, left)

    def _refuse_over_day(self, amount: int, left: int) -> Answer:
        most = f"{spell_amount(left)} of {spell_amount(self.grant.per_day)}"
        return refuse("over_per_day", f"{spell_amount(amount)} is more than is left of today's limit ({most}).")

    async def _send(self, wish: Wish, charge: Charge) -> Asked:
        """Ask the server. What is reserved is given back only where surely nothing was asked."""
        before = self.purse.holders(charge) > 1  # another call of this attempt, whose answer was lost or is awaited
        try:
            payment = await self._client.payments.create(
                amount=charge.amount,
                phone=charge.phone,
                reference=charge.reference,
                description=wish.purpose,
                metadata={"agent": charge.grant, "agent_intent": charge.intent, "agent_attempt": charge.attempt},
                idempotency_key=charge.key,
            )
        except (ReferenceInUse, IdempotencyKeyReused, IdempotencyKeyInFlight) as error:
            return await self._find_holder(charge, error)
        except (CallerError, NeverSent) as error:
            if (before or error.repeated) and not isinstance(error, REFUSED_FOR_SURE):
                return Asked(answer=self._admit(charge))
            self.purse.release(charge)
            return Asked(answer=_tell_refused(error))
        except HakikaError:
            return Asked(answer=self._admit(charge))
        self.purse.keep(charge._replace(payment=payment.id))
        return Asked(payment)

    def _admit(self, charge: Charge) -> Answer:
        who = f"{spell_phone(charge.phone)} may have been asked for {spell_amount(charge.amount)}, or not"
        return wording.admit_ignorance(f"{who}: no answer came from Hakika's server.")

    async def _find_holder(self, charge: Charge, error: HakikaError) -> Asked:
        """The payment under our reference: made by another call of the same, or one that this machine has forgotten."""
        try:
            found = (await self._client.payments.list(reference=charge.reference, limit=1)).data
        except HakikaError:
            found = []
        ours = [payment for payment in found if _is_holder(payment, charge)]
        if not ours:
            return Asked(answer=wording.admit_ignorance(clean(error.detail, 300)))
        self.purse.keep(charge._replace(payment=ours[0].id))
        return Asked(ours[0], already=True)

    def note(self, payment: Payment) -> None:
        """Remember what Daraja calls a payment of ours, for when the server cannot be asked."""
        charge = self.purse.of_payment(payment.id)
        if charge and payment.checkout_request_id and not charge.checkout_request_id:
            self.purse.keep(charge._replace(checkout_request_id=payment.checkout_request_id))

    async def _recount(self) -> None:
        """Once a day and process: what the server knows of this grant's day counts too, should the file be lost."""
        now_ms = self._clock()
        if self._counted_day == day_of(now_ms):
            return
        since, cursor = datetime.fromtimestamp(begin_of_day(now_ms) / 1000, UTC), None
        while True:
            page = await self._client.payments.list(created_after=since, limit=PAGE, cursor=cursor)
            for payment in page.data:
                self._adopt(payment, day_of(now_ms))
            cursor = page.next_cursor
            if not page.has_more:
                break
        self._counted_day = day_of(now_ms)

    def _adopt(self, payment: Payment, day: int) -> None:
        named = payment.metadata
        intent, attempt = named.get("agent_intent"), named.get("agent_attempt")
        if named.get("agent") != self.grant.name or not isinstance(intent, str) or not isinstance(attempt, int):
            return
        self.purse.adopt(
            Charge(
                *(self.grant.name, intent, attempt, day, payment.amount, payment.phone, payment.reference, payment.id),
                payment.checkout_request_id or "",
            )
        )


def _tell_refused(error: HakikaError) -> Answer:
    """Say why the server did not take it, and where it helps to wait, how long."""
    code = "server_down" if isinstance(error, NeverSent) else error.code
    title = f"{clean(error.problem.get('title'), 100)}: " if isinstance(error, PayerBusy | RepeatedTooSoon) else ""
    said = f"{title}{clean(error.detail, 300)}"
    if not error.retry_after:
        return refuse(code, said, again=True)
    said = f"{said} It can be asked in {math.ceil(error.retry_after)} seconds."
    return refuse(code, said, again=True, retry_after_seconds=error.retry_after)


def _is_holder(payment: Payment, charge: Charge) -> bool:
    """Whether it is this attempt; of an earlier one under the same reference, only what was not declined holds it."""
    if (payment.phone, payment.amount) != (charge.phone, charge.amount):
        return False
    declined = payment.status in DECLINED and not payment.flags
    return not declined or payment.metadata.get("agent_attempt") == charge.attempt
