"""The rules in one table, and what was changed about them: on or off, and thresholds, for each mode."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from hakika.domain.errors import InvalidRequest, NotFound
from hakika.engine.alerts.of_callbacks import CALLBACK_ERRORS, CALLBACKS_SILENT
from hakika.engine.alerts.of_outside import CERTIFICATE, DISK, ENDPOINT_FAILING, SPIKE_ARRESTS
from hakika.engine.alerts.of_payments import INVARIANT_BROKEN, MISPAID, PENDING_LONG, UNRESOLVED
from hakika.engine.alerts.of_success import SUCCESS_RATE, SUCCESSES_FEW
from hakika.engine.alerts.rule import Rule
from hakika.store.alerts.records import RuleRow, list_rules, write_rule
from hakika.store.transaction import Transaction

RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        PENDING_LONG,
        UNRESOLVED,
        MISPAID,
        CALLBACKS_SILENT,
        CALLBACK_ERRORS,
        SUCCESS_RATE,
        SUCCESSES_FEW,
        SPIKE_ARRESTS,
        ENDPOINT_FAILING,
        CERTIFICATE,
        DISK,
        INVARIANT_BROKEN,
    )
}
"""Name → rule, in the order of the docs."""

MODES = ("test", "live")


class Setting(NamedTuple):
    """A rule as it is set for a mode: on or off, and all its thresholds."""

    active: bool
    thresholds: Mapping[str, int]


Settings = Mapping[str, Setting]


def find_rule(name: str) -> Rule:
    """The rule of that name. Raises NotFound."""
    if name not in RULES:
        raise NotFound(f"There is no rule {name!r}.")
    return RULES[name]


def read_settings(tx: Transaction, mode: str) -> dict[str, Setting]:
    """Name → how each rule is set for a mode."""
    changed = {row.name: row for row in list_rules(tx) if row.mode == mode}
    return {rule.name: _merge(rule, changed.get(rule.name)) for rule in RULES.values()}


def _merge(rule: Rule, row: RuleRow | None) -> Setting:
    shipped = {name: threshold.default for name, threshold in rule.thresholds.items()}
    if row is None:
        return Setting(active=True, thresholds=shipped)
    kept = msgspec.json.decode(row.thresholds, type=dict[str, int])
    return Setting(bool(row.active), shipped | {name: kept[name] for name in kept if name in shipped})


class Rulebook:
    """The verbs on rules."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock

    def change(
        self, tx: Transaction, mode: str, name: str, active: bool | None, thresholds: Mapping[str, int | None]
    ) -> Setting:
        """Change what is given; a threshold of None is again as shipped. Raises NotFound, InvalidRequest."""
        rule = find_rule(name)
        tx.lock_name(f"alert-rule:{mode}:{name}")  # two who change two thresholds keep both
        kept = {row.name: row for row in list_rules(tx) if row.mode == mode}.get(name)
        now: dict[str, int] = msgspec.json.decode(kept.thresholds) if kept else {}
        for threshold, value in thresholds.items():
            now.pop(threshold, None)
            if _check(rule, threshold, value) is not None:
                now[threshold] = value  # type: ignore[assignment]
        on = (bool(kept.active) if kept else True) if active is None else active
        row = RuleRow(mode, name, on, msgspec.json.encode(now).decode(), self._clock())
        write_rule(tx, row)
        return _merge(rule, row)


def _check(rule: Rule, name: str, value: int | None) -> int | None:
    threshold = rule.thresholds.get(name)
    if threshold is None:
        known = ", ".join(rule.thresholds) or "none"
        raise InvalidRequest(f"{rule.name} has no threshold {name!r}; it has: {known}.", field="thresholds")
    if value is not None and not threshold.least <= value <= threshold.most:
        raise InvalidRequest(f"`{name}` is from {threshold.least} to {threshold.most}.", field="thresholds")
    return value


def show_rule(name: str, mode: str, setting: Setting) -> dict[str, Any]:
    """A rule as it is set, as people and programs see it."""
    rule = RULES[name]
    return {
        "object": "alert_rule",
        "name": name,
        "mode": mode,
        "active": setting.active,
        "severity": rule.severity,
        "title": rule.title,
        "meaning": rule.meaning,
        "cure": rule.cure,
        "thresholds": dict(setting.thresholds),
        "shipped": {one: threshold.default for one, threshold in rule.thresholds.items()},
    }
