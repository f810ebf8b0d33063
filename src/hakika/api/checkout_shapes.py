"""The shapes of checkouts and links, with examples: what OpenAPI shows."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from hakika.api.shapes import AccountName, Amount, Description, Reference
from hakika.engine.checkout.purchase import (
    LONGEST_LIFE_S,
    LONGEST_WINDOW_S,
    MOST_REPEATS,
    SHORTEST_LIFE_S,
    URL_LENGTH,
    USUAL_LIFE_S,
)

CHECKOUT_EXAMPLE: dict[str, Any] = {
    "id": "chk_01m2x5h9q0d2n8r4t6v8y0a2c4",
    "object": "checkout",
    "mode": "test",
    "status": "completed",
    "url": "https://pay.example.co.ke/pay/chk_01m2x5h9q0d2n8r4t6v8y0a2c4",
    "reference": "order-1042",
    "amount": 100,
    "amount_least": None,
    "amount_most": None,
    "amount_received": 100,
    "currency": "KES",
    "description": "Two coffees",
    "account": "acc_01m2x5g1v7k3m9p5r1t7w3z9b5",
    "payment": "pay_01m2x5h9q0d2n8r4t6v8y0a2c4",
    "receipt": "NLJ7RT61SV",
    "attempts": 2,
    "link": None,
    "return_url": "https://shop.example.co.ke/thanks",
    "cancel_url": None,
    "language": None,
    "ask_again": None,
    "metadata": {"cart": "c-88"},
    "created_at": "2026-11-21T06:30:00.123Z",
    "expires_at": "2026-11-22T06:30:00.123Z",
    "completed_at": "2026-11-21T06:31:16.204Z",
    "payments": ["pay_01m2x5g0q0d2n8r4t6v8y0a2c4", "pay_01m2x5h9q0d2n8r4t6v8y0a2c4"],
}
LINK_EXAMPLE: dict[str, Any] = {
    "id": "lnk_01m2x5h9q0d2n8r4t6v8y0a2c4",
    "object": "link",
    "mode": "test",
    "url": "https://pay.example.co.ke/link/lnk_01m2x5h9q0d2n8r4t6v8y0a2c4",
    "reference": "harambee",
    "amount": None,
    "amount_least": 50,
    "amount_most": 5000,
    "currency": "KES",
    "description": "Harambee for the borehole",
    "account": "acc_01m2x5g1v7k3m9p5r1t7w3z9b5",
    "single_use": False,
    "active": True,
    "used": 12,
    "created_at": "2026-11-21T06:30:00.123Z",
}


def _read_whole(value: object) -> object:
    """JSON has one kind of number: 60.0 is the whole number that 60 is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


AS_WHOLE = BeforeValidator(_read_whole)
Url = Annotated[str, Field(max_length=URL_LENGTH)]


class AskAgainRule(BaseModel):
    """Ask the same phone again by itself when the payer did not answer (1037, 1019) or was busy (1001)."""

    model_config = ConfigDict(extra="forbid", strict=True)

    times: Annotated[int, Field(ge=1, le=MOST_REPEATS), AS_WHOLE] = 1
    within_s: Annotated[
        int, Field(ge=60, le=LONGEST_WINDOW_S, description="Counted from the checkout's making."), AS_WHOLE
    ] = 900


class _Purchase(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    reference: Reference = Field(description="Yours: the order, the invoice.")
    amount: Amount | None = Field(None, description="Whole shillings. Without it the payer chooses.")
    amount_least: Amount | None = Field(None, description="The least that the payer may choose.")
    amount_most: Amount | None = Field(None, description="The most that the payer may choose.")
    description: Description | None = Field(None, description="What is paid for; the payer reads it.")
    account: AccountName | None = Field(None, description="Which account is paid; needed where there are several.")
    return_url: Url | None = Field(None, description="Where the payer goes after paying: a host the account lists.")
    cancel_url: Url | None = Field(None, description="Where the payer goes to give up.")
    language: Literal["en", "sw"] | None = Field(None, description="Without it the payer's browser decides.")
    metadata: dict[str, Any] | None = Field(None, description="Yours, returned as given.")
    ask_again: AskAgainRule | None = None
    expires_in_s: Annotated[int, Field(ge=SHORTEST_LIFE_S, le=LONGEST_LIFE_S), AS_WHOLE] = USUAL_LIFE_S


class NewCheckout(_Purchase):
    """A purchase to be paid on a page of Hakika's."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"reference": "order-1042", "amount": 100, "description": "Two coffees"}]},
    )


class NewLink(_Purchase):
    """What each checkout of a link is made with. Used many times, its references are numbered."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"reference": "harambee", "amount_least": 50, "description": "The borehole"}]},
    )

    single_use: bool = Field(default=False, description="It can be paid once.")


class LinkChange(BaseModel):
    """What can be changed of a link."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"active": False}]})

    active: bool


class CheckoutShape(BaseModel):
    """One checkout. Amounts are whole shillings; times are UTC."""

    model_config = ConfigDict(json_schema_extra={"example": CHECKOUT_EXAMPLE})

    id: str
    object: Literal["checkout"]
    mode: Literal["test", "live"]
    status: Literal["open", "completed", "expired", "cancelled"]
    url: str
    reference: str
    amount: int | None
    amount_least: int | None
    amount_most: int | None
    amount_received: int | None
    currency: Literal["KES"]
    description: str
    account: str
    payment: str | None = Field(description="The paid attempt, or the latest.")
    receipt: str | None
    attempts: int
    link: str | None
    return_url: str | None
    cancel_url: str | None
    language: str | None
    ask_again: dict[str, int] | None
    metadata: dict[str, Any]
    created_at: str
    expires_at: str
    completed_at: str | None
    payments: list[str] = Field([], description="All attempts, oldest first; only where one checkout is read.")


class CheckoutList(BaseModel):
    """Checkouts, newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"object": "list", "data": [CHECKOUT_EXAMPLE], "has_more": False, "next_cursor": None}
        }
    )

    object: Literal["list"]
    data: list[CheckoutShape]
    has_more: bool
    next_cursor: str | None


class LinkShape(BaseModel):
    """One payment link."""

    model_config = ConfigDict(json_schema_extra={"example": LINK_EXAMPLE})

    id: str
    object: Literal["link"]
    mode: Literal["test", "live"]
    url: str
    reference: str
    amount: int | None
    amount_least: int | None
    amount_most: int | None
    currency: Literal["KES"]
    description: str
    account: str
    single_use: bool
    active: bool
    used: int
    created_at: str


class LinkList(BaseModel):
    """Links, newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"object": "list", "data": [LINK_EXAMPLE], "has_more": False, "next_cursor": None}
        }
    )

    object: Literal["list"]
    data: list[LinkShape]
    has_more: bool
    next_cursor: str | None


EXEMPLARY: tuple[type[BaseModel], ...] = (CheckoutShape, CheckoutList, LinkShape, LinkList)
"""Shapes whose examples have nulls in them."""
