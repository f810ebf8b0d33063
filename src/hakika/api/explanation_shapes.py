"""The shape of an explanation, with an example: what OpenAPI shows."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

EXPLANATION_EXAMPLE: dict[str, Any] = {
    "object": "explanation",
    "payment": "pay_01m2x5h9q0d2n8r4t6v8y0a2c4",
    "status": "failed",
    "cause": "passkey",
    "title": "Wrong credentials",
    "happened": "Daraja refused the request: 500.001.1001 “Wrong credentials”.",
    "why": "The passkey is not this shortcode's: most often the sandbox's public passkey with a real shortcode.",
    "money": "None moved: nothing was processed. Should proof come after all, it wins.",
    "cure": "Set MPESA_PASSKEY to the one of the go-live mail for this shortcode; for a till, of its store number.",
    "checks": ["daraja.passkey", "settings.passkey", "settings.till", "daraja.clock", "settings.time-zone"],
    "docs": "docs/troubleshooting.md#passkey",
    "also": [],
}


class RemarkShape(BaseModel):
    """One thing that a payment shows, and its cure."""

    cause: str = Field(description="Its name in docs/troubleshooting.md.")
    title: str
    happened: str = Field(description="What happened to this payment.")
    why: str = Field(description="What such a thing comes from.")
    money: str = Field(description="What it means for the money.")
    cure: str = Field(description="What to do.")
    checks: list[str] = Field(description="The doctor's checks that look into it: `hakika doctor NAME`.")
    docs: str


class ExplanationShape(RemarkShape):
    """A payment, explained."""

    model_config = ConfigDict(json_schema_extra={"example": EXPLANATION_EXAMPLE})

    object: Literal["explanation"]
    payment: str
    status: str
    also: list[RemarkShape] = Field(description="What else it shows.")
