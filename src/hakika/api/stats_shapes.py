"""The shape of the figures, with its example: what OpenAPI shows."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_COUNTS: dict[str, Any] = {"asked": 40, "known": 38, "completed": 31, "success_rate": 0.8158}
_STATUSES = {
    "pending": 1,
    "completed": 31,
    "failed": 3,
    "cancelled": 2,
    "expired": 1,
    "mispaid": 1,
    "unresolved": 1,
    "reversed": 0,
}
STATS_EXAMPLE: dict[str, Any] = {
    "object": "stats",
    "mode": "live",
    "account": None,
    "from": "2026-11-21",
    "to": "2026-11-21",
    "time_zone": "Africa/Nairobi",
    "at": "2026-11-21T18:00:00.000Z",
    "payments": {**_COUNTS, "statuses": _STATUSES},
    "amounts": {"asked": 52_000, "completed": 40_300, "mispaid": 50, "reversed": 0},
    "time_to_certainty": {"payments": 38, "p50_s": 8.2, "p99_s": 61.4},
    "by_day": [{"day": "2026-11-21", **_COUNTS, "amount_completed": 40_300}],
    "by_hour": [{"hour": 14, **_COUNTS, "amount_completed": 40_300}],
    "by_reason": [
        {
            "status": "cancelled",
            "code": "1032",
            "payments": 2,
            "share": 0.05,
            "advice": "The payer cancelled the prompt.",
        }
    ],
}


class Counts(BaseModel):
    """How many payments, and how many of them were paid."""

    asked: int
    known: int = Field(description="Those whose end is known: all but `pending` and `unresolved`.")
    completed: int
    success_rate: float | None = Field(description="`completed` of `known`; null where none is known.")


class AllCounts(Counts):
    """All of them."""

    statuses: dict[str, int] = Field(description="How many stand at each status now.")


class OfDay(Counts):
    """Those of one day."""

    day: str
    amount_completed: int


class OfHour(Counts):
    """Those of one hour of the day, over all days."""

    hour: int
    amount_completed: int


class OfReason(BaseModel):
    """Those that were not paid for one reason."""

    status: str
    code: str | None = Field(description="M-Pesa's code, or the word of ours, of a payment that was declined.")
    payments: int
    share: float = Field(description="Of all that was asked for.")
    advice: str


class Amounts(BaseModel):
    """Shillings."""

    asked: int
    completed: int
    mispaid: int = Field(description="What came instead of what was asked for.")
    reversed: int


class Certainty(BaseModel):
    """How long it took from the request until the end was known, in seconds: half of them, 99 of 100."""

    payments: int
    p50_s: float | None
    p99_s: float | None


class StatsShape(BaseModel):
    """How the payments fared that were asked for in a period. Days and hours are Nairobi's."""

    model_config = ConfigDict(json_schema_extra={"example": STATS_EXAMPLE})

    object: Literal["stats"]
    mode: Literal["test", "live"]
    account: str | None
    from_: str = Field(alias="from", description="The first day.")
    to: str = Field(description="The last day; it counts, too.")
    time_zone: Literal["Africa/Nairobi"]
    at: str
    payments: AllCounts
    amounts: Amounts
    time_to_certainty: Certainty
    by_day: list[OfDay]
    by_hour: list[OfHour] = Field(description="24 of them.")
    by_reason: list[OfReason] = Field(description="Why what is not paid is not, the most frequent first.")


EXEMPLARY = (StatsShape,)
