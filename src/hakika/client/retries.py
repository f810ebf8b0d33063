"""When a request is sent again, and after how long: a function of what came, with chance handed in."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hakika.client.steps import Answer, Lost

IN_FLIGHT = "idempotency_key_in_flight"
TRIED_AGAIN_ELSEWHERE = frozenset({502, 504})  # a proxy gave up: the server may have carried it out


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is tried, and how long it waits between: `first_s`, doubled each time, give or take half."""

    tries: int = 4
    first_s: float = 0.5
    longest_s: float = 8.0
    obeyed_s: float = 30.0  # a Retry-After beyond this is the caller's to wait for
    chance: Callable[[], float] = random.random

    def pause_s(self, tried: int, came: Answer | Lost, *, repeatable: bool) -> float | None:
        """Say how long to wait before the next try; None where another try would be wrong, or of no use."""
        if not _may_repeat(came, repeatable):
            return None
        asked_s = _retry_after_s(came)
        if asked_s is not None and asked_s > self.obeyed_s:
            return None
        backoff_s = min(self.first_s * 2 ** min(tried - 1, 16), self.longest_s) * (0.5 + self.chance() / 2)
        # Those who were told the same second should not all come in it.
        return backoff_s if asked_s is None else asked_s + self.chance() * self.first_s


def may_be_done(came: Answer | Lost) -> bool:
    """Say whether a try that brought no answer of the server's may have been carried out."""
    if isinstance(came, Lost):
        return came.sent
    return came.status in TRIED_AGAIN_ELSEWHERE or code_of(came) == IN_FLIGHT


def code_of(answer: Answer) -> str:
    """Return the code of a problem document; empty where the answer is none."""
    return str(read_problem(answer).get("code", ""))


def read_problem(answer: Answer) -> dict[str, Any]:
    """Return the problem document of an answer; empty where it has none."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) and isinstance(document.get("code"), str) else {}


def _may_repeat(came: Answer | Lost, repeatable: bool) -> bool:
    if isinstance(came, Lost):
        return repeatable or not came.sent
    if came.status in {429, 503}:  # refused before anything was done, if it is Hakika that says so
        return repeatable or bool(code_of(came))
    return repeatable and (came.status in TRIED_AGAIN_ELSEWHERE or code_of(came) == IN_FLIGHT)


def _retry_after_s(came: Answer | Lost) -> float | None:
    said = came.headers.get("retry-after", "") if isinstance(came, Answer) else ""
    return float(said) if said.isascii() and said.isdigit() else None
