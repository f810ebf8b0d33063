"""There is room on the disk for the database and the spool."""

from collections.abc import Iterator
from pathlib import Path

from hakika.database_urls import sqlite_file
from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.engine.aside import run_aside

MB = 1024 * 1024
LITTLE, TOO_LITTLE = 1024 * MB, 256 * MB  # the second is what the spool may take
LITTLE_SHARE = 0.05


async def look(ground: Ground) -> list[Finding]:
    """Free space, where the database and where the spool are."""
    return await run_aside(lambda: list(_judge(ground)))


def _judge(ground: Ground) -> Iterator[Finding]:
    file, folder = sqlite_file(ground.settings.database_url), ground.settings.data_dir
    for whose, place in (("database", file), ("data directory", folder)):
        if place is not None and not (whose == "data directory" and file is not None and _together(file, folder)):
            yield _measure(ground, place, whose)


def _together(file: Path, folder: Path) -> bool:
    return file.absolute().parent in {folder.absolute(), folder.absolute().parent}


def _measure(ground: Ground, place: Path, whose: str) -> Finding:
    try:
        space = ground.disk.measure_space(place)
    except OSError as error:
        return Finding(Outcome.UNKNOWN, f"{place} cannot be measured: {error.strerror}.", subject=whose)
    evidence = f"{space.free // MB} MB of {space.total // MB} MB are free at {place}."
    if space.free < TOO_LITTLE:
        return Finding(Outcome.FAILED, evidence, subject=whose)
    if space.free < min(LITTLE, space.total * LITTLE_SHARE):
        return Finding(Outcome.WARNING, evidence, subject=whose)
    return Finding(Outcome.OK, evidence, subject=whose)


CHECK = Check(
    name="inside.disk",
    area=Area.INSIDE,
    title="There is room on the disk",
    meaning=(
        "Once it is full nothing is stored: no payment is asked for, and callbacks find no room in the spool either. "
        "Payments then end by queries, once there is room."
    ),
    cure="Free some space there, or move the database or HAKIKA_DATA_DIR to a larger disk.",
    look=look,
)
