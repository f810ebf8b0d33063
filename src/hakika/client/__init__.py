"""The Python SDK: `Hakika` and `AsyncHakika` talk to a server, `verify_webhook` checks what a server sends.

    client = Hakika()                                   # HAKIKA_SERVER, HAKIKA_API_KEY
    payment = client.payments.create(amount=100, phone="0712345678", reference="order-1042")
    payment = client.payments.wait(payment)             # up to five minutes
    if payment.is_paid: …

It imports nothing of the server. docs/python.md has the whole of it, docs/receivers.md the webhooks.
"""

from hakika.client import codes
from hakika.client.clients import AsyncHakika, Hakika
from hakika.client.codes import *  # noqa: F403 - one class for each code
from hakika.client.errors import HakikaError, NeverSent, NoAnswer, NotHakika, WebhookVerificationError
from hakika.client.models import (
    Account,
    Attempt,
    Checkout,
    Endpoint,
    Entry,
    Event,
    Examination,
    Explanation,
    Failure,
    Finding,
    Link,
    Page,
    Payment,
    Ping,
    Remark,
)  # fmt: skip
from hakika.client.retries import Retries
from hakika.client.webhooks import verify_webhook

__all__ = [
    "Account", "AsyncHakika", "Attempt", "Checkout", "Endpoint", "Entry", "Event", "Examination", "Explanation",
    "Failure", "Finding", "Hakika", "HakikaError", "Link", "NeverSent", "NoAnswer", "NotHakika", "Page", "Payment",
    "Ping", "Remark", "Retries", "WebhookVerificationError", "verify_webhook",
]  # fmt: skip
__all__ += codes.__all__
