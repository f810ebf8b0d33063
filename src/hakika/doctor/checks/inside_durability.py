"""What the database says is stored survives a power cut, and does not take long."""

from pathlib import Path

from hakika.database_urls import sqlite_file
from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.disk import FORGETFUL, REMOTE
from hakika.doctor.ground import Ground
from hakika.doctor.looking import look_in
from hakika.engine.aside import run_aside
from hakika.store.alerts.signs import read_durability

SLOW_MS, FAR_TOO_SLOW_MS = 100.0, 1_000.0
UNREAL_MS = 0.005  # nothing that keeps anything is as quick as this
WANTED = {
    "synchronous": {"2", "3"},  # SQLite: FULL, EXTRA
    "journal_mode": {"wal"},
    "fsync": {"on"},
    "full_page_writes": {"on"},
    "synchronous_commit": {"on", "remote_apply"},
}
QUICKER = {"full_page_writes"}
"""Not needed where the file system itself never tears a page: so it is a warning."""


async def look(ground: Ground) -> list[Finding]:
    """The database's own settings; the file system; and how long a sync takes."""
    found = [_judge_setting(name, value) for name, value in await look_in(ground, read_durability)]
    wrong = [finding for finding in found if finding is not None]
    if wrong:
        return wrong
    file = sqlite_file(ground.settings.database_url)
    place = file if file is not None else ground.settings.data_dir
    return [await run_aside(lambda: _judge_disk(ground, place, "the database" if file else "the spool"))]


def _judge_setting(name: str, value: str) -> Finding | None:
    if value.lower() in WANTED[name]:
        return None
    evidence = f"The database says {name} = {value}: what it calls stored may be lost with the power."
    cure = f"Set {name} = {'full' if name == 'synchronous' else 'on'} in the database, for all that Hakika stores."
    return Finding(Outcome.WARNING if name in QUICKER else Outcome.FAILED, evidence, cure)


def _judge_disk(ground: Ground, place: Path, whose: str) -> Finding:
    kind = ground.disk.find_filesystem(place)
    if kind in FORGETFUL:
        cure = f"Put {whose} on a disk: DATABASE_URL and HAKIKA_DATA_DIR say where."
        return Finding(Outcome.FAILED, f"{place} is in memory ({kind}): a power cut takes all of it.", cure)
    if kind in REMOTE:
        cure = "Put it on a disk of this machine, or use PostgreSQL."
        return Finding(Outcome.WARNING, f"{place} is on another machine ({kind}), whose locks and syncs may lie.", cure)
    try:
        took_ms = ground.disk.measure_sync(place)
    except OSError as error:
        return Finding(Outcome.UNKNOWN, f"Nothing can be tried beside {place}: {error.strerror}.")
    on = f" on {kind}" if kind else ""
    evidence = f"A sync{on} takes {took_ms:.2g} ms." if took_ms < 1 else f"A sync{on} takes {took_ms:.0f} ms."
    if took_ms < UNREAL_MS:
        cure = "Look whether the disk's or the virtual machine's write cache is told to ignore syncs."
        return Finding(Outcome.WARNING, f"{evidence} No disk is so quick: it may not happen at all.", cure)
    if took_ms > SLOW_MS:
        cure = f"Put {whose} on a quicker disk: every commit waits so long. Look who else keeps this one busy."
        return Finding(Outcome.FAILED if took_ms > FAR_TOO_SLOW_MS else Outcome.WARNING, evidence, cure)
    return Finding(Outcome.OK, evidence)


CHECK = Check(
    name="inside.durability",
    area=Area.INSIDE,
    title="What is stored survives a power cut",
    meaning=(
        "A callback that was answered may be forgotten with the power; queries then find the payment's end, without "
        "its receipt. A slow disk makes everybody wait, and callbacks that wait a second go to the spool."
    ),
    cure="Keep the database on a disk of this machine that honours syncs, with the database's own safety on.",
    look=look,
)
