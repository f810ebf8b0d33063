"""Each check of the machine and of the server's parts finds its own trouble, alone: disk, clock, spool, workers."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest

from hakika.doctor.disk import FORGETFUL, Disk, Space
from hakika.doctor.ground import Ground
from hakika.engine.desk import Desk
from hakika.engine.spool import Spool
from hakika.engine.tunnel import Tunnel
from tests.doctor.surgery import GoodDisk, find_trouble, look_at
from tests.engine.till import Till

pytestmark = pytest.mark.anyio

MB = 1024 * 1024


@pytest.fixture
def migrated_database_url(sqlite_url: str) -> str:
    """The machine is the same under each database: SQLite is enough."""
    return sqlite_url


@pytest.mark.parametrize(
    ("disk", "outcome", "cure"),
    [
        (GoodDisk(filesystem=min(FORGETFUL)), "failed", "on a disk"),
        (GoodDisk(filesystem="nfs4"), "warning", "disk of this machine"),
        (GoodDisk(sync_ms=250.0), "warning", "quicker disk"),
        (GoodDisk(sync_ms=2_000.0), "failed", "quicker disk"),
        (GoodDisk(sync_ms=0.001), "warning", "write cache"),
    ],
)
async def test_a_disk_that_forgets_or_is_slow(ground: Ground, disk: Disk, outcome: str, cure: str) -> None:
    """In memory, on another machine, slow, or too quick to be true."""
    ground = dataclasses.replace(ground, disk=disk)
    assert await find_trouble(ground) == {"inside.durability": outcome}
    assert cure in (await look_at(ground, "inside.durability")).cure


@pytest.mark.parametrize(("free_mb", "outcome"), [(100, "failed"), (700, "warning")])
async def test_a_disk_that_is_nearly_full(ground: Ground, free_mb: int, outcome: str) -> None:
    """Too little for the spool is a failure; little is a warning."""
    ground = dataclasses.replace(ground, disk=GoodDisk(space=Space(100_000 * MB, free_mb * MB)))
    assert await find_trouble(ground) == {"inside.disk": outcome}
    found = await look_at(ground, "inside.disk")
    assert found.evidence.startswith(f"{free_mb} MB of 100000 MB")
    assert "Free some space" in found.cure


def test_this_machines_own_disk(tmp_path: Path) -> None:
    """Space, a file system's name and a sync can be had of a place that is not made yet."""
    place = tmp_path / "not" / "made" / "hakika.db"
    space = Disk().measure_space(place)
    assert 0 < space.free <= space.total
    assert isinstance(Disk().find_filesystem(place), str)
    assert Disk().measure_sync(place) > 0
    assert list(tmp_path.iterdir()) == []


async def test_a_clock_that_jumped_back(till: Till, ground: Ground) -> None:
    """The newest event was written later than now; or it is before this program was written."""
    await till.prompt()
    ground = dataclasses.replace(ground, clock=lambda: till.clock() - 3 * 3_600_000)
    assert await find_trouble(ground) == {"inside.clock": "failed"}
    found = await look_at(ground, "inside.clock")
    assert ("3 h later" in found.evidence, "timedatectl" in found.cure) == (True, True)
    assert (await look_at(dataclasses.replace(ground, clock=lambda: 1_000), "inside.clock")).outcome == "failed"


# ── the spool, and the server's parts ──────────────────────────────


async def test_callbacks_wait_in_the_spool(till: Till, ground: Ground) -> None:
    """Without a server nobody drains it; with one it is being drained. What is spoiled is for a person."""
    spool = Spool(ground.settings.data_dir / "callbacks.spool")
    spool.append(b"a callback")
    assert await find_trouble(ground) == {"inside.spool": "failed"}
    found = await look_at(ground, "inside.spool")
    assert found.evidence.startswith("1 callback wait")
    assert "within seconds" in found.cure
    desk = Desk(till.ledger, spool.file, till.clock)
    running = dataclasses.replace(ground, live={"desk": desk})
    assert await find_trouble(running) == {"inside.spool": "warning"}
    desk.lost = 2
    assert (await look_at(running, "inside.spool")).evidence.startswith("2 callbacks fitted neither")
    spool.set_aside(b"?", torn=False)
    assert "spoiled" in (await look_at(ground, "inside.spool")).evidence


@pytest.mark.parametrize("part", ["worker", "deliverer", "lookout"])
async def test_a_worker_that_hangs(till: Till, ground: Ground, part: str) -> None:
    """Its loop went round long ago, or never; without a server nobody can tell, and nobody complains."""
    now_ms = till.clock()
    parts = {name: SimpleNamespace(beat_at_ms=now_ms) for name in ("worker", "deliverer", "lookout")}
    assert await find_trouble(dataclasses.replace(ground, live=parts)) == {}
    parts[part].beat_at_ms -= 150_000
    running = dataclasses.replace(ground, live=parts)
    assert await find_trouble(running) == {"inside.workers": "failed"}
    found = await look_at(running, "inside.workers")
    assert (found.subject, "Start the server again" in found.cure) == (part, True)
    assert (await look_at(ground, "inside.workers")).outcome == "skipped"
    silent = dataclasses.replace(ground, silent="The server at http://127.0.0.1:8000 listens and does not answer.")
    assert await find_trouble(silent) == {"inside.workers": "failed"}
    assert "start it again" in (await look_at(silent, "inside.workers")).cure


async def test_a_tunnel_that_is_closed(till: Till, ground: Ground) -> None:
    """Why, since when, and the tunnel's own cure; while it opens it is a warning."""
    tunnel = Tunnel("ngrok", till.clock)
    running = dataclasses.replace(ground, live={"tunnel": tunnel})
    assert await find_trouble(running) == {"inside.tunnel": "warning"}
    tunnel.open("https://abc.ngrok.example", "ngrok")
    assert await find_trouble(running) == {}
    tunnel.close("ngrok ended with code 1", "Start ngrok again.")
    till.clock.pass_s(300)
    assert await find_trouble(running) == {"inside.tunnel": "failed"}
    found = await look_at(running, "inside.tunnel")
    assert found.evidence == "It has been closed for 5 min: ngrok ended with code 1."
    assert found.cure == "Start ngrok again."
