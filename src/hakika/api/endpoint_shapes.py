"""The shapes of endpoints and deliveries, with examples: what OpenAPI shows."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from hakika.api.event_shapes import EVENT_EXAMPLE
from hakika.api.shapes import NO_CONTROLS
from hakika.domain.events import KNOWN_TYPES, PROBES

ENDPOINT_EXAMPLE: dict[str, Any] = {
    "id": "ep_01m2x5h9q0d2n8r4t6v8y0a2c6",
    "object": "endpoint",
    "mode": "test",
    "url": "https://shop.example/hooks/hakika",
    "event_types": ["payment.completed", "payment.failed"],
    "description": "The shop",
    "active": True,
    "status": "healthy",
    "off_reason": None,
    "failures": 0,
    "failing_since": None,
    "next_attempt_at": None,
    "old_secret_until": None,
    "created_at": "2026-11-21T06:00:00.000Z",
    "owed": 0,
}
SECRET_EXAMPLE = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="  # noqa: S105 - an example
NEW_ENDPOINT_EXAMPLE = {**ENDPOINT_EXAMPLE, "secret": SECRET_EXAMPLE}
DELIVERY_EXAMPLE: dict[str, Any] = {
    "object": "delivery",
    "event": EVENT_EXAMPLE["id"],
    "number": 2,
    "type": "payment.completed",
    "payment": EVENT_EXAMPLE["payment"],
    "endpoint": ENDPOINT_EXAMPLE["id"],
    "status": "waiting",
    "attempts": 1,
    "owed_since": "2026-11-21T06:30:16.204Z",
    "next_attempt_at": "2026-11-21T06:30:21.600Z",
}
ATTEMPT_EXAMPLE: dict[str, Any] = {
    "object": "attempt",
    "at": "2026-11-21T06:30:16.211Z",
    "took_ms": 31,
    "status_code": 502,
    "error": None,
    "answer": "Bad Gateway",
}

Url = Annotated[str, Field(min_length=8, max_length=2000, json_schema_extra={"pattern": r"^[a-z0-9]+://[!-~]+$"})]
EventTypeName = Annotated[str, Field(json_schema_extra={"enum": sorted(KNOWN_TYPES)})]
EventTypes = Annotated[list[EventTypeName], Field(max_length=50)]


def _refuse_numbers(value: object) -> object:
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        return value
    raise ValueError("a moment is written 2026-11-21T06:30:00Z")


Moment = Annotated[datetime, BeforeValidator(_refuse_numbers)]
Text = Annotated[str, Field(max_length=200, pattern=NO_CONTROLS)]
EventId = Annotated[str, Field(pattern=r"^evt_[0-9a-hjkmnp-tv-z]{26}$")]
DeliveryStatus = Literal["waiting", "delivered", "exhausted"]
"""Waiting: it is sent, or sent again. Exhausted: every attempt failed; it is kept and can be sent again by hand."""


class NewEndpoint(BaseModel):
    """Where events are to be delivered."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {"url": "https://shop.example/hooks/hakika"},
                {
                    "url": "https://shop.example/hooks/hakika",
                    "event_types": ["payment.completed", "payment.failed"],
                    "description": "The shop",
                },
            ]
        },
    )

    url: Url = Field(
        description="https; http is for test mode alone; or a service that tells people, see docs/alerts.md. "
        "Public addresses, unless a setting allows more."
    )
    event_types: EventTypes = Field(
        default_factory=list,
        description="Only these. None: every type but probes (`test.…`); for people only alerts and endpoints'.",
    )
    description: Text = ""
    mode: Literal["test", "live"] | None = Field(
        None, description="Whose events: as the API key is. For keys that open both."
    )


class EndpointChange(BaseModel):
    """What is to change; what is absent stays."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"example": {"active": False}})

    url: Url | None = None
    event_types: EventTypes | None = None
    description: Text | None = None
    active: bool | None = Field(None, description="While it is off, what it is owed waits.")


class Rotation(BaseModel):
    """How long the old secret signs beside the new one."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"example": {"overlap_s": 86400}})

    overlap_s: Annotated[int, Field(ge=0, le=2_592_000)] = 86_400


class EndpointShape(BaseModel):
    """One endpoint, and how it fares."""

    model_config = ConfigDict(json_schema_extra={"example": ENDPOINT_EXAMPLE})

    id: str
    object: Literal["endpoint"]
    mode: Literal["test", "live"]
    url: str
    event_types: list[str]
    description: str
    active: bool
    status: Literal["healthy", "failing", "off"] = Field(
        description="Failing: it is probed with one event at a time, and the others wait."
    )
    off_reason: str | None
    failures: int = Field(description="In a row.")
    failing_since: str | None
    next_attempt_at: str | None = Field(description="Nothing is sent before.")
    old_secret_until: str | None = Field(description="Until then two secrets sign.")
    created_at: str
    owed: int = Field(0, description="Events that wait for it.")


class NewEndpointShape(EndpointShape):
    """An endpoint with its secret, which is shown this once."""

    model_config = ConfigDict(json_schema_extra={"example": NEW_ENDPOINT_EXAMPLE})

    secret: str | None = Field(description="Null where the URL itself is the secret.")


class EndpointList(BaseModel):
    """All endpoints, oldest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"object": "list", "data": [ENDPOINT_EXAMPLE]}})

    object: Literal["list"]
    data: list[EndpointShape]


class AttemptShape(BaseModel):
    """One attempt, as it went."""

    model_config = ConfigDict(json_schema_extra={"example": ATTEMPT_EXAMPLE})

    object: Literal["attempt"]
    at: str
    took_ms: int
    status_code: int | None = Field(description="None: no answer.")
    error: str | None
    answer: str = Field(description="Its first 4 KiB.")


class PingShape(BaseModel):
    """What came of a ping."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "object": "ping",
                "delivered": False,
                "event": EVENT_EXAMPLE["id"],
                "endpoint": ENDPOINT_EXAMPLE["id"],
                "attempt": ATTEMPT_EXAMPLE,
            }
        }
    )

    object: Literal["ping"]
    delivered: bool
    event: str
    endpoint: str
    attempt: AttemptShape


class DeletedShape(BaseModel):
    """It is gone."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"object": "endpoint", "id": ENDPOINT_EXAMPLE["id"], "deleted": True}}
    )

    object: Literal["endpoint"]
    id: str
    deleted: Literal[True]


class DeliveryShape(BaseModel):
    """One event owed to one endpoint."""

    model_config = ConfigDict(json_schema_extra={"example": DELIVERY_EXAMPLE})

    object: Literal["delivery"]
    event: str
    number: int
    type: str
    payment: str | None
    endpoint: str
    status: DeliveryStatus
    attempts: int
    owed_since: str
    next_attempt_at: str | None


class DeliveryList(BaseModel):
    """Deliveries, the newest event first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"object": "list", "data": [DELIVERY_EXAMPLE], "has_more": False, "next_cursor": None}
        }
    )

    object: Literal["list"]
    data: list[DeliveryShape]
    has_more: bool
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page.")


class ToldDelivery(DeliveryShape):
    """A delivery with every attempt."""

    model_config = ConfigDict(json_schema_extra={"example": {**DELIVERY_EXAMPLE, "history": [ATTEMPT_EXAMPLE]}})

    history: list[AttemptShape]


class EventDeliveries(BaseModel):
    """Every delivery of an event."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"object": "list", "data": [{**DELIVERY_EXAMPLE, "history": [ATTEMPT_EXAMPLE]}]}}
    )

    object: Literal["list"]
    data: list[ToldDelivery]


class ResendShape(BaseModel):
    """What is to be delivered again: at least one of these is given, and all that are given must fit."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"event_ids": [EVENT_EXAMPLE["id"]]},
                {"endpoint": ENDPOINT_EXAMPLE["id"], "status": "exhausted"},
                {"type": "payment.completed", "from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z"},
            ]
        },
    )

    event_ids: Annotated[list[EventId], Field(min_length=1, max_length=500)] | None = None
    endpoint: Annotated[str, Field(pattern=r"^ep_[0-9a-hjkmnp-tv-z]{26}$")] | None = Field(
        None, description="To this one alone; also what it asks for and was never owed, unless `status` is given."
    )
    type: EventTypeName | None = None
    status: DeliveryStatus | None = None
    since: Moment | None = Field(None, alias="from", description="Events from then on.")
    until: Moment | None = Field(None, alias="to", description="Events before then.")


class ResentShape(BaseModel):
    """How many deliveries are made again."""

    model_config = ConfigDict(json_schema_extra={"example": {"object": "resend", "deliveries": 12}})

    object: Literal["resend"]
    deliveries: int


class TriggerShape(BaseModel):
    """A probe to publish."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"example": {"type": "payment.completed"}})

    type: Annotated[
        str,
        Field(
            json_schema_extra={"enum": sorted({*PROBES, *(name.removeprefix("test.") for name in PROBES)} - {"ping"})}
        ),
    ]
    endpoint: Annotated[str, Field(pattern=r"^ep_[0-9a-hjkmnp-tv-z]{26}$")] | None = Field(
        None, description="To this one too, whatever types it asked for."
    )
    mode: Literal["test", "live"] | None = None


EXEMPLARY: tuple[type[BaseModel], ...] = (
    EndpointShape, NewEndpointShape, EndpointList, PingShape, DeliveryShape, DeliveryList, ToldDelivery,
    EventDeliveries, AttemptShape,
)  # fmt: skip
"""Shapes whose examples have nulls in them."""
