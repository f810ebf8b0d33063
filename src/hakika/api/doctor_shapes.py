"""The shapes of an examination, with an example: what OpenAPI shows."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hakika.doctor.check import Area, Outcome
from hakika.doctor.going_live import Tick
from hakika.doctor.registry import CHECKS

NAMES = [*(area.value for area in Area), *(check.name for check in CHECKS)]

EXAMPLE: dict[str, Any] = {
    "object": "doctor",
    "status": "failed",
    "mode": "test",
    "checks": [
        {
            "name": "callers.arrival",
            "area": "callers",
            "title": "A callback comes for each prompt",
            "outcome": "failed",
            "subject": "default",
            "evidence": "6 prompts and 0 callbacks in the last hour, 40 and 31 in the last day.",
            "meaning": "Payments end all the same, because Daraja is queried, but without the receipt.",
            "cure": "Run `hakika doctor callback-url`: it finds why Safaricom does not reach this server.",
            "docs": "docs/checks.md#callersarrival",
            "took_ms": 3,
        },
        {
            "name": "inside.spool",
            "area": "inside",
            "title": "No callback waits in the spool",
            "outcome": "ok",
            "subject": None,
            "evidence": "It is empty.",
            "meaning": "Safaricom has told what became of these payments, and nobody has heard it yet.",
            "cure": "Have a server run with this HAKIKA_DATA_DIR and a database that takes writes.",
            "docs": "docs/checks.md#insidespool",
            "took_ms": 1,
        },
    ],
}


class CheckShape(BaseModel):
    """What one check found about one subject."""

    name: str
    area: str
    title: str = Field(description="What is so when it is well.")
    outcome: Outcome = Field(description="`unknown`: it cannot be told from here. `skipped`: it does not apply.")
    subject: str | None = Field(description="The account, endpoint … that it is about, where there are several.")
    evidence: str = Field(description="What was seen; never a secret.")
    meaning: str = Field(description="What a failure means for payments and for the money.")
    cure: str = Field(description="What to do.")
    docs: str
    took_ms: int


class StepShape(BaseModel):
    """A step to going live, and how it stands."""

    name: str
    title: str
    tick: Tick = Field(description="`yours`: part of it only a person can know. `unknown`: it could not be seen.")
    ask: str = Field(description="What to do.")
    checks: list[str]
    docs: str


class DoctorShape(BaseModel):
    """An examination: what every check found."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    object: Literal["doctor"]
    status: Literal["ok", "warning", "failed"]
    mode: Literal["test", "live"]
    checks: list[CheckShape]
    going_live: list[StepShape] = Field([], description="Only where `going_live` was asked for.")


EXEMPLARY: tuple[type[BaseModel], ...] = (DoctorShape,)
"""Shapes whose examples have nulls in them."""
