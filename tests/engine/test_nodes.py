"""Several nodes on one database: each payment acted on once, no deadlock that anybody sees, no event missed."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select, text

from hakika.store.payments import PaymentRow
from hakika.store.tables import events, payments
from tests.engine.till import HeldClock, ScriptedDaraja, Till

pytestmark = pytest.mark.anyio

PAYMENTS, ROUNDS = 12, 25


@pytest.fixture
async def nodes(till: Till) -> AsyncIterator[list[Till]]:
    """Four nodes on one database."""
    others = [await Till(till.url, till.clock, till.daraja, seed=seed).open() for seed in (11, 12, 13)]
    yield [till, *others]
    for node in others:
        await node.close()


async def test_two_nodes_never_act_on_the_same_payment(till: Till, second_till: Till, daraja: ScriptedDaraja) -> None:
    """What is due at once is shared out: each payment is pushed once and then queried once."""
    rows = [await till.ask() for _ in range(30)]
    done = sum(await asyncio.gather(till.work(), second_till.work()), Counter[str]())
    assert done == {"pushed": 30}
    assert len({order.callback_url for order in daraja.pushes}) == len(daraja.pushes) == len(rows)
    till.clock.pass_s(10)
    done = sum(await asyncio.gather(till.work(), second_till.work()), Counter[str]())
    assert done == {"queried": 30}
    assert len(set(daraja.queries)) == 30


async def count_deadlocks(node: Till) -> int:
    """How often PostgreSQL had to let one of them fail, in the life of this database."""
    if node.store.dialect.name != "postgresql":
        return 0
    counted = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(await node.store.read(lambda tx: tx.execute(counted).scalar_one()))


async def test_nodes_that_record_about_the_same_payments(nodes: list[Till], daraja: ScriptedDaraja) -> None:
    """Four nodes record evidence about the same payments at once: nobody waits in a circle, and nothing is lost."""
    rows = [await nodes[0].prompt(reference=f"INV-{n // 2}", allow_repeat=False) for n in range(0, PAYMENTS * 2, 2)]
    chance = random.Random(7)  # noqa: S311

    async def record(node: Till, row: PaymentRow) -> None:
        code = chance.choice(["0", "1032", "1037", "7777"])
        token = None if chance.random() < 0.8 else ""
        await node.call_back(row, code, receipt=f"SFF6R{chance.randrange(PAYMENTS):05}", token=token)

    before = await count_deadlocks(nodes[0])
    for _ in range(ROUNDS):
        calls = [record(node, row) for node in nodes for row in chance.sample(rows, 4)]
        await asyncio.gather(*calls)
    assert sum([len(await nodes[0].evidence(row)) for row in rows]) == ROUNDS * 16 + 2 * PAYMENTS
    numbers = await nodes[0].store.read(lambda tx: list(tx.execute(select(events.c.number)).scalars()))
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    taken = await nodes[0].store.read(
        lambda tx: list(tx.execute(select(payments.c.receipt).where(payments.c.receipt != "")).scalars())
    )
    assert len(taken) == len(set(taken))
    assert await count_deadlocks(nodes[0]) == before


async def test_a_reader_with_a_cursor_misses_no_event(nodes: list[Till]) -> None:
    """Who reads on from the last number seen, while four nodes publish, sees every event once and in order."""
    seen: list[int] = []
    done = asyncio.Event()

    async def read_on() -> None:
        while not done.is_set():
            await look()
            await asyncio.sleep(0)
        await look()

    async def look() -> None:
        newer = select(events.c.number).where(events.c.number > (seen[-1] if seen else 0)).order_by(events.c.number)
        seen.extend(await nodes[0].store.read(lambda tx: list(tx.execute(newer).scalars())))

    async def ask_often(node: Till, name: str) -> None:
        for number in range(25):
            await node.ask(reference=f"{name}-{number}", phone=f"07{name}{number:06}")

    reading = asyncio.ensure_future(read_on())
    await asyncio.gather(*(ask_often(node, str(10 + place)) for place, node in enumerate(nodes)))
    done.set()
    await reading
    assert seen == list(range(1, 101))


async def test_a_node_that_stops_leaves_its_work_to_another(
    till: Till, second_till: Till, clock: HeldClock, daraja: ScriptedDaraja
) -> None:
    """What a dead node had taken is due again for others when its lease ends."""
    row = await till.ask()
    await till.worker._claim()
    assert await second_till.work() == {}
    clock.pass_s(60)
    assert await second_till.work() == {"pushed": 1}
    assert (await till.read(row.id)).stage == "prompted"
    assert len(daraja.pushes) == 1


async def test_a_worker_runs_until_it_is_stopped(till: Till) -> None:
    """The loop pushes what is asked while it runs, beats, and ends when it is cancelled."""
    till.clock.patience = 10**9  # no time passes, however slow the machine: a prompt a minute late is not sent
    running = asyncio.ensure_future(till.worker.run())
    while not till.worker.beat_at_ms:  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0)
    row = await till.ask()
    for _ in range(5_000):
        await asyncio.sleep(0)
        if (await till.read(row.id)).stage == "prompted":
            break
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await till.read(row.id)).stage == "prompted"
    assert till.worker.beat_at_ms > 0
    assert len(till.daraja.pushes) == 1
