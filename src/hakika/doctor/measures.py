"""What alerts need measured outside the store: the certificate at the callback URL, and the disk."""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from hakika.config import NOWHERE
from hakika.database_urls import sqlite_file
from hakika.doctor.chain import read_chain
from hakika.doctor.ground import Ground
from hakika.engine.alerts.lookout import Measures
from hakika.engine.alerts.rule import Certificate, Disk
from hakika.engine.aside import run_aside

DAY_S = 24 * 60 * 60


def build_measures(lay_ground: Callable[[], Ground]) -> Measures:
    """Both, on the ground as it is each time."""

    async def certificate() -> Certificate | None:
        return await measure_certificate(lay_ground())

    async def disk() -> Disk | None:
        ground = lay_ground()
        return await run_aside(lambda: measure_disk(ground))

    return Measures(certificate, disk)


async def measure_certificate(ground: Ground) -> Certificate | None:
    """The certificate's; None where there is none to have, or where nothing answers: that is another matter."""
    origin = ground.callback_origin
    host = urlsplit(origin).hostname or ""
    if not origin.startswith("https://") or origin == NOWHERE:
        return None
    try:
        chain = await read_chain(ground, origin)
    except (OSError, TimeoutError):
        return None
    if not chain.sent:
        return None
    # By the wall's clock, which the authorities go by, also where ours runs faster.
    days_left = (chain.ends_at_ms / 1000 - datetime.now(UTC).timestamp()) / DAY_S
    return Certificate(host, days_left, chain.fault)


def measure_disk(ground: Ground) -> Disk | None:
    """The fullest of the disks that the database and the spool are on; None where none can be measured."""
    found: list[Disk] = []
    for place in (sqlite_file(ground.settings.database_url), ground.settings.data_dir):
        if place is None:
            continue
        try:
            space = ground.disk.measure_space(place)
        except OSError:
            continue
        found.append(Disk(str(place), space.free, space.total))
    return min(found, key=lambda one: one.free_bytes, default=None)
