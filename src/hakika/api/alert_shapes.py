"""The shapes of alerts and their rules, with examples: what OpenAPI shows."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hakika.engine.alerts.rulebook import RULES

ALERT_EXAMPLE: dict[str, Any] = {
    "id": "alr_01m2x5h9q0d2n8r4t6v8y0a2c7",
    "object": "alert",
    "mode": "live",
    "rule": "pending-long",
    "subject": "acc_01m2x5h9q0d2n8r4t6v8y0a2c3",
    "severity": "critical",
    "status": "open",
    "title": "Payments stay pending",
    "summary": "3 payments are pending for more than 5 min (default), the first since 21 Nov 09:24 EAT.",
    "evidence": {
        "count": 3,
        "first": ["pay_01m2x5h9q0d2n8r4t6v8y0a2c4"],
        "account": "default",
        "since": "2026-11-21T06:24:00.000Z",
    },
    "meaning": "Nobody knows yet whether these payers paid: do not ask them again.",
    "cure": "See whether Daraja can be reached and whether callbacks arrive.",
    "hint": "hakika doctor",
    "opened_at": "2026-11-21T06:29:30.000Z",
    "seen_at": "2026-11-21T06:31:00.000Z",
    "told": 1,
    "told_at": "2026-11-21T06:29:30.000Z",
    "closed_at": None,
}
RULE_EXAMPLE: dict[str, Any] = {
    "object": "alert_rule",
    "name": "pending-long",
    "mode": "live",
    "active": True,
    "severity": "critical",
    "title": "Payments stay pending",
    "meaning": "Nobody knows yet whether these payers paid: do not ask them again.",
    "cure": "See whether Daraja can be reached and whether callbacks arrive.",
    "thresholds": {"minutes": 10},
    "shipped": {"minutes": 5},
}

RuleName = Annotated[str, Field(json_schema_extra={"enum": sorted(RULES)})]
Mode = Literal["test", "live"]


class AlertShape(BaseModel):
    """One alert: what is wrong, since when, what it means for the money, what to do first."""

    model_config = ConfigDict(json_schema_extra={"example": ALERT_EXAMPLE})

    id: str
    object: Literal["alert"]
    mode: Mode
    rule: str
    subject: str | None = Field(description="The account or endpoint; null: everything, or many of them.")
    severity: Literal["critical", "warning"]
    status: Literal["open", "closed"]
    title: str
    summary: str = Field(description="In words, with the figures as they were last seen.")
    evidence: dict[str, Any] = Field(description="`count`, `first` (some ids), `since`, and what the rule saw.")
    meaning: str = Field(description="What it means for the money.")
    cure: str = Field(description="The first thing to do.")
    hint: str = Field(description="The command that says more.")
    opened_at: str
    seen_at: str = Field(description="When its rule last held.")
    told: int = Field(description="How often it was told: once, then every six hours while it is open.")
    told_at: str
    closed_at: str | None


class AlertList(BaseModel):
    """Alerts, the newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"object": "list", "data": [ALERT_EXAMPLE], "has_more": False, "next_cursor": None}
        }
    )

    object: Literal["list"]
    data: list[AlertShape]
    has_more: bool
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page.")


class RuleShape(BaseModel):
    """One rule, as it is set for a mode."""

    model_config = ConfigDict(json_schema_extra={"example": RULE_EXAMPLE})

    object: Literal["alert_rule"]
    name: str
    mode: Mode
    active: bool
    severity: Literal["critical", "warning"]
    title: str
    meaning: str
    cure: str
    thresholds: dict[str, int]
    shipped: dict[str, int] = Field(description="The thresholds unless you change them.")


class RuleList(BaseModel):
    """Every rule, in the order of the docs."""

    model_config = ConfigDict(json_schema_extra={"example": {"object": "list", "data": [RULE_EXAMPLE]}})

    object: Literal["list"]
    data: list[RuleShape]


class RuleChange(BaseModel):
    """What is to change; what is absent stays."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"active": False}, {"thresholds": {"minutes": 10}}]},
    )

    active: bool | None = Field(None, description="Off: its open alerts close at the next look.")
    thresholds: dict[Annotated[str, Field(max_length=40)], int | None] | None = Field(
        None, description="By name; null is again as shipped.", max_length=20
    )
    mode: Mode | None = Field(None, description="As the API key is. For keys that open both.")


EXEMPLARY: tuple[type[BaseModel], ...] = (AlertShape, AlertList)
"""Shapes whose examples have nulls in them."""
