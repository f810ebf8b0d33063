"""The shapes of requests and answers, with examples: what OpenAPI shows."""

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from hakika.api.explanation_shapes import EXPLANATION_EXAMPLE, ExplanationShape
from hakika.api.problems import PROBLEM_EXAMPLE, Problem
from hakika.engine.orders import DESCRIPTION_LENGTH, LARGEST_AMOUNT, REFERENCE_LENGTH

PAYMENT_EXAMPLE: dict[str, Any] = {
    "id": "pay_01m2x5h9q0d2n8r4t6v8y0a2c4",
    "object": "payment",
    "mode": "test",
    "status": "completed",
    "stage": None,
    "amount": 100,
    "amount_received": 100,
    "currency": "KES",
    "phone": "254712345678",
    "payer_phone": "254712345678",
    "reference": "order-1042",
    "account": "acc_01m2x5g1v7k3m9p5r1t7w3z9b5",
    "account_reference": "order-1042",
    "description": "Two coffees",
    "receipt": "NLJ7RT61SV",
    "result_code": "0",
    "failure": None,
    "confirmed_by": "callback",
    "late": False,
    "flags": [],
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


TIMELINE_EXAMPLE: dict[str, Any] = {
    "object": "list",
    "data": [
        {
            "at": "2026-11-21T06:30:16.204Z",
            "object": "evidence",
            "kind": "callback",
            "source": "callback",
            "reading": {"code": "0", "trusted": True, "amount": 100, "receipt": "NLJ7RT61SV"},
            "origin": {"remote": "196.201.212.69", "path": "/c/…"},
        },
        {
            "at": "2026-11-21T06:30:16.204Z",
            "object": "event",
            "kind": "payment.completed",
            "event": "evt_01m2x5h9q0d2n8r4t6v8y0a2c5",
            "number": 2,
            "sequence": 2,
            "payment": PAYMENT_EXAMPLE,
        },
    ],
    "explanation": EXPLANATION_EXAMPLE,
}
NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"
"""Control characters: NUL does not fit in PostgreSQL, the others in no line of text."""

SOME_TEXT = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"

Amount = Annotated[Any, WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LARGEST_AMOUNT})]
"""Read by `orders.read_amount`, whose error says more than a schema's."""
PhoneText = Annotated[
    str, Field(max_length=40, json_schema_extra={"pattern": r"^(\+?254|00254|0)?[ .()-]*[17]([ .()-]*[0-9]){8}$"})
]
Reference = Annotated[str, Field(min_length=1, max_length=REFERENCE_LENGTH, json_schema_extra={"pattern": SOME_TEXT})]
Description = Annotated[str, Field(max_length=DESCRIPTION_LENGTH, json_schema_extra={"pattern": NO_CONTROLS})]
AccountName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", examples=["westlands"])]
Flag = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$", examples=["paid_twice"])]
DarajaId = Annotated[str, Field(pattern=r"^[!-~]{1,128}$", examples=["ws_CO_191220191020363925"])]


class NewPayment(BaseModel):
    """A request for money: one amount, one phone, one reference."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
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

    amount: Amount = Field(description="Whole shillings.")
    phone: PhoneText = Field(description="Any usual Kenyan spelling: 07…, 01…, 254…, +254….")
    reference: Reference = Field(description="Yours. It is charged once, unless `allow_repeat`.")
    description: Description | None = Field(None, description="Shown to the payer, shortened to 13 characters.")
    account: AccountName | None = Field(None, description="The account that is paid: name or id.")
    account_reference: Annotated[str, Field(pattern=r"^[A-Za-z0-9 ._/-]{1,12}$")] | None = Field(
        None, description="In the payer's SMS; derived from `reference` when absent."
    )
    metadata: dict[str, Any] | None = Field(None, description="Yours, kept and given back: up to 50 keys and 8 KiB.")
    allow_repeat: bool = Field(default=False, description="Charge this reference although it may be charged already.")


class NewRegistration(BaseModel):
    """A push that another program made, to be followed to its end."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "example": {
                "checkout_request_id": "ws_CO_191220191020363925",
                "phone": "254708374149",
                "amount": 100,
                "reference": "order-7",
            }
        },
    )

    checkout_request_id: DarajaId
    merchant_request_id: DarajaId | None = None
    phone: PhoneText
    amount: Amount = Field(description="What you asked for. A query cannot confirm it.")
    reference: Reference
    description: Description | None = None
    account: AccountName | None = None
    metadata: dict[str, Any] | None = None


class Cancellation(BaseModel):
    """Why it is called off."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"example": {"reason": "The customer left."}}
    )

    reason: Annotated[str, Field(max_length=200, pattern=NO_CONTROLS)] = ""


class OperatorsWord(BaseModel):
    """What a person who looked it up says."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "example": {"outcome": "completed", "receipt": "NLJ7RT61SV", "reason": "It is on the M-Pesa statement."}
        },
    )

    outcome: Literal["completed", "failed", "reversed"]
    reason: str = Field(min_length=1, max_length=500, pattern=SOME_TEXT)
    receipt: str = Field("", pattern=r"^[A-Za-z0-9]{0,32}$", description="Needed for `completed`.")
    operator: str = Field(
        "", max_length=64, pattern=NO_CONTROLS, description="Who says it; the API key's id when absent."
    )


class FailureShape(BaseModel):
    """Why no money moved."""

    code: str = Field(description="M-Pesa's result code, Daraja's error code, or a word of ours: docs/result-codes.md.")
    message: str = Field(description="For the payer, in the language of `Accept-Language`: English or Swahili.")
    advice: str = Field(description="For the developer.")
    retryable: bool = Field(description="Whether asking again makes sense.")
    retry_after_s: int = Field(description="… and after how many seconds.")


ConfirmedBy = Literal["callback", "query", "paybill", "operator", "push", "hakika"]
Status = Literal["pending", "completed", "failed", "cancelled", "expired", "mispaid", "unresolved", "reversed"]


class PaymentShape(BaseModel):
    """One payment. Amounts are whole shillings, times UTC."""

    model_config = ConfigDict(json_schema_extra={"example": PAYMENT_EXAMPLE})

    id: str
    object: Literal["payment"]
    mode: Literal["test", "live"] = Field(description="Simulator and sandbox are test.")
    status: Status
    stage: Literal["queued", "sending", "prompted", "unsure"] | None = Field(
        description="How far it is, while pending."
    )
    amount: int
    amount_received: int | None
    currency: Literal["KES"]
    phone: str
    payer_phone: str | None = Field(description="The payer's as M-Pesa states it; it may be masked.")
    reference: str
    account: str
    account_reference: str
    description: str
    receipt: str | None = Field(description="M-Pesa's receipt; a success learned by query has none yet.")
    result_code: str | None = Field(description="M-Pesa's result code; `0` is paid.")
    failure: FailureShape | None = Field(description="Why it ended without money.")
    confirmed_by: str | None = Field(description="callback, query, paybill, operator, push or hakika.")
    late: bool = Field(description="It was paid after we had said that it was not, or had given up.")
    flags: list[str] = Field(description="What a person should know; docs/payment.md explains each.")
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
    client_secret: str = Field("", description="For the payer's browser; only where you ask or read with an API key.")


class PaymentList(BaseModel):
    """A page of payments, newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"object": "list", "data": [PAYMENT_EXAMPLE], "has_more": False, "next_cursor": None}
        }
    )

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
    """All that is known of a payment, in order, and what it comes to in words."""

    model_config = ConfigDict(json_schema_extra={"example": TIMELINE_EXAMPLE})

    object: Literal["list"]
    data: list[EntryShape]
    explanation: ExplanationShape


WaitSeconds = Annotated[float, Query(alias="timeout", ge=0, le=300, description="In seconds.")]


class HealthShape(BaseModel):
    """The process lives."""

    model_config = ConfigDict(json_schema_extra={"example": {"status": "ok", "version": "0.1.0"}})

    status: Literal["ok"]
    version: str


class ReadinessShape(BaseModel):
    """Whether the server can work, and what waits."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "status": "ready",
                "checks": {
                    "worker": "ok",
                    "database": "ok",
                    "spool": "ok",
                    "spooled_callbacks": 0,
                    "spoiled_callbacks": 0,
                    "lost_callbacks": 0,
                    "pending": 2,
                    "frozen": 0,
                    "quarantined": 0,
                },
            }
        }
    )

    status: Literal["ready", "not_ready"]
    checks: dict[str, str | int]


class CallbackHealthShape(BaseModel):
    """The callback paths answer."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"status": "healthy", "endpoint": "/mpesa/callback", "timestamp": "2026-11-21T06:30:00+00:00"}
        }
    )

    status: Literal["healthy"]
    endpoint: str
    timestamp: str


class ErrorList(BaseModel):
    """Every error, as a problem document."""

    model_config = ConfigDict(json_schema_extra={"example": {"object": "list", "data": [PROBLEM_EXAMPLE]}})

    object: Literal["list"]
    data: list[Problem]


EXEMPLARY: tuple[type[BaseModel], ...] = (PaymentShape, PaymentList, Timeline)
"""Shapes whose examples have nulls in them."""
