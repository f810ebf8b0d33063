"""An examination as the API and `hakika doctor --json` show it."""

from collections.abc import Iterable, Sequence
from typing import Any

from hakika.doctor.check import Check
from hakika.doctor.examination import Report, judge
from hakika.doctor.going_live import OWN_CHECKS, tick_steps

PAGE = "docs/checks.md"


def show_plan(checks: Sequence[Check], mode: str) -> dict[str, Any]:
    """What will be looked at."""
    listed = [{"name": check.name, "area": check.area.value, "title": check.title} for check in checks]
    return {"object": "doctor.plan", "mode": mode, "checks": listed}


def show_examination(reports: Iterable[Report], mode: str) -> dict[str, Any]:
    """All of it."""
    reports = list(reports)
    shown = [found for report in reports for found in show_report(report)]
    whole = {"object": "doctor", "status": judge(reports).value, "mode": mode, "checks": shown}
    if {finding["name"] for finding in shown} >= OWN_CHECKS:
        whole["going_live"] = tick_steps(shown)
    return whole


def show_report(report: Report) -> list[dict[str, Any]]:
    """What one check found: an entry for each subject."""
    check = report.check
    return [
        {
            "name": check.name,
            "area": check.area.value,
            "title": check.title,
            "outcome": finding.outcome.value,
            "subject": finding.subject or None,
            "evidence": finding.evidence,
            "meaning": check.meaning,
            "cure": finding.cure or check.cure,
            "docs": f"{PAGE}#{anchor_of(check.name)}",
            "took_ms": report.took_ms,
        }
        for finding in report.findings
    ]


def anchor_of(name: str) -> str:
    """The part of a check's address after the #: as Markdown's readers make it of its heading."""
    return name.replace(".", "")
