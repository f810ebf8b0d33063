"""The database can be opened, read and written."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.checks.inside_locks import is_locked
from hakika.doctor.ground import Ground
from hakika.doctor.looking import Unseen, count_things, explain_absence, try_write
from hakika.domain.errors import StoreUnavailable
from hakika.store.alerts.signs import count_accounts


async def look(ground: Ground) -> list[Finding]:
    """Read, then write what stands there already."""
    if ground.store is None:
        if ground.store_trouble:
            return [Finding(Outcome.FAILED, ground.store_trouble)]
        raise Unseen(explain_absence(ground))
    if misplaced := ground.store.find_misplaced():
        return [Finding(Outcome.FAILED, misplaced, "Move it back, or stop the server and restore it.")]
    kind = "SQLite" if ground.settings.is_sqlite else "PostgreSQL"
    try:
        accounts = await ground.store.read(count_accounts)
    except StoreUnavailable as error:
        return [Finding(Outcome.FAILED, f"It cannot be read. {error.detail}")]
    refused = (await try_write(ground, ground.store)).refused
    if is_locked(refused):
        return [Finding(Outcome.OK, f"{kind} can be read; who else writes, inside.locks tells.")]
    if refused:
        cure = "Let this user write it: look at its rights, at its disk (inside.disk), and whether it is a standby."
        return [Finding(Outcome.FAILED, f"It can be read and not written. {refused}", cure)]
    return [Finding(Outcome.OK, f"{kind} reads and writes; it has {count_things(accounts, 'account')}.")]


CHECK = Check(
    name="inside.database",
    area=Area.INSIDE,
    title="The database can be opened, read and written",
    meaning=(
        "No payment is asked for. Callbacks that come are kept in the spool, and nothing that is known is lost; payers "
        "who paid wait until it is back."
    ),
    cure="Check that DATABASE_URL names the right database, that it runs, and that this user may write it.",
    look=look,
)
