"""Nobody else holds the database for long."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import STUCK, Unseen, explain_absence, look_in, try_write
from hakika.store.alerts.signs import list_waits

SLOW_MS = 1_000
IDLE_S = 60  # a transaction that does nothing for so long was forgotten
SIGNS = ("locked", "lock timeout", STUCK)


def is_locked(said: str) -> bool:
    """Whether a database refused because somebody else holds it."""
    return any(sign in said for sign in SIGNS)


async def look(ground: Ground) -> list[Finding]:
    """How long a write waits, and what PostgreSQL says of who waits for whom."""
    if ground.store is None:
        raise Unseen(explain_absence(ground))
    took_ms, refused = await try_write(ground, ground.store)
    if is_locked(refused):
        return [Finding(Outcome.FAILED, f"A write waited {took_ms / 1000:.1f} s for another program. {refused}")]
    if refused:
        raise Unseen("The database takes no write at all: see inside.database.")
    waits = [] if ground.settings.is_sqlite else await look_in(ground, lambda tx: list_waits(tx, IDLE_S))
    if waits:
        cure = "End what holds the lock (`SELECT pg_terminate_backend(PID)`), and have its program commit sooner."
        return [Finding(Outcome.WARNING, " ".join(f"Process {wait}." for wait in waits), cure)]
    if took_ms > SLOW_MS:
        return [Finding(Outcome.WARNING, f"A write that changes nothing took {took_ms:.0f} ms.")]
    return [Finding(Outcome.OK, f"A write that changes nothing took {took_ms:.0f} ms.")]


CHECK = Check(
    name="inside.locks",
    area=Area.INSIDE,
    title="Nobody else holds the database",
    meaning=(
        "Nothing can be stored while it lasts: no payment is asked for, and callbacks go to the spool, from which they "
        "are taken afterwards."
    ),
    cure=(
        "End the program that has the database open: a shell, a backup by copying, a second server. Back up with "
        "`hakika backup`, which holds nobody up."
    ),
    look=look,
)
