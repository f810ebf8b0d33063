"""Waiting for an end: long polls, one after the other, for as long as the caller has time."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from hakika.client.errors import NoAnswer
from hakika.client.exchange import Exchange, get
from hakika.client.steps import Steps, pause

T = TypeVar("T")
WAIT_S = 300.0
POLL_S = 120.0  # proxies seldom let a request live longer
ANSWER_S = 30.0
EARLY_S = 1.0  # an answer that is not the end should have taken as long as was asked


def wait_until(
    exchange: Exchange, path: str, kind: type[T], is_over: Callable[[T], bool], timeout_s: float
) -> Steps[T]:
    """Read what is waited for until it is over, or the time is: then as it was last seen.

    Raises NoAnswer where no answer came in all that time.
    """
    until = exchange.clock() + timeout_s
    seen: T | None = None
    while True:
        asked_at = exchange.clock()
        asked_s = min(max(until - asked_at, 0.0), POLL_S)
        request = replace(get(path, timeout=round(asked_s, 3)), timeout_s=asked_s + ANSWER_S)
        try:
            seen = yield from exchange.ask(request, kind, until)
        except NoAnswer:
            if seen is None:
                raise
            return seen
        now = exchange.clock()
        if is_over(seen) or now >= until:
            return seen
        if now - asked_at < min(asked_s, EARLY_S):
            yield from pause(min(EARLY_S, until - now))
