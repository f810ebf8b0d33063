"""The spool: what came while the database was away is not lost, and not doubled."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hakika.domain.errors import StoreUnavailable
from hakika.engine.case import Evidence, Recorded
from hakika.engine.spool import Spool
from tests.api.house import ACCEPTED, Open, result

pytestmark = pytest.mark.anyio


class Outage:
    """The ledger's `submit`, which fails while the database is away."""

    def __init__(self, hakika: Open, monkeypatch: pytest.MonkeyPatch) -> None:
        self._submit = hakika.house.ledger.submit
        self.error: Exception | None = StoreUnavailable("gone")
        self.left = 0  # how many still work before it fails
        monkeypatch.setattr(hakika.house.ledger, "submit", self.submit)

    def submit(self, evidence: Evidence) -> asyncio.Future[Recorded]:
        """See Ledger.submit."""
        if self.error and not self.left:
            raise self.error
        self.left = max(0, self.left - 1)
        return self._submit(evidence)

    def end(self) -> None:
        """The database is back."""
        self.error = None


def spool_of(hakika: Open) -> Path:
    """Where this house's spool lies."""
    return hakika.house.settings.data_dir / "callbacks.spool"


async def test_what_came_in_an_outage_is_recorded_with_its_time(hakika: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 at once, fsynced; drained an hour later as evidence of the moment at which it came."""
    synced: list[int] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(descriptor)
        fsync(descriptor)

    payment, path = await hakika.prompt()
    outage = Outage(hakika, monkeypatch)
    monkeypatch.setattr(os, "fsync", note)
    came_at_ms = hakika.clock.now_ms
    assert (await hakika.post(path, result("ws_CO_1"))).content == ACCEPTED
    assert len(synced) == 2, "the file and, as it is new, its directory"
    assert (await hakika.checks())["spooled_callbacks"] == 1
    with pytest.raises(StoreUnavailable):
        await hakika.house.desk.drain()
    outage.end()
    hakika.clock.pass_s(3600)
    assert await hakika.house.desk.drain() == 1
    assert (await hakika.read(payment["id"]))["status"] == "completed"
    told = next(one for one in await hakika.timeline(payment["id"]) if one["kind"] == "callback")
    assert told["reading"]["at"] < told["at"]
    assert came_at_ms < hakika.clock.now_ms
    assert (await hakika.checks())["spooled_callbacks"] == 0


async def test_an_interrupted_drain_loses_and_doubles_nothing(hakika: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the record and the unlink, the next drain records the same again: copies, no second event."""
    paid = [await hakika.prompt(reference=f"order-{n}", phone=f"25471234567{n}") for n in range(1, 5)]
    outage = Outage(hakika, monkeypatch)
    for number, (_, path) in enumerate(paid, 1):
        await hakika.post(path, result(f"ws_CO_{number}", receipt=f"NLJ7RT610{number}"))
    outage.left = 2
    with pytest.raises(StoreUnavailable):
        await hakika.house.desk.drain()
    outage.end()
    assert (await hakika.checks())["spooled_callbacks"] == 4
    unlink = Path.unlink
    monkeypatch.setattr(Path, "unlink", _die)
    with pytest.raises(KeyboardInterrupt):
        await hakika.house.desk.drain()
    monkeypatch.setattr(Path, "unlink", unlink)
    assert await hakika.house.desk.drain() == 4
    for payment, _ in paid:
        assert (await hakika.read(payment["id"]))["status"] == "completed"
        assert (await hakika.events(payment["id"]))["payment.completed"] == 1
    assert not list(spool_of(hakika).parent.glob("*.draining"))


def _die(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


async def test_a_torn_line_spoils_no_other(hakika: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a crash left half written is set aside; what was appended to it afterwards is recorded."""
    payment, path = await hakika.prompt()
    spool_of(hakika).parent.mkdir(exist_ok=True)
    spool_of(hakika).write_bytes(b'\n{"body":"eyJCb2R5Ijp7InN0a0NhbGxiYWNrIjp7')
    outage = Outage(hakika, monkeypatch)
    await hakika.post(path, result("ws_CO_1"))
    outage.end()
    assert await hakika.house.desk.drain() == 1
    assert (await hakika.read(payment["id"]))["status"] == "completed"
    assert spool_of(hakika).with_suffix(".torn").read_bytes().count(b'{"body"') == 1
    assert not spool_of(hakika).with_suffix(".spoiled").exists()
    assert (await hakika.checks())["spoiled_callbacks"] == 0


async def test_a_line_that_can_never_be_recorded_stops_no_other(hakika: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is set aside and counted: one poisoned callback must not keep all later ones in the spool for ever."""
    payment, path = await hakika.prompt()
    outage = Outage(hakika, monkeypatch)
    await hakika.post("/mpesa/callback", b"poison")
    await hakika.post(path, result("ws_CO_1"))
    outage.end()
    submit = hakika.house.ledger.submit

    def choke(evidence: Evidence) -> asyncio.Future[Recorded]:
        if evidence.raw == b"poison":
            raise ZeroDivisionError
        return submit(evidence)

    monkeypatch.setattr(hakika.house.ledger, "submit", choke)
    assert await hakika.house.desk.drain() == 1
    assert (await hakika.read(payment["id"]))["status"] == "completed"
    checks = await hakika.checks()
    assert (checks["spoiled_callbacks"], checks["spooled_callbacks"]) == (1, 0)


async def test_a_slow_database_keeps_no_callback_waiting(hakika: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spooled when a second has passed, and answered; what the database was asked meanwhile is a copy of the same."""
    payment, path = await hakika.prompt()
    write, held = hakika.house.store.write, asyncio.Event()

    async def write_later(job: Any) -> Any:
        await held.wait()
        return await write(job)

    monkeypatch.setattr(hakika.house.store, "write", write_later)
    monkeypatch.setattr("hakika.engine.patience.LASTS_S", 0.01)
    assert (await hakika.post(path, result("ws_CO_1"))).content == ACCEPTED
    assert spool_of(hakika).read_bytes().count(b'{"body"') == 1
    held.set()
    monkeypatch.setattr("hakika.engine.patience.LASTS_S", 60)
    assert await hakika.house.desk.drain() == 1
    assert (await hakika.read(payment["id"]))["status"] == "completed"
    kept = [one for one in await hakika.timeline(payment["id"]) if one["kind"] == "callback"]
    assert len(kept) == 1
    assert (await hakika.events(payment["id"]))["payment.completed"] == 1


async def test_without_a_disk_it_is_accepted_and_counted(hakika: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither database nor spool: 200 all the same, and /ready counts what was lost."""
    payment, path = await hakika.prompt()
    Outage(hakika, monkeypatch)
    hakika.house.settings.data_dir.mkdir(exist_ok=True)
    spool_of(hakika).mkdir()
    assert (await hakika.post(path, result("ws_CO_1"))).content == ACCEPTED
    spool_of(hakika).rmdir()
    assert (await hakika.checks())["lost_callbacks"] == 1
    assert (await hakika.read(payment["id"]))["status"] == "pending"


def test_concurrent_appends_do_not_interleave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even when the system writes a hundred bytes at a time."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, bytes(content[:100])))
    spool = Spool(tmp_path / "callbacks.spool")
    lines = {bytes([97 + number]) * (500 + number) for number in range(24)}
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(spool.append, lines))
    assert spool.count() == len(lines)
    with spool.draining() as taken:
        assert set(taken) == lines
    assert spool.count() == 0


def test_nothing_is_appended_to_what_was_read(tmp_path: Path) -> None:
    """Appends during a drain go to a new file, and survive its end; of two drains one takes everything."""
    spool = Spool(tmp_path / "callbacks.spool")
    spool.append(b"early")
    with spool.draining() as taken:
        assert list(taken) == [b"early"]
        spool.append(b"meanwhile")
        with Spool(spool.file).draining() as others:
            assert list(others) == []
    with spool.draining() as taken:
        assert list(taken) == [b"meanwhile"]


async def test_a_drain_and_appends_race_without_loss(hakika: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred callbacks while the database comes and goes: each is recorded once."""
    outage = Outage(hakika, monkeypatch)
    posts = [hakika.post("/mpesa/callback", result(f"ws_CO_stranger_{number}")) for number in range(200)]

    async def flicker() -> None:
        for _ in range(10):
            outage.end()
            await hakika.house.desk.drain()
            outage.error = StoreUnavailable("gone")
            await asyncio.sleep(0)

    await asyncio.gather(flicker(), *posts)
    outage.end()
    await hakika.house.desk.drain()
    checks = await hakika.checks()
    assert (checks["quarantined"], checks["spooled_callbacks"]) == (200, 0)
