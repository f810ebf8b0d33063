"""What a set of grants adds up to.

An entitlement is the set of its grants, and nothing else: when it ends and what is in force follow from the set by
`take_turns`, so that a grant that is revoked (its payment was reversed) leaves what the others alone would have given.

- A grant begins when it was granted. One with the terms of what runs then **prolongs** it; one with others **runs at
  once**, and what was left of the older runs after it: who buys an hour of speed within a slow week loses nothing of
  the week, and cannot turn the week into a fast one.
- A grant whose data is used up ends then; the next one takes its turn.
- Each turn has absolute ends: giving the same answer again gives only the time that is left.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hakika_hotspot.domain.package import Package


class Grant(NamedTuple):
    """A package that was granted, from when; and how much of its data is used."""

    source: str
    package: Package
    granted_at_ms: int
    seconds: int
    bytes_used: int = 0
    exhausted_at_ms: int | None = None
    revoked_at_ms: int | None = None

    @property
    def bytes_left(self) -> int | None:
        """What is left of its data; None: no limit."""
        limit = self.package.bytes_limit
        return None if limit is None else max(0, limit - self.bytes_used)


class Turn(NamedTuple):
    """A grant in force from a moment until another."""

    grant: Grant
    from_ms: int
    until_ms: int


class _Waiting(NamedTuple):
    grant: Grant
    left_ms: int


def take_turns(grants: Iterable[Grant]) -> list[Turn]:
    """Line grants up: which is in force when, in order of time."""
    turns: list[Turn] = []
    line: list[_Waiting] = []
    at_ms = 0
    for grant in sorted((one for one in grants if one.revoked_at_ms is None), key=_order):
        line = _run(line, at_ms, grant.granted_at_ms, turns)
        at_ms = grant.granted_at_ms
        line.insert(_place(line, grant), _Waiting(grant, grant.seconds * 1000))
    _run(line, at_ms, None, turns)
    return turns


def find_turn(turns: Sequence[Turn], now_ms: int) -> Turn | None:
    """Which turn it is."""
    return next((turn for turn in turns if turn.from_ms <= now_ms < turn.until_ms), None)


def end_of_terms_ms(turns: Sequence[Turn], now_ms: int) -> int:
    """Until when the terms that are in force now stay as they are."""
    end_ms, terms = now_ms, None
    for turn in turns:
        if turn.until_ms <= now_ms:
            continue
        if (terms is not None and turn.grant.package.terms != terms) or turn.from_ms > end_ms:
            break
        end_ms, terms = turn.until_ms, turn.grant.package.terms
    return end_ms


def bytes_left(turns: Sequence[Turn], now_ms: int) -> int | None:
    """How much data is left within the terms that are in force now; None: no limit."""
    until_ms = end_of_terms_ms(turns, now_ms)
    running = {turn.grant.source: turn.grant for turn in turns if now_ms < turn.until_ms <= until_ms}
    left = [grant.bytes_left for grant in running.values()]
    known = [one for one in left if one is not None]
    return sum(known) if left and len(known) == len(left) else None


def _order(grant: Grant) -> tuple[int, str]:
    return grant.granted_at_ms, grant.source


def _place(line: Sequence[_Waiting], grant: Grant) -> int:
    """Where a grant stands in line: behind those of its terms that run now, else in front."""
    place = 0
    while place < len(line) and line[place].grant.package.terms == grant.package.terms:
        place += 1
    return place


def _run(line: list[_Waiting], from_ms: int, until_ms: int | None, turns: list[Turn]) -> list[_Waiting]:
    """Let those in line have their turns between two moments. → who is still in line."""
    at_ms = from_ms
    while line and (until_ms is None or at_ms < until_ms):
        first, *rest = line
        end_ms = at_ms + first.left_ms
        exhausted_at_ms = first.grant.exhausted_at_ms
        if exhausted_at_ms is not None:
            end_ms = min(end_ms, max(at_ms, exhausted_at_ms))
        stop_ms = end_ms if until_ms is None else min(end_ms, until_ms)
        if turns and turns[-1].grant is first.grant and turns[-1].until_ms == at_ms:
            turns[-1] = turns[-1]._replace(until_ms=stop_ms)
        elif stop_ms > at_ms:
            turns.append(Turn(first.grant, at_ms, stop_ms))
        left = _Waiting(first.grant, first.left_ms - (stop_ms - at_ms))
        line = [left, *rest] if stop_ms < end_ms else rest
        at_ms = stop_ms
    return line
