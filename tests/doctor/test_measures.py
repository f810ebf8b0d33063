"""What alerts have measured: the certificate in a real handshake, the fullest disk; nothing where there is nothing."""

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hakika.config import NOWHERE
from hakika.doctor.disk import Space
from hakika.doctor.ground import Ground
from hakika.doctor.measures import build_measures, measure_certificate
from hakika.engine.alerts.rule import Disk
from tests.doctor.street import HOST, Authority, Street, open_street
from tests.doctor.surgery import GoodDisk

pytestmark = pytest.mark.anyio


async def test_a_certificate_has_days_left(street: Street) -> None:
    """As the handshake shows it, of the origin that the next push would carry."""
    measured = await measure_certificate(street.ground)
    assert measured is not None
    assert (measured.host, measured.trouble) == (HOST, "")
    assert measured.days_left > 14


async def test_a_certificate_that_expired_is_trouble(sqlite_url: str, tmp_path: Path, authority: Authority) -> None:
    """It says why it is not accepted."""
    context = authority.serve(not_after=datetime.now(UTC) - timedelta(days=1))
    async with open_street(sqlite_url, tmp_path, authority, tls=context) as broken:
        measured = await measure_certificate(broken.ground)
    assert measured is not None
    assert "expired on" in measured.trouble
    assert measured.days_left < 0


@pytest.mark.parametrize("origin", [NOWHERE, "http://pay.duka.example", "https://nobody.invalid"])
async def test_where_there_is_none_nothing_is_measured(ground: Ground, origin: str) -> None:
    """Nothing opens and nothing closes by that."""
    assert await measure_certificate(dataclasses.replace(ground, callback_origin=origin)) is None


async def test_the_fullest_disk_counts(ground: Ground) -> None:
    """Of those that the database and the spool are on."""
    full = dataclasses.replace(ground, disk=GoodDisk(space=Space(100 << 20, 3 << 20)))
    measured = await build_measures(lambda: full).disk()
    assert measured is not None
    assert measured == Disk(measured.path, 3 << 20, 100 << 20)
