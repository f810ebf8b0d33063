"""`client.payments`: ask for money, and find out what became of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from hakika.client.codes import AlreadyEnded, AlreadyRegistered
from hakika.client.exchange import get, post
from hakika.client.models import Entry, Explanation, Page, Payment
from hakika.client.steps import Resource, Shell, Steps, call
from hakika.client.waiting import WAIT_S, wait_until

PATH = "/v1/payments"


class Payments(Resource[Shell]):
    """Payments. Wherever one is named, its id or the payment itself will do."""

    @call
    def create(
        self,
        *,
        amount: int,
        phone: str,
        reference: str,
        description: str | None = None,
        account: str | None = None,
        account_reference: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        allow_repeat: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Steps[Payment]:
        """Ask a phone for money. Every try of this call has the same key, so the phone rings once.

        Raises ReferenceInUse, PayerBusy, RepeatedTooSoon, InvalidPhone, InvalidAmount, NoAnswer.
        """
        body = {
            "amount": amount,
            "phone": phone,
            "reference": reference,
            "description": description,
            "account": account,
            "account_reference": account_reference,
            "metadata": metadata,
            "allow_repeat": allow_repeat,
        }
        return self._exchange.create(PATH, body, Payment, idempotency_key)

    @call
    def register(
        self,
        *,
        checkout_request_id: str,
        phone: str,
        amount: int,
        reference: str,
        merchant_request_id: str | None = None,
        description: str | None = None,
        account: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Steps[Payment]:
        """Follow a push that another program made. To register the same push again gives the same payment.

        Raises AlreadyRegistered where it is followed as another amount or reference.
        """
        body = {
            "checkout_request_id": checkout_request_id,
            "merchant_request_id": merchant_request_id,
            "phone": phone,
            "amount": amount,
            "reference": reference,
            "description": description,
            "account": account,
            "metadata": metadata,
        }
        try:
            return (yield from self._exchange.create(f"{PATH}/register", body, Payment, idempotency_key))
        except AlreadyRegistered as error:
            if error.payment is None:
                raise
            known = yield from self._exchange.ask(get(_path(error.payment)), Payment)
            if (known.amount, known.reference) != (amount, reference):
                raise
            return known

    @call
    def retrieve(self, payment: str | Payment) -> Steps[Payment]:
        """Read a payment."""
        return self._exchange.ask(get(_path(payment)), Payment)

    @call
    def list(
        self,
        /,
        *,
        reference: str | None = None,
        phone: str | None = None,
        status: str | None = None,
        receipt: str | None = None,
        checkout_request_id: str | None = None,
        account: str | None = None,
        amount: int | None = None,
        created_after: datetime | str | None = None,
        created_before: datetime | str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        **others: str,
    ) -> Steps[Page[Payment]]:
        """Find payments, newest first; `others` are filters that this version does not name."""
        request = get(
            PATH,
            reference=reference,
            phone=phone,
            status=status,
            receipt=receipt,
            checkout_request_id=checkout_request_id,
            account=account,
            amount=amount,
            created_after=created_after,
            created_before=created_before,
            limit=limit,
            cursor=cursor,
            **others,
        )
        return self._exchange.ask(request, Page[Payment])

    @call
    def wait(self, payment: str | Payment, *, timeout_s: float = WAIT_S) -> Steps[Payment]:
        """Wait until it has ended; when the time is over, give it as it is: still pending, which is not failed.

        Servers that restart and connections that break meanwhile are waited for. Raises NoAnswer only where no answer
        came in all that time.
        """
        return wait_until(self._exchange, f"{_path(payment)}/wait", Payment, lambda it: not it.is_pending, timeout_s)

    @call
    def query(self, payment: str | Payment) -> Steps[Payment]:
        """Ask Daraja now. Seldom needed: payments are queried by themselves. Raises CannotQuery, BudgetSpent."""
        return self._exchange.ask(post(f"{_path(payment)}/query"), Payment)

    @call
    def cancel(self, payment: str | Payment, *, reason: str = "") -> Steps[Payment]:
        """Call it off before its prompt is sent. Raises CannotCancel, AlreadyEnded."""
        try:
            return (yield from self._exchange.ask(post(f"{_path(payment)}/cancel", {"reason": reason}), Payment))
        except AlreadyEnded as error:
            if not error.repeated:
                raise
            ended = yield from self._exchange.ask(get(_path(payment)), Payment)
            if ended.failure is None or ended.failure.code != "withdrawn":
                raise
            return ended  # by an earlier try of this call, whose answer was lost

    @call
    def resolve(
        self,
        payment: str | Payment,
        *,
        outcome: str,
        reason: str,
        receipt: str | None = None,
        operator: str | None = None,
    ) -> Steps[Payment]:
        """Say what a person found out: `completed` (with the receipt), `failed` or `reversed`. Raises CannotResolve."""
        body = {"outcome": outcome, "reason": reason, "receipt": receipt, "operator": operator}
        return self._exchange.ask(post(f"{_path(payment)}/resolve", body, repeatable=False), Payment)

    @call
    def timeline(self, payment: str | Payment) -> Steps[tuple[Entry, ...]]:
        """Read all that is known of a payment, in order, with who said it."""
        page = yield from self._exchange.ask(get(f"{_path(payment)}/timeline"), Page[Entry])
        return tuple(page.data)

    @call
    def explain(self, payment: str | Payment) -> Steps[Explanation]:
        """Read what happened in words, what it means for the money, and what to do."""
        return self._exchange.ask(get(f"{_path(payment)}/explanation"), Explanation)


def _path(payment: str | Payment) -> str:
    return f"{PATH}/{quote(payment if isinstance(payment, str) else payment.id, safe='')}"
