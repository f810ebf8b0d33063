"""An alert as people and programs see it: in the API, in events and in the command line."""

from typing import Any

import msgspec

from hakika.engine.alerts.rulebook import RULES
from hakika.engine.representation import iso
from hakika.store.alerts.records import AlertRow


def show_alert(row: AlertRow) -> dict[str, Any]:
    """An alert in its public shape."""
    evidence: dict[str, Any] = msgspec.json.decode(row.evidence)
    since_ms = evidence.pop("since_ms", 0)
    rule = RULES.get(row.rule)  # one of a later version has none here
    return {
        "id": row.id,
        "object": "alert",
        "mode": row.mode,
        "rule": row.rule,
        "subject": row.subject or None,
        "severity": row.severity,
        "status": row.status,
        "title": rule.title if rule else row.rule,
        "summary": row.summary,
        "evidence": evidence | {"since": iso(since_ms) if since_ms else None},
        "meaning": rule.meaning if rule else "",
        "cure": rule.cure if rule else "",
        "hint": _point_at(rule.hint, evidence) if rule else "",
        "opened_at": iso(row.opened_at_ms),
        "seen_at": iso(row.seen_at_ms),
        "told": row.told,
        "told_at": iso(row.told_at_ms),
        "closed_at": iso(row.closed_at_ms) if row.closed_at_ms else None,
    }


def _point_at(hint: str, evidence: dict[str, Any]) -> str:
    """The command, with the first id in it where it wants one."""
    first = evidence.get("first") or []
    return hint.replace("ID", str(first[0])) if first else hint
