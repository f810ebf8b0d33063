"""All rules at once. No storm: one alert stands for many, and what another rule says better is not said twice."""

from collections.abc import Collection
from typing import NamedTuple

from hakika.engine.alerts.rule import Figures, Rule, Sign, State
from hakika.engine.alerts.rulebook import RULES, Settings

TOGETHER = 3
"""Subjects of one rule that are told of one by one; with more than these, one alert counts them all."""

NAMED = 5
"""Ids, and subjects, that the one alert names."""

ALL = ""
"""The subject of an alert that stands for many."""


class Key(NamedTuple):
    """What one alert is about."""

    rule: str
    subject: str


def judge(figures: Figures, settings: Settings, opened: Collection[Key], lately: Collection[Key]) -> dict[Key, Sign]:
    """What each active rule says; a subject of which nothing is said is well.

    `opened`: what is open now; `lately`: what is, or was so a short time ago that figures still show it.
    """
    gathered: dict[Key, Sign] = {}
    for name, rule in RULES.items():
        if settings[name].active:
            together = Key(name, ALL) in opened
            for sign in _gather(rule, rule.judge(figures, settings[name].thresholds), together=together):
                gathered[Key(name, sign.subject)] = sign
    telling = {key for key, sign in gathered.items() if sign.state is State.HOLDS} | set(lately)
    return {key: _hold_back(sign) if _is_covered(key, telling) else sign for key, sign in gathered.items()}


def _gather(rule: Rule, signs: list[Sign], *, together: bool) -> list[Sign]:
    """Put one sign for many that hold. Once they are together they stay so, until none holds."""
    holding = [sign for sign in signs if sign.state is State.HOLDS]
    if not rule.subjects or (len(holding) <= TOGETHER and not together) or not holding:
        return signs
    named = [str(sign.seen.get(rule.subjects, sign.subject)) for sign in holding]
    count = sum(sign.number for sign in holding)
    nouns = f"{len(holding)} {rule.subjects}s" if len(holding) > 1 else f"1 {rule.subjects}"
    summary = f"{rule.title}: {nouns}, {count} in all ({', '.join(named[:NAMED])}{'…' if len(named) > NAMED else ''})."
    since_ms = min((sign.since_ms for sign in holding if sign.since_ms), default=0)
    first = tuple(one for sign in holding for one in sign.first)[:NAMED]
    seen = {f"{rule.subjects}s": len(holding), "subjects": [sign.subject for sign in holding][:NAMED]}
    whole = Sign(ALL, State.HOLDS, summary, count, since_ms, first, seen)
    return [whole, *(_hold_back(sign) for sign in signs)]


def _is_covered(key: Key, telling: Collection[Key]) -> bool:
    """Whether another rule tells the same better, for the same subject or for all."""
    for name in RULES[key.rule].covered_by:
        subjects = {other.subject for other in telling if other.rule == name}
        if subjects and (key.subject in subjects or ALL in subjects or key.subject == ALL):
            return True
    return False


def _hold_back(sign: Sign) -> Sign:
    return sign._replace(state=State.COVERED) if sign.state is State.HOLDS else sign
