"""The shapes of messages to payers, their channels and opt-outs, with examples: what OpenAPI shows."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hakika.api.event_shapes import EVENT_EXAMPLE
from hakika.api.shapes import NO_CONTROLS, AccountName
from hakika.domain.wording import LENGTH, SUBJECT_LENGTH

CHANNEL_EXAMPLE: dict[str, Any] = {
    "id": "mch_01m2x5h9q0d2n8r4t6v8y0a2c6",
    "object": "message_channel",
    "mode": "test",
    "account": "acc_01m2x5g1v7k3m9p5r1t7w3z9b5",
    "kind": "sms",
    "url": "atalk://wanjiru@…?from=WANJIRU",
    "active": False,
    "in_test_mode": False,
    "event_types": ["payment.completed", "payment.failed"],
    "language": "en",
    "templates": {"payment.completed": {"sw": "{name}: tumepokea KES {amount_received}.[ {receipt}.] Asante!"}},
    "subjects": {},
    "opt_out": {"en": "Reply STOP to get no more.", "sw": "Jibu ACHA kusitisha."},
    "replies_url": "https://pay.example.com/m/0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "send_within_s": 3600,
    "created_at": "2026-11-21T06:00:00.000Z",
}
MESSAGE_EXAMPLE: dict[str, Any] = {
    "id": "msg_01m7y6vwt1xr3840rsfznte40m",
    "object": "message",
    "mode": "live",
    "channel": CHANNEL_EXAMPLE["id"],
    "kind": "sms",
    "account": CHANNEL_EXAMPLE["account"],
    "event": EVENT_EXAMPLE["id"],
    "type": "payment.completed",
    "payment": EVENT_EXAMPLE["payment"],
    "recipient": "2547*****678",
    "language": "en",
    "subject": None,
    "text": "Wanjiru's: we received KES 1,250 for A-1042. M-Pesa receipt UKLM6BSJQ5. Thank you.",
    "status": "sent",
    "detail": None,
    "attempts": 1,
    "reference": "ATXid_5c2b7a90",
    "cost": "KES 0.8000",
    "created_at": "2026-11-21T06:30:16.204Z",
    "sending_at": "2026-11-21T06:30:16.260Z",
    "ended_at": "2026-11-21T06:30:17.012Z",
}
OPT_OUT_EXAMPLE: dict[str, Any] = {
    "id": "out_01m7y6vwt1xr3840rsfznte40m",
    "object": "opt_out",
    "mode": "live",
    "account": None,
    "recipient": "254712345678",
    "source": "operator",
    "reason": "asked on the telephone",
    "created_at": "2026-11-21T06:30:16.204Z",
}

Kind = Literal["sms", "email", "whatsapp"]
Language = Literal["en", "sw"]
TypeName = Literal[
    "payment.completed", "payment.failed", "payment.cancelled", "payment.expired", "payment.mispaid", "payment.reversed"
]
TemplateName = Literal[
    "payment.completed",
    "payment.completed.late",
    "payment.failed",
    "payment.cancelled",
    "payment.expired",
    "payment.mispaid",
    "payment.reversed",
]  # one literal: of a union OpenAPI would not say that these alone are keys
ChannelUrl = Annotated[str, Field(min_length=8, max_length=1000, json_schema_extra={"pattern": r"^[a-z]+://[!-~]+$"})]
Text = Annotated[str, Field(min_length=1, max_length=LENGTH)]
Subject = Annotated[str, Field(min_length=1, max_length=SUBJECT_LENGTH)]
Words = Annotated[str, Field(max_length=100, pattern=NO_CONTROLS)]
Types = Annotated[list[TypeName], Field(min_length=1, max_length=6)]
Templates = dict[TemplateName, dict[Language, Text]]
Subjects = dict[TemplateName, dict[Language, Subject]]
SendWithin = Annotated[int, Field(ge=60, le=259_200)]
Recipient = Annotated[str, Field(min_length=3, max_length=254, pattern=r"^[!-~ ]+$")]
Status = Literal["queued", "sending", "sent", "failed", "unknown", "skipped"]
"""Sent: the channel took it. Unknown: it may have arrived; it is not sent again. Skipped: it was not to be sent."""


class ChannelChange(BaseModel):
    """What is to change; what is absent stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"active": True}})

    url: ChannelUrl | None = None
    active: bool | None = Field(None, description="Turned on, it tells of what happens from then on.", strict=True)
    in_test_mode: bool | None = Field(
        None, description="Whether it tells of test payments: messages are real, their money is not.", strict=True
    )
    event_types: Types | None = None
    language: Language | None = Field(None, description="Where neither payment nor checkout says one.")
    templates: Templates | None = Field(None, description="What is absent is as shipped.")
    subjects: Subjects | None = Field(None, description="Of e-mails.")
    opt_out: dict[Language, Words] | None = Field(None, description="How to get no more: `{opt_out}` in templates.")
    send_within_s: SendWithin | None = Field(None, description="What is older than that is not sent.")


class NewChannel(ChannelChange):
    """A way to an account's payers; it is off until it is turned on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"kind": "sms", "url": "atalk://wanjiru@your-api-key?from=WANJIRU", "active": True},
                {"kind": "email", "url": "mailtos://user:password@smtp.example.com?from=shop@example.com"},
            ]
        },
    )

    kind: Kind
    url: ChannelUrl = Field(description="An apprise URL without recipient. It is encrypted and never shown again.")
    account: AccountName | None = Field(None, description="Whose payers: name or id.")


class ChannelShape(BaseModel):
    """One way to an account's payers."""

    model_config = ConfigDict(json_schema_extra={"example": CHANNEL_EXAMPLE})

    id: str
    object: Literal["message_channel"]
    mode: Literal["test", "live"]
    account: str
    kind: Kind
    url: str = Field(description="Without its secrets.")
    active: bool
    in_test_mode: bool
    event_types: list[TypeName]
    language: Language
    templates: dict[str, dict[str, str]]
    subjects: dict[str, dict[str, str]]
    opt_out: dict[str, str]
    replies_url: str | None = Field(description="For Africa's Talking: where it posts payers' replies.")
    send_within_s: int
    created_at: str


class ChannelList(BaseModel):
    """All channels, oldest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"object": "list", "data": [CHANNEL_EXAMPLE]}})

    object: Literal["list"]
    data: list[ChannelShape]


class DeletedChannel(BaseModel):
    """It is gone."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"object": "message_channel", "id": CHANNEL_EXAMPLE["id"], "deleted": True}}
    )

    object: Literal["message_channel"]
    id: str
    deleted: Literal[True]


class Trial(BaseModel):
    """To whom a sample is sent."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"recipient": "0712345678", "language": "sw"}}
    )

    recipient: Recipient = Field(description="A phone; for e-mail an address.")
    type: TypeName = "payment.completed"
    language: Language | None = None


class TrialShape(BaseModel):
    """What came of a sample."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "object": "trial",
                "channel": CHANNEL_EXAMPLE["id"],
                "outcome": "failed",
                "detail": "402 InvalidSenderId: the sender id is not registered",
                "reference": None,
                "cost": None,
                "subject": None,
                "text": "TEST, no real money. Wanjiru's: we received KES 100 for sample-1042. Thank you.",
            }
        }
    )

    object: Literal["trial"]
    channel: str
    outcome: Literal["sent", "failed", "unsent", "unknown"]
    detail: str | None
    reference: str | None
    cost: str | None
    subject: str | None
    text: str


class MessageShape(BaseModel):
    """One message, and what became of it."""

    model_config = ConfigDict(json_schema_extra={"example": MESSAGE_EXAMPLE})

    id: str
    object: Literal["message"]
    mode: Literal["test", "live"]
    channel: str
    kind: Kind
    account: str
    event: str
    type: str
    payment: str
    recipient: str | None = Field(description="Masked.")
    language: Language
    subject: str | None
    text: str
    status: Status
    detail: str | None = Field(description="Why it was not sent, or why nobody knows.")
    attempts: int
    reference: str | None = Field(description="The channel's own id of it.")
    cost: str | None
    created_at: str
    sending_at: str | None = Field(description="When it was marked, before it left.")
    ended_at: str | None


class MessageList(BaseModel):
    """Messages, the newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"object": "list", "data": [MESSAGE_EXAMPLE], "has_more": False, "next_cursor": None}
        }
    )

    object: Literal["list"]
    data: list[MessageShape]
    has_more: bool
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page.")


class NewOptOut(BaseModel):
    """Who wants no messages."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"recipient": "0712345678", "reason": "asked on the telephone"}},
    )

    recipient: Recipient = Field(description="A phone or an e-mail address.")
    account: AccountName | None = Field(None, description="Of this account only; without it, of none.")
    reason: Annotated[str, Field(max_length=200, pattern=NO_CONTROLS)] = ""
    mode: Literal["test", "live"] | None = Field(None, description="As the API key is. For keys that open both.")


class OptOutShape(BaseModel):
    """One who wants no messages."""

    model_config = ConfigDict(json_schema_extra={"example": OPT_OUT_EXAMPLE})

    id: str
    object: Literal["opt_out"]
    mode: Literal["test", "live"]
    account: str | None = Field(description="Null: of every account.")
    recipient: str
    source: Literal["operator", "payer"]
    reason: str
    created_at: str


class OptOutList(BaseModel):
    """Who wants none, the newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"object": "list", "data": [OPT_OUT_EXAMPLE], "has_more": False, "next_cursor": None}
        }
    )

    object: Literal["list"]
    data: list[OptOutShape]
    has_more: bool
    next_cursor: str | None


class DeletedOptOut(BaseModel):
    """They may be told again."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"object": "opt_out", "id": OPT_OUT_EXAMPLE["id"], "deleted": True}}
    )

    object: Literal["opt_out"]
    id: str
    deleted: Literal[True]


EXEMPLARY: tuple[type[BaseModel], ...] = (
    ChannelShape, ChannelList, TrialShape, MessageShape, MessageList, OptOutShape, OptOutList,
)  # fmt: skip
"""Shapes whose examples have nulls in them."""
