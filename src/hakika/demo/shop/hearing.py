"""What the shop's server heard from Hakika: webhooks, verified as any merchant would, with a library that exists."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

MOST_PAYMENTS = 10_000


class Hearing:
    """Takes webhooks, each event once."""

    def __init__(self, secret: str) -> None:
        self._webhook = Webhook(secret)
        self._heard: dict[str, dict[str, dict[str, str]]] = {}  # by payment, by event

    def take(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Take one. → whether it is Hakika's."""
        try:
            event: dict[str, Any] = self._webhook.verify(body, dict(headers))
        except (WebhookVerificationError, ValueError):
            return False
        payment = event["payment"] or event["data"].get("payment")
        if payment:
            if len(self._heard) >= MOST_PAYMENTS and payment not in self._heard:
                self._heard.pop(next(iter(self._heard)))
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._heard.setdefault(payment, {}).setdefault(event["id"], {"type": event["type"], "at": at})
        return True

    def tell(self, payment: str) -> list[dict[str, str]]:
        """What was heard of a payment, in the order in which it came."""
        return list(self._heard.get(payment, {}).values())
