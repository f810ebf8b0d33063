"""What the API answers, typed. Fields that a newer server adds are passed over; older ones' absence has a default."""

from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One thing of the API's, as it was when it was read."""


class Failure(Model, frozen=True, kw_only=True):
    """Why no money moved: `message` is for the payer, `advice` for the developer."""

    code: str
    message: str = ""
    advice: str = ""
    retryable: bool = False
    retry_after_s: int = 0


class Payment(Model, frozen=True, kw_only=True):
    """One payment: whole shillings, times in UTC (RFC 3339). See docs/payment.md for each field."""

    id: str
    status: str
    amount: int
    phone: str
    reference: str
    mode: str = ""
    stage: str | None = None
    amount_received: int | None = None
    currency: str = "KES"
    payer_phone: str | None = None
    account: str = ""
    account_reference: str = ""
    description: str = ""
    receipt: str | None = None
    result_code: str | None = None
    failure: Failure | None = None
    confirmed_by: str | None = None
    late: bool = False
    flags: tuple[str, ...] = ()
    checkout: str | None = None
    checkout_request_id: str | None = None
    merchant_request_id: str | None = None
    metadata: dict[str, Any] = {}
    queries: int = 0
    frozen: str | None = None
    client_secret: str | None = None
    created_at: str = ""
    prompted_at: str | None = None
    paid_at: str | None = None
    final_at: str | None = None
    updated_at: str = ""

    @property
    def is_pending(self) -> bool:
        """Whether it is still open; after a `wait`: still unknown, which is not failed."""
        return self.status == "pending"

    @property
    def is_paid(self) -> bool:
        """Whether the asked amount has come, and was not sent back."""
        return self.status == "completed"


class Entry(Model, frozen=True, kw_only=True):
    """One entry of a payment's timeline: `object` is `evidence`, as it came, or `event`, as it was published."""

    at: str
    object: str
    kind: str
    source: str = ""
    reading: dict[str, Any] | None = None
    raw: str = ""
    origin: dict[str, Any] | None = None
    copies: int = 1
    event: str = ""
    number: int = 0
    sequence: int = 0
    payment: Payment | None = None


class Remark(Model, frozen=True, kw_only=True):
    """One thing that a payment shows: what happened, why, what it means for the money, and the cure."""

    cause: str
    title: str = ""
    happened: str = ""
    why: str = ""
    money: str = ""
    cure: str = ""
    checks: tuple[str, ...] = ()
    docs: str = ""


class Explanation(Remark, frozen=True, kw_only=True):
    """A payment, explained in words; `also`: what else it shows. `checks` are the doctor's that look into it."""

    payment: str = ""
    status: str = ""
    also: tuple[Remark, ...] = ()


class Finding(Model, frozen=True, kw_only=True):
    """What one of the doctor's checks found: `outcome` is ok, warning, failed, unknown or skipped."""

    name: str
    outcome: str = ""
    area: str = ""
    title: str = ""
    subject: str | None = None
    evidence: str = ""
    meaning: str = ""
    cure: str = ""
    docs: str = ""
    took_ms: int = 0


class Examination(Model, frozen=True, kw_only=True):
    """What the doctor found; `going_live` has steps where they were asked for."""

    status: str
    mode: str = ""
    checks: tuple[Finding, ...] = ()
    going_live: tuple[dict[str, Any], ...] = ()


class Account(Model, frozen=True, kw_only=True):
    """One shortcode that takes payments; its credentials are never shown."""

    id: str
    name: str = ""
    mode: str = ""
    environment: str = ""
    shortcode: str = ""
    till: str | None = None
    calls_per_minute: float = 0
    queries_per_minute: float | None = None
    active: bool = True
    display_name: str = ""
    return_hosts: tuple[str, ...] = ()
    callbacks_arrive: bool = True
    created_at: str = ""


class AskAgain(Model, frozen=True, kw_only=True):
    """How often a checkout asks the same phone again by itself after no answer, and within which time."""

    times: int = 0
    within_s: int = 0
    made: int = 0


class Checkout(Model, frozen=True, kw_only=True):
    """One purchase, with the attempts to pay it; `url` is the page for the payer."""

    id: str
    status: str
    url: str = ""
    reference: str = ""
    mode: str = ""
    amount: int | None = None
    amount_least: int | None = None
    amount_most: int | None = None
    amount_received: int | None = None
    currency: str = "KES"
    description: str = ""
    account: str = ""
    payment: str | None = None
    payments: tuple[str, ...] = ()
    receipt: str | None = None
    attempts: int = 0
    link: str | None = None
    return_url: str | None = None
    cancel_url: str | None = None
    language: str | None = None
    ask_again: AskAgain | None = None
    metadata: dict[str, Any] = {}
    created_at: str = ""
    expires_at: str | None = None
    completed_at: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can still be paid."""
        return self.status == "open"

    @property
    def is_paid(self) -> bool:
        """Whether it was paid."""
        return self.status == "completed"


class Link(Model, frozen=True, kw_only=True):
    """A page to pay at, once or often: each use makes a checkout."""

    id: str
    url: str = ""
    reference: str = ""
    mode: str = ""
    amount: int | None = None
    amount_least: int | None = None
    amount_most: int | None = None
    currency: str = "KES"
    description: str = ""
    account: str = ""
    single_use: bool = False
    active: bool = True
    used: int = 0
    created_at: str = ""


class Event(Model, frozen=True, kw_only=True):
    """Something that happened: `type` says what, `data` is the payment or checkout as it then was.

    The same event may come more than once: handle each `id` once. `cursor` resumes a stream after this event.
    """

    id: str
    type: str
    timestamp: str = ""
    number: int = 0
    sequence: int = 0
    mode: str = ""
    payment: str | None = None
    checkout: str | None = None
    data: dict[str, Any] = {}
    cursor: str = ""

    @property
    def snapshot(self) -> Payment | Checkout | None:
        """The payment or checkout as it then was; None where the event is about neither."""
        match self.data.get("object"):
            case "payment":
                return msgspec.convert(self.data, Payment)
            case "checkout":
                return msgspec.convert(self.data, Checkout)
            case _:
                return None


class Endpoint(Model, frozen=True, kw_only=True):
    """Where webhooks go, and how it fares. `secret` comes once: when it is made, and when it is rotated."""

    id: str
    url: str
    mode: str = ""
    event_types: tuple[str, ...] = ()
    description: str = ""
    active: bool = True
    secret: str | None = None
    status: str = ""
    off_reason: str | None = None
    failures: int = 0
    failing_since: str | None = None
    next_attempt_at: str | None = None
    old_secret_until: str | None = None
    owed: int = 0
    created_at: str = ""


class Attempt(Model, frozen=True, kw_only=True):
    """One attempt to deliver an event: `status_code` is None where no answer came."""

    at: str = ""
    took_ms: int = 0
    status_code: int | None = None
    error: str | None = None
    answer: str = ""


class Ping(Model, frozen=True, kw_only=True):
    """What came of a ping."""

    delivered: bool
    event: str = ""
    endpoint: str = ""
    attempt: Attempt = Attempt()


class Page(Model, Generic[T], frozen=True, kw_only=True):
    """Part of a list. Give `next_cursor` as `cursor` for the next; events have `next_after` instead."""

    data: list[T]
    has_more: bool = False
    next_cursor: str | None = None
    next_after: int | None = None
