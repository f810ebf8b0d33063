"""Webhooks a second from one process, on SQLite: to receivers that answer, and with as many beside them that hang.

Each delivery is taken from the database under a lease, signed, posted, answered 200 and recorded with its log line.
The receiver is a process of its own on the same machine.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from sqlalchemy import func, select

from hakika.engine.clock import Clock
from hakika.engine.ids import count_ids, system_entropy
from hakika.engine.vault import Vault, make_key
from hakika.engine.webhooks.addresses import read_rule
from hakika.engine.webhooks.deliver import Deliverer
from hakika.engine.webhooks.endpoints import Endpoints
from hakika.engine.webhooks.outbound import open_sender
from hakika.engine.webhooks.samples import sample_payment
from hakika.store.events import EventRow, EventStatements, publish
from hakika.store.migrations import upgrade
from hakika.store.opening import Store, open_store
from hakika.store.tables import deliveries
from hakika.store.transaction import Transaction

ROUNDS = 3
HEALTHY = 10  # endpoints
LOOK_EVERY_S = 0.1  # the look reads all rows: not too often
EVENTS = 1_500  # each of them gets all


def measure_webhooks() -> dict[str, Any]:
    """Measure. → rates and their ratio."""
    healthy, beside = [], []
    with _receiving() as port:
        for _ in range(ROUNDS):
            healthy.append(uvloop.run(_measure(port, hanging=0)))
            beside.append(uvloop.run(_measure(port, hanging=HEALTHY)))
    return {
        "endpoints": HEALTHY,
        "per_second": round(statistics.median(healthy)),
        "per_second_beside_as_many_that_hang": round(statistics.median(beside)),
        # Of neighbouring rounds: what else the machine does changes slower than that.
        "share_kept": round(statistics.median(b / a for a, b in zip(healthy, beside, strict=True)), 3),
    }


async def _measure(port: int, hanging: int) -> float:
    with tempfile.TemporaryDirectory(prefix="hakika-bench-") as folder:
        url = f"sqlite:///{folder}/hakika.db"
        upgrade(url)
        store, clock, rule = open_store(url), Clock(), read_rule((), loopback=True)
        endpoints = Endpoints(Vault(make_key()), rule, clock, system_entropy)
        try:
            paths = [f"/{place}" for place in range(HEALTHY)] + [f"/hang{place}" for place in range(hanging)]
            for path in paths:
                await store.write(partial(_add, endpoints, f"http://127.0.0.1:{port}{path}"))
            await store.write(lambda tx: _publish(tx, EventStatements(store.dialect), clock()))
            async with open_sender(rule) as sender:
                return await _deliver(store, Deliverer(store, endpoints, sender, clock, system_entropy))
        finally:
            await store.close()


def _add(endpoints: Endpoints, url: str, tx: Transaction) -> None:
    endpoints.create(tx, "test", url, (), "")


def _publish(tx: Transaction, statements: EventStatements, now_ms: int) -> None:
    ids, snapshot = (
        count_ids("evt", now_ms, system_entropy),
        msgspec.json.encode(sample_payment("payment.completed", "test", now_ms)).decode(),
    )
    rows = [EventRow(0, next(ids), "pay_1", "payment.completed", 1, now_ms, snapshot) for _ in range(EVENTS)]
    publish(tx, statements, rows)


async def _deliver(store: Store, deliverer: Deliverer) -> float:
    """→ deliveries a second, from the start until the last one to a healthy endpoint is recorded."""
    started = time.perf_counter()
    running = asyncio.create_task(deliverer.run())
    while await store.read(_count_delivered) < HEALTHY * EVENTS:
        assert not running.done(), running
        await asyncio.sleep(LOOK_EVERY_S)
    took_s = time.perf_counter() - started
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return HEALTHY * EVENTS / took_s


def _count_delivered(tx: Transaction) -> int:
    return int(tx.execute(select(func.count()).where(deliveries.c.status == "delivered")).scalar() or 0)


@contextmanager
def _receiving() -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.receiver"], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait(10)
