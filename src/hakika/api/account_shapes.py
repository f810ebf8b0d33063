"""The shapes of accounts, with examples: what OpenAPI shows."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hakika.api.shapes import NO_CONTROLS, AccountName

ACCOUNT_EXAMPLE: dict[str, Any] = {
    "id": "acc_01m2x5g1v7k3m9p5r1t7w3z9b5",
    "object": "account",
    "name": "westlands",
    "mode": "test",
    "environment": "sandbox",
    "shortcode": "174379",
    "till": None,
    "calls_per_minute": 120,
    "queries_per_minute": 5,
    "active": True,
    "display_name": "Wanjiru's Westlands",
    "return_hosts": ["shop.example.co.ke"],
    "callbacks_arrive": False,
    "created_at": "2026-11-21T06:00:00.000Z",
}

ShortcodeText = Annotated[str, Field(pattern=r"^[0-9]{5,8}$")]
TillText = Annotated[str, Field(pattern=r"^([0-9]{5,8})?$")]
CallsPerMinute = Annotated[float, Field(ge=0.1, le=100_000)]
Secret = Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]
DisplayName = Annotated[
    str, Field(max_length=64, pattern=NO_CONTROLS, description="What payers read on the checkout page.")
]
Host = Annotated[str, Field(pattern=r"^([A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}$", max_length=253)]
ReturnHosts = Annotated[
    list[Host], Field(max_length=20, description="Where a checkout may send payers: hosts, without port and path.")
]


class NewAccountShape(BaseModel):
    """A shortcode with its Daraja credentials, which are encrypted and never shown again."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "example": {
                "name": "westlands",
                "environment": "sandbox",
                "shortcode": "174379",
                "consumer_key": "your-consumer-key",
                "consumer_secret": "your-consumer-secret",
                "passkey": "your-passkey",
            }
        },
    )

    name: AccountName
    environment: Literal["simulator", "sandbox", "production"] = Field(
        "sandbox", description="It never changes: another environment is another account."
    )
    shortcode: ShortcodeText = Field(description="The PayBill, or for a till the store number.")
    till: TillText = Field("", description="The till number, for Buy Goods.")
    consumer_key: Secret
    consumer_secret: Secret
    passkey: Secret
    calls_per_minute: CallsPerMinute = 120
    queries_per_minute: CallsPerMinute | None = None
    display_name: DisplayName = ""
    return_hosts: ReturnHosts = []


class AccountChange(BaseModel):
    """What is to be another of an account; what is absent stays as it is, secrets too."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"example": {"active": False}})

    name: AccountName | None = None
    environment: Literal["simulator", "sandbox", "production"] | None = Field(
        None, description="Only the one that it has: another environment is another account."
    )
    shortcode: ShortcodeText | None = None
    till: TillText | None = Field(None, description="Empty for a PayBill.")
    consumer_key: Secret | None = None
    consumer_secret: Secret | None = None
    passkey: Secret | None = None
    calls_per_minute: CallsPerMinute | None = None
    queries_per_minute: CallsPerMinute | None = None
    display_name: DisplayName | None = None
    return_hosts: ReturnHosts | None = None
    active: bool | None = Field(
        None, description="An inactive account takes no new payments; those that it has are followed to their end."
    )


class AccountShape(BaseModel):
    """One account, without its secrets."""

    model_config = ConfigDict(json_schema_extra={"example": ACCOUNT_EXAMPLE})

    id: str
    object: Literal["account"]
    name: str
    mode: Literal["test", "live"]
    environment: str
    shortcode: str
    till: str | None
    calls_per_minute: float
    queries_per_minute: float
    active: bool
    display_name: str
    return_hosts: list[str]
    callbacks_arrive: bool
    created_at: str


class AccountList(BaseModel):
    """All accounts, oldest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"object": "list", "data": [ACCOUNT_EXAMPLE]}})

    object: Literal["list"]
    data: list[AccountShape]


EXEMPLARY: tuple[type[BaseModel], ...] = (AccountShape, AccountList)
"""Shapes whose examples have nulls in them."""
