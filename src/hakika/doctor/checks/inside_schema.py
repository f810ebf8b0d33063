"""The database has the schema that this program wants."""

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import Unseen, explain_absence
from hakika.domain.errors import StoreUnavailable
from hakika.engine.aside import run_aside
from hakika.store.migrations import is_known, newest_version
from hakika.store.transaction import Transaction


async def look(ground: Ground) -> list[Finding]:
    """The version that the database names."""
    if ground.store is None:
        raise Unseen(explain_absence(ground))
    if ground.store.find_misplaced():
        raise Unseen("The database file is no longer where it was: see inside.database.")
    newest = await run_aside(newest_version)
    try:
        version = await ground.store.read(_read_version)
    except StoreUnavailable as error:
        if "no such table" not in error.detail:
            raise Unseen("The database does not answer: see inside.database.") from error
        version = ""
    except DBAPIError:  # PostgreSQL's word for a table that is not there
        version = ""
    if version == newest:
        return [Finding(Outcome.OK, f"It is at {version}, the newest that this program knows.")]
    if not version:
        return [Finding(Outcome.FAILED, "That database has no tables of Hakika.")]
    if await run_aside(lambda: is_known(version)):
        return [Finding(Outcome.FAILED, f"It is at {version}, and this program wants {newest}.")]
    cure = "Run the version of Hakika that made it, or a newer one."
    return [Finding(Outcome.FAILED, f"It is at {version}, which this program does not know: it is newer.", cure)]


def _read_version(tx: Transaction) -> str:
    row = tx.one(text("SELECT version_num FROM alembic_version"))
    return str(row[0]) if row else ""


CHECK = Check(
    name="inside.schema",
    area=Area.INSIDE,
    title="The database has the schema that this program wants",
    meaning="The server does not start, or its statements fail: no payment is asked for and no callback is recorded.",
    cure="Run `hakika migrate`, after `hakika backup FILE`; then start the server again.",
    look=look,
)
