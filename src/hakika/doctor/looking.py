"""How checks look into the database, and how they say things."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from sqlalchemy.exc import ProgrammingError

from hakika.doctor.check import Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.domain.errors import StoreUnavailable
from hakika.domain.schedule import HOUR_MS, MINUTE_MS, SECOND_MS
from hakika.store.alerts.signs import find_at
from hakika.store.opening import Store
from hakika.store.transaction import Transaction

T = TypeVar("T")

DAY_MS = 24 * HOUR_MS
NAMED = 3  # ids that are named; the rest is counted
TRIED_FOR_S = 4.0  # less than a check has: what waits longer is told, and not that the check failed
STUCK = "did not come to it"  # as the store itself says of a write that waited for others
NONE_RUNS = "It looks into a running server, and none runs here."
_OLD_SCHEMA = ("no such table", "no such column", "has no column")


class Unseen(Exception):
    """There is nothing that the check could look at, and why: its finding is `skipped`."""


async def look_in(ground: Ground, job: Callable[[Transaction], T]) -> T:
    """Read the database. Raises Unseen where it cannot be read: that is the finding of a check of its own."""
    if ground.store is None:
        raise Unseen(explain_absence(ground))
    if ground.store.find_misplaced():
        raise Unseen("The database file is no longer where it was: see inside.database.")
    try:
        return await ground.store.read(job)
    except StoreUnavailable as error:
        if any(sign in error.detail for sign in _OLD_SCHEMA):
            raise Unseen("The schema is not the one that this program wants: see inside.schema.") from error
        raise Unseen("The database does not answer: see inside.database.") from error
    except ProgrammingError as error:
        raise Unseen("The schema is not the one that this program wants: see inside.schema.") from error


class Trial(NamedTuple):
    """A write that changed nothing: how long it took, and why it was refused, `""` where it was done."""

    took_ms: float
    refused: str


async def try_write(ground: Ground, store: Store) -> Trial:
    """Have one write tried, for all checks that ask: two in a row behind a held lock would outlast both of them."""
    return await ground.shared.once("write", lambda: _try_write(store))


async def _try_write(store: Store) -> Trial:
    began_s = time.monotonic()
    writing = asyncio.ensure_future(store.write(Transaction.touch))
    await asyncio.wait({writing}, timeout=TRIED_FOR_S)
    took_ms = (time.monotonic() - began_s) * 1000
    if not writing.done():
        writing.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # seen, and told below
        return Trial(took_ms, f"The database {STUCK} within {TRIED_FOR_S:g} s.")
    try:
        writing.result()
    except StoreUnavailable as error:
        return Trial(took_ms, error.detail)
    return Trial(took_ms, "")


def explain_absence(ground: Ground) -> str:
    """Why there is no store."""
    if ground.settings_trouble is not None:
        return "The settings cannot be read: see settings.complete."
    if ground.store_trouble:
        return "The database cannot be opened: see inside.database."
    return "There is no database yet: `hakika serve` makes it."


def spell_age(duration_ms: int) -> str:
    """`40 s`, `12 min`, `5 h`, `3 days`."""
    for unit_ms, unit, least in ((DAY_MS, " days", 2), (HOUR_MS, " h", 2), (MINUTE_MS, " min", 2)):
        if duration_ms >= least * unit_ms:
            return f"{duration_ms // unit_ms}{unit}"
    return f"{max(0, duration_ms) // SECOND_MS} s"


def count_things(number: int, thing: str) -> str:
    """`1 payment`, `2 payments`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def name_some(names: Sequence[str], number: int) -> str:
    """The first of them, and how many more there are."""
    more = number - len(names[:NAMED])
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


async def tell_troubled(ground: Ground, status: str, outcome: Outcome) -> list[Finding]:
    """Tell of the payments of a status that calls a person: how many, for how long, the first of them."""
    found = await look_in(ground, lambda tx: find_at(tx, status))
    if not found.number:
        return [Finding(Outcome.OK, f"None is {status}.")]
    evidence = (
        f"{count_things(found.number, 'payment')}, for up to {spell_age(ground.clock() - found.since_ms)}: "
        f"{name_some(found.ids, found.number)}."
    )
    return [Finding(outcome, evidence)]
