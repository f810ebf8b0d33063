"""One server process on SQLite; on PostgreSQL as many as are started."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground

WORKERS = ("UVICORN_WORKERS", "GUNICORN_CMD_ARGS")


async def look(ground: Ground) -> list[Finding]:
    """How many processes the surroundings ask for."""
    settings, asked = ground.settings, ground.settings.web_concurrency
    if asked > 1 and settings.is_sqlite:
        evidence = f"WEB_CONCURRENCY is {asked}, and SQLite has one writer process."
        return [Finding(Outcome.FAILED, evidence)]
    others = [name for name in WORKERS if ground.environ.get(name)]
    if others:
        evidence = f"{', '.join(others)} is set: `hakika serve` is one process and does not hear it."
        return [Finding(Outcome.WARNING, evidence, "Remove it; start `hakika serve` several times on PostgreSQL.")]
    kind = "SQLite, which one process writes" if settings.is_sqlite else "PostgreSQL, which any number may share"
    return [Finding(Outcome.OK, f"One process, on {kind}.")]


CHECK = Check(
    name="settings.processes",
    area=Area.SETTINGS,
    title="As many server processes as the database takes",
    meaning="The server refuses to start: two writers on one SQLite file would wait for each other for seconds.",
    cure="Set WEB_CONCURRENCY=1, or use PostgreSQL and start several servers on it (docs/running.md).",
    look=look,
)
