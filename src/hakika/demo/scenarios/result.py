"""What came of a scenario, and what must hold of every one of them."""

from dataclasses import dataclass, field
from datetime import datetime

from hakika.demo.scenarios.merchant import Payment
from hakika.demo.scenarios.scene import Scenario, Scene

DECLINED = {"cancelled", "failed", "expired"}


@dataclass(frozen=True)
class Result:
    """One row, played. `certain_after_s` counts in the scaled clock from the payer's answer."""

    slug: str
    title: str
    expected: str
    got: str
    confirmed_by: str = ""
    certain_after_s: float | None = None
    queries: int | None = None
    flags: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Tell whether all that must hold does."""
        return not self.broken and self.got == self.expected


async def judge(scenario: Scenario, scene: Scene, payment: Payment) -> Result:
    """Check a played scenario against what really happened at the simulator."""
    truth = await scene.truth(payment)
    receipts = {None, truth.receipt}
    if payment.status == "completed":
        scene.holds("the payer really paid", truth.paid)
        scene.holds("the receipt is the one that the payer has", payment.receipt in receipts)
        completed = await scene.events(payment, "payment.completed")
        scene.holds("payment.completed is told once", len(completed) == 1)
    if payment.status in DECLINED:
        scene.holds("the payer really paid nothing", truth.paid is False)
        scene.holds("it has no receipt", payment.receipt is None)
        code = payment.result_code
        scene.holds(f"the reason is M-Pesa's, {truth.result_code}, not {code!r}", code == truth.result_code)
    scene.holds("no invariant broke", payment.frozen is None)
    for phone in scene.phones:
        prompts = len(await scene.world.backstage.truths(phone))
        asked = sum(each == phone for each in scene.asked.values())
        scene.holds("each payment prompted its phone once", prompts == asked)
    concluded = await scene.events(payment, f"payment.{payment.status}")
    return Result(
        scenario.slug,
        scenario.title,
        scenario.expected,
        payment.status,
        payment.confirmed_by or "",
        _seconds_between(truth.ended_ms, concluded[-1].at if concluded else None),
        payment.queries,
        payment.flags,
        scene.broken,
    )


def failure(scenario: Scenario, broken: list[str]) -> Result:
    """The row of a scenario that could not be played to its end."""
    return Result(scenario.slug, scenario.title, scenario.expected, "not played out", broken=broken)


def _seconds_between(start_ms: int | None, end: datetime | None) -> float | None:
    if start_ms is None or end is None:
        return None
    return round(end.timestamp() - start_ms / 1000, 1)
