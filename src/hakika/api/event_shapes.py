"""The shapes of events, with examples: what OpenAPI shows."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hakika.api.shapes import PAYMENT_EXAMPLE

EVENT_ID = r"^evt_[0-9a-hjkmnp-tv-z]{26}$"
EVENT_EXAMPLE: dict[str, Any] = {
    "id": "evt_01m2x5h9q0d2n8r4t6v8y0a2c5",
    "object": "event",
    "type": "payment.completed",
    "timestamp": "2026-11-21T06:30:16.204Z",
    "number": 2,
    "sequence": 2,
    "mode": "test",
    "payment": PAYMENT_EXAMPLE["id"],
    "checkout": None,
    "data": PAYMENT_EXAMPLE,
}


class EventShape(BaseModel):
    """One event: what we concluded, and the payment (or checkout) as it then was."""

    model_config = ConfigDict(json_schema_extra={"example": EVENT_EXAMPLE})

    id: str
    object: Literal["event"]
    type: str = Field(description="docs/events.md lists them all; more may be added.")
    timestamp: str
    number: int = Field(description="Its place in the one order of all events.")
    sequence: int = Field(description="Its place among those of its payment: of two, the higher one is the newer.")
    mode: Literal["test", "live"]
    payment: str | None
    checkout: str | None
    data: dict[str, Any]


class EventList(BaseModel):
    """Events after a number, oldest first."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"object": "list", "data": [EVENT_EXAMPLE], "has_more": False, "next_after": 2}}
    )

    object: Literal["list"]
    data: list[EventShape]
    has_more: bool
    next_after: int = Field(description="Give it as `after` next time, also where `data` is empty.")


EXEMPLARY: tuple[type[BaseModel], ...] = (EventShape, EventList)
"""Shapes whose examples have nulls in them."""
