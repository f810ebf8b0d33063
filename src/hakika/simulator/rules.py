"""Phones that nobody holds: how a rule answers a prompt, and after how long."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp
from random import Random
from typing import Any

from hakika.simulator.orders import Misused, read_code, read_number
from hakika.simulator.outcomes import ANSWERS

MEDIAN_MS = 2_000
SIGMA = 0.6


@dataclass(frozen=True, slots=True)
class Reply:
    """What a phone will do with the prompt that it just got."""

    code: str
    think_ms: int


@dataclass(frozen=True, slots=True)
class Rule:
    """Answers by weight, each after a log-normal time to think; with `sigma` 0 it is always the median."""

    answers: Mapping[str, float]
    median_ms: int = MEDIAN_MS
    sigma: float = SIGMA

    def draw(self, chance: Random) -> Reply:
        """Answer one prompt."""
        answer = chance.choices(list(self.answers), list(self.answers.values()))[0]
        think_ms = int(self.median_ms * exp(self.sigma * chance.gauss(0.0, 1.0)))
        return Reply(ANSWERS.get(answer, answer), think_ms)

    def document(self) -> dict[str, Any]:
        """Show the rule as `read_rule` takes it."""
        return {"answers": dict(self.answers), "median_ms": self.median_ms, "sigma": self.sigma}


def read_rule(document: object) -> Rule:
    """Read `{"answer": "pay"}` or `{"answers": {"pay": 0.75, "1032": 0.25}, "median_ms": 15000, "sigma": 0.6}`."""
    if not isinstance(document, dict):
        raise Misused('a rule is an object: {"answer": "pay"}')
    unknown = set(document) - {"answer", "answers", "median_ms", "sigma"}
    if unknown:
        raise Misused(f"unknown in a rule: {', '.join(sorted(unknown))}")
    answers = {read_answer(document["answer"]): 1} if "answer" in document else document.get("answers")
    if not isinstance(answers, dict) or not answers:
        raise Misused('a rule needs "answer" or "answers", by weight')
    weights = {read_answer(name): read_number(weight, "a weight", 0.0) for name, weight in answers.items()}
    if not sum(weights.values()):
        raise Misused("at least one answer needs a weight above 0")
    return Rule(
        weights,
        int(read_number(document.get("median_ms", MEDIAN_MS), "median_ms", 0.0)),
        read_number(document.get("sigma", SIGMA), "sigma", 0.0, 5.0),
    )


def read_answer(name: object) -> str:
    """Read one of the answers by name, or any result code."""
    if isinstance(name, str) and name in ANSWERS:
        return name
    try:
        return read_code(name)
    except Misused:
        raise Misused(f"no such answer: {name!r}; there are {', '.join(ANSWERS)}, or a result code") from None
