"""The shapes of requests and answers, with examples: what OpenAPI shows."""

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

PAYMENT_EXAMPLE: dict[str, Any] = {
    "id": "pay_01m2x5h9q0d2n8r4t6v8y0a2c4",
    "object": "payment",
    "status": "completed",
    "stage": None,
    "amount": 100,
    "amount_received": 100,
    "currency": "KES",
    "phone": "254712345678",
    "reference": "order-1042",
    "account": "acc_01m2x5g1v7k3m9p5r1t7w3z9b5",
    "account_reference": "order-1042",
    "description": "Two coffees",
    "receipt": "NLJ7RT61SV",
    "result": {
        "code": "0",
        "meaning": "Paid.",
        "meaning_sw": "Imelipwa.",
        "advice": "Nothing to do.",
    },
    "confirmed_by": "callback",
    "flags": [],
    "livemode": False,
    "checkout_request_id": "ws_CO_21112026093000123712345678",
    "merchant_request_id": "29115-34620561-1",
    "metadata": {"cart": "c-88"},
    "queries": 0,
    "frozen": None,
    "created_at": "2026-11-21T06:30:00.123Z",
    "prompted_at": "2026-11-21T06:30:00.911Z",
    "paid_at": "2026-11-21T06:30:14.000Z",
    "final_at": "2026-11-21T06:30:16.204Z",
    "updated_at": "2026-11-21T06:30:16.204Z",
}


class NewPayment(BaseModel):
    """A request for money: one amount, one phone, one reference."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"amount": 100, "phone": "0712345678", "reference": "order-1042"},
                {
                    "amount": 100,
                    "phone": "+254 712 345 678",
                    "reference": "order-1042",
                    "description": "Two coffees",
                    "metadata": {"cart": "c-88"},
                },
            ]
        },
    )

    amount: int = Field(strict=True, ge=1, le=250_000, description="Whole shillings.")
    phone: str = Field(max_length=40, description="Any usual Kenyan spelling: 07…, 01…, 254…, +254….")
    reference: str = Field(min_length=1, max_length=64, description="Yours. It is charged once, unless `allow_repeat`.")
    description: str | None = Field(None, max_length=200, description="Shown to the payer, shortened to 13 characters.")
    account: str | None = Field(None, max_length=64, description="The account that is paid: name or id.")
    account_reference: str | None = Field(
        None, max_length=12, description="In the payer's SMS; derived from `reference` when absent."
    )
    metadata: dict[str, Any] | None = Field(None, description="Yours, kept and given back: up to 50 keys and 8 KiB.")
    allow_repeat: bool = Field(default=False, description="Charge this reference although it may be charged already.")


class NewRegistration(BaseModel):
    """A push that another program made, to be followed to its end."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "checkout_request_id": "ws_CO_191220191020363925",
                "phone": "254708374149",
                "amount": 100,
                "reference": "order-7",
            }
        },
    )

    checkout_request_id: str = Field(min_length=1, max_length=128)
    merchant_request_id: str | None = Field(None, max_length=128)
    phone: str = Field(max_length=40)
    amount: int = Field(strict=True, ge=1, le=250_000, description="What you asked for. A query cannot confirm it.")
    reference: str = Field(min_length=1, max_length=64)
    description: str | None = Field(None, max_length=200)
    account: str | None = Field(None, max_length=64)
    metadata: dict[str, Any] | None = None


class Cancellation(BaseModel):
    """Why it is called off."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "The customer left."}})

    reason: str = Field("", max_length=200)


class OperatorsWord(BaseModel):
    """What a person who looked it up says."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"outcome": "completed", "receipt": "NLJ7RT61SV", "reason": "It is on the M-Pesa statement."}
        },
    )

    outcome: Literal["completed", "failed", "reversed"]
    reason: str = Field(min_length=1, max_length=500)
    receipt: str = Field("", max_length=32, description="Needed for `completed`.")
    operator: str = Field("", max_length=64, description="Who says it; the API key's id when absent.")


class ResultShape(BaseModel):
    """Why a payment ended as it did."""

    code: str = Field(description="M-Pesa's result code, Daraja's error code, or a word of ours.")
    meaning: str = Field(description="For the payer, in English.")
    meaning_sw: str = Field(description="For the payer, in Swahili.")
    advice: str = Field(description="For the developer.")


Status = Literal["pending", "completed", "failed", "cancelled", "expired", "mispaid", "unresolved", "reversed"]


class PaymentShape(BaseModel):
    """One payment. Amounts are whole shillings, times UTC."""

    model_config = ConfigDict(json_schema_extra={"example": PAYMENT_EXAMPLE})

    id: str
    object: Literal["payment"]
    status: Status
    stage: Literal["queued", "sending", "prompted", "unsure"] | None = Field(
        description="How far it is, while pending."
    )
    amount: int
    amount_received: int | None
    currency: Literal["KES"]
    phone: str
    reference: str
    account: str
    account_reference: str
    description: str
    receipt: str | None = Field(description="M-Pesa's receipt; a success learned by query has none yet.")
    result: ResultShape | None
    confirmed_by: str | None = Field(description="callback, query, paybill, operator, push or hakika.")
    flags: list[str] = Field(description="What a person should know; docs/payment.md explains each.")
    livemode: bool
    checkout_request_id: str | None
    merchant_request_id: str | None
    metadata: dict[str, Any]
    queries: int = Field(description="How often Daraja was asked about it.")
    frozen: str | None = Field(description="The invariant that it broke, if any.")
    created_at: str
    prompted_at: str | None
    paid_at: str | None
    final_at: str | None
    updated_at: str


class PaymentList(BaseModel):
    """A page of payments, newest first."""

    object: Literal["list"]
    data: list[PaymentShape]
    has_more: bool
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page.")


class EntryShape(BaseModel):
    """One entry of a timeline: a piece of evidence as it came, or an event as it was published."""

    model_config = ConfigDict(extra="allow")

    at: str
    object: Literal["evidence", "event"]
    kind: str
    source: str | None = None


class Timeline(BaseModel):
    """All that is known of a payment, in order."""

    object: Literal["list"]
    data: list[EntryShape]


class NewAccountShape(BaseModel):
    """A shortcode with its Daraja credentials, which are encrypted and never shown again."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "westlands",
                "environment": "sandbox",
                "shortcode": "174379",
                "consumer_key": "…",
                "consumer_secret": "…",
                "passkey": "…",
            }
        },
    )

    name: str = Field(min_length=1, max_length=64)
    environment: Literal["simulator", "sandbox", "production"] = "sandbox"
    shortcode: str = Field(pattern=r"^\d{5,8}$", description="The PayBill, or for a till the store number.")
    till: str = Field("", pattern=r"^(\d{5,8})?$", description="The till number, for Buy Goods.")
    consumer_key: str = Field(min_length=1, max_length=200)
    consumer_secret: str = Field(min_length=1, max_length=200)
    passkey: str = Field(min_length=1, max_length=200)
    calls_per_minute: float = Field(120, gt=0, le=100_000)
    queries_per_minute: float | None = Field(None, gt=0, le=100_000)


class AccountShape(BaseModel):
    """One account, without its secrets."""

    id: str
    object: Literal["account"]
    name: str
    environment: str
    shortcode: str
    till: str | None
    calls_per_minute: float
    queries_per_minute: float
    active: bool
    callbacks_arrive: bool
    created_at: str


class AccountList(BaseModel):
    """All accounts, oldest first."""

    object: Literal["list"]
    data: list[AccountShape]


WaitSeconds = Annotated[float, Query(alias="timeout", ge=0, le=300, description="In seconds.")]
