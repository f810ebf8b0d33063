"""An examination told as it goes: the plan, each finding as it comes, and in the end the whole."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from hakika.doctor.check import Check
from hakika.doctor.document import show_examination, show_plan, show_report
from hakika.doctor.examination import Report, examine
from hakika.doctor.ground import Ground


async def tell(ground: Ground, checks: Sequence[Check], mode: str) -> AsyncGenerator[dict[str, Any], None]:
    """The plan; each finding; last all of it, in the order of the checks."""
    yield show_plan(checks, mode)
    reports: list[Report] = []
    async with aclosing(examine(ground, checks)) as examination:
        async for report in examination:
            reports.append(report)
            for found in show_report(report):
                yield {"object": "doctor.finding", **found}
    yield show_examination(sorted(reports, key=lambda report: checks.index(report.check)), mode)
