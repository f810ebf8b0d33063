"""`client.checkouts` and `client.links`: pages on which a payer pays."""

from collections.abc import Mapping
from typing import Any, Required, TypedDict, Unpack
from urllib.parse import quote

from hakika.client.codes import CheckoutEnded
from hakika.client.exchange import get, post
from hakika.client.models import Checkout, Link
from hakika.client.steps import Resource, Shell, Steps, call
from hakika.client.waiting import WAIT_S, wait_until

PATH = "/v1/checkouts"


class Purchase(TypedDict, total=False):
    """What a checkout is made with, and each checkout of a link; None is as good as absent."""

    reference: Required[str]
    amount: int | None
    amount_least: int | None
    amount_most: int | None
    description: str | None
    account: str | None
    return_url: str | None
    cancel_url: str | None
    expires_in_s: int | None
    language: str | None
    metadata: Mapping[str, Any] | None
    ask_again: Mapping[str, int] | None


class Checkouts(Resource[Shell]):
    """Checkouts. Wherever one is named, its id or the checkout itself will do."""

    @call
    def create(self, *, idempotency_key: str | None = None, **purchase: Unpack[Purchase]) -> Steps[Checkout]:
        """Make a checkout: send the payer to its `url`. Without an amount the payer chooses one."""
        return self._exchange.create(PATH, purchase, Checkout, idempotency_key)

    @call
    def retrieve(self, checkout: str | Checkout) -> Steps[Checkout]:
        """Read one."""
        return self._exchange.ask(get(_path(checkout)), Checkout)

    @call
    def wait(self, checkout: str | Checkout, *, timeout_s: float = WAIT_S) -> Steps[Checkout]:
        """Wait until it is no longer open; when the time is over, give it as it is: still open."""
        return wait_until(self._exchange, f"{_path(checkout)}/wait", Checkout, lambda it: not it.is_open, timeout_s)

    @call
    def cancel(self, checkout: str | Checkout) -> Steps[Checkout]:
        """Close it, so that nobody can pay it any more. Raises CheckoutEnded, CheckoutBusy while one is paying."""
        try:
            return (yield from self._exchange.ask(post(f"{_path(checkout)}/cancel"), Checkout))
        except CheckoutEnded as error:
            if not error.repeated:
                raise
            ended = yield from self._exchange.ask(get(_path(checkout)), Checkout)
            if ended.status != "cancelled":
                raise
            return ended  # by an earlier try of this call, whose answer was lost


class Links(Resource[Shell]):
    """Payment links."""

    @call
    def create(
        self, *, single_use: bool | None = None, idempotency_key: str | None = None, **purchase: Unpack[Purchase]
    ) -> Steps[Link]:
        """Make a link: share its `url`. Each use makes a checkout of that purchase."""
        return self._exchange.create("/v1/links", {**purchase, "single_use": single_use}, Link, idempotency_key)


def _path(checkout: str | Checkout) -> str:
    return f"{PATH}/{quote(checkout if isinstance(checkout, str) else checkout.id, safe='')}"
