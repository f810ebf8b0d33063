"""The feed: whoever follows gets every event once, in order; from this process at once, from others on being told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from hakika.domain.errors import StoreUnavailable
from hakika.engine.clock import Clock
from hakika.engine.conclusion import make_event
from hakika.engine.live.feed import HELD, PAGE, Feed, Published, Wanted
from hakika.engine.live.notices import CHANGES_KEPT, Notices
from hakika.store.events import EventRow, EventSearch, find_event, publish, read_head, search_events
from hakika.store.payments import PaymentRow
from tests.engine.till import START_MS, Till

pytestmark = pytest.mark.anyio

WRITERS, BATCHES, BATCH = 6, 20, 5
EVERY = Wanted(types=("*",))


class SilentClock(Clock):
    """No time passes: what is not told is not found."""

    def __call__(self) -> int:
        """The time now."""
        return START_MS

    async def wait_for(self, event: asyncio.Event, _: float) -> bool:
        """Wait for the event alone."""
        return await event.wait()


async def gather_messages(feed: Feed, cursor: int, count: int, wanted: Wanted = EVERY) -> list[Published]:
    """Follow from a number on until so many messages came."""
    got: list[Published] = []
    with feed.subscribe(cursor, wanted) as subscription:
        async for message in subscription.follow(1_000):
            got += [message] if message else []
            if len(got) >= count:
                break
    return got


async def publish_some(till: Till, row: PaymentRow, count: int, kind: str = "payment.updated") -> list[EventRow]:
    """Publish that many events in one transaction."""
    around = till.ledger.surroundings()
    made = [make_event(row, kind, around) for _ in range(count)]
    while True:
        # On SQLite there is one writer; six processes at once, as here, wait for its lock, and may wait too long.
        with contextlib.suppress(StoreUnavailable):
            return await till.store.write(lambda tx: publish(tx, till.ledger.statements.events, made))


@pytest.fixture
async def silent(till: Till) -> AsyncIterator[Feed]:
    """A running feed on the till's store that is never woken by time."""
    feed = Feed(till.store, till.notices, SilentClock())
    running = asyncio.ensure_future(feed.run())
    yield feed
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_reader_with_a_cursor_misses_nothing_of_several_writers(till: Till) -> None:
    """Six nodes publish at once, one number a transaction or several: who follows sees each number once, in order.

    Numbers are given at the insert and become visible at the commit: the counter's lock keeps both in one order.
    """
    row = await till.ask()
    nodes = [await Till(till.url, till.clock, till.daraja, seed=seed).open() for seed in range(21, 21 + WRITERS)]
    total = 1 + WRITERS * BATCHES * BATCH
    running = asyncio.ensure_future(till.feed.run())
    reading = asyncio.ensure_future(gather_messages(till.feed, 0, total))

    async def write(node: Till) -> None:
        for _ in range(BATCHES):
            await publish_some(node, row, BATCH)

    await asyncio.gather(*(write(node) for node in nodes))
    got = await asyncio.wait_for(reading, 60)
    assert [message.number for message in got] == list(range(1, total + 1))
    running.cancel()
    await asyncio.gather(running, *(node.close() for node in nodes), return_exceptions=True)


async def test_what_this_process_commits_is_handed_on_without_reading(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger's batches and the cashier's new payments go out as they were committed: nothing is read for it."""
    await till.feed.look()
    with till.feed.subscribe(0, EVERY) as subscription:
        following = subscription.follow(1_000)
        first = await till.prompt()
        monkeypatch.setattr(till.feed, "read", None)
        await till.call_back(first)
        await till.ask()
        got = [message for message in [await anext(following) for _ in range(3)] if message]
    assert [(message.number, message.type) for message in got] == [
        (1, "payment.created"), (2, "payment.completed"), (3, "payment.created"),
    ]  # fmt: skip


async def test_batches_that_are_told_out_of_order_go_out_in_order(till: Till) -> None:
    """PostgreSQL commits two batches at a time: the later may be told of first."""
    row = await till.ask()
    await till.feed.look()
    batches = [await publish_some(till, row, 3) for _ in range(3)]
    with till.feed.subscribe(1, EVERY) as subscription:
        following = subscription.follow(1_000)
        for batch in (batches[2], batches[1], batches[0]):
            till.notices.tell_events(batch)
        got = [await anext(following) for _ in range(9)]
    assert [message.number for message in got if message] == list(range(2, 11))
    assert till.feed._early == {}


async def test_a_gap_is_read_from_the_log(till: Till, silent: Feed) -> None:
    """What another node published before is read at once when a number is missing, without waiting for time."""
    row = await till.ask()
    with silent.subscribe(1, EVERY) as subscription:
        following = subscription.follow(1_000)
        waiting = asyncio.ensure_future(anext(following))
        await publish_some(till, row, 2)  # nobody is told
        till.notices.tell_events(await publish_some(till, row, 1))
        got = [await asyncio.wait_for(waiting, 10), *[await anext(following) for _ in range(2)]]
    assert [message.number for message in got if message] == [2, 3, 4]


async def test_who_is_slow_reads_on_from_the_log(till: Till) -> None:
    """Nothing is kept for one who does not come for it: it holds a bounded number of messages, and misses none."""
    row = await till.ask()
    await till.feed.look()
    with till.feed.subscribe(1, EVERY) as subscription:
        following = subscription.follow(1_000)
        for _ in range(PAGE // 10 * 3):
            till.notices.tell_events(await publish_some(till, row, 10))
            assert len(subscription._held) <= HELD
        got = [await anext(following) for _ in range(PAGE * 3)]
    assert [message.number for message in got if message] == list(range(2, PAGE * 3 + 2))


async def test_who_falls_behind_while_catching_up_misses_none(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """More is published while a page of the log is read than is held for one: that too is read from the log."""
    row = await till.ask()
    till.notices.tell_events(await publish_some(till, row, 2))
    await till.feed.look()
    read, bursts = till.feed.read, iter((HELD + 6, HELD * 2 + 5, 1))

    async def read_amid_a_burst(after: int, upto: int, wanted: Wanted) -> list[EventRow]:
        page = await read(after, upto, wanted)
        for _ in range(next(bursts, 0)):
            till.notices.tell_events(await publish_some(till, row, 1))
        return page

    monkeypatch.setattr(till.feed, "read", read_amid_a_burst)
    total = 3 + HELD * 3 + 12
    with till.feed.subscribe(0, EVERY) as subscription:
        following = subscription.follow(1_000)
        got = [await anext(following) for _ in range(total)]
    assert [message.number for message in got if message] == list(range(1, total + 1))


async def test_who_is_let_go_while_catching_up_is_shown_no_later_event(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server stops amid a page of the log: what came later is not told, for its cursor would hide the rest."""
    row = await till.ask()
    till.notices.tell_events(await publish_some(till, row, PAGE + 10))
    await till.feed.look()
    read, bursts = till.feed.read, [1, HELD + 1]  # a few that are held, and more than are held

    async def read_amid_the_end(after: int, upto: int, wanted: Wanted) -> list[EventRow]:
        page = await read(after, upto, wanted)
        for _ in range(bursts.pop()):
            till.notices.tell_events(await publish_some(till, row, 1))
        till.notices.end()
        return page

    monkeypatch.setattr(till.feed, "read", read_amid_the_end)
    while bursts:
        with till.feed.subscribe(0, EVERY) as subscription:
            got = [message.number async for message in subscription.follow(1_000) if message]
        assert got == list(range(1, PAGE + 1))


async def test_only_what_is_wanted_comes(till: Till) -> None:
    """One mode, some types; probes only by name; live or from the log alike."""
    row = await till.ask()
    for kind in ("payment.failed", "test.ping", "payment.updated"):
        till.notices.tell_events(await publish_some(till, row, 1, kind))
    cases = {
        Wanted(): ["payment.created", "payment.failed", "payment.updated"],
        Wanted("test", ("payment.failed", "test.*")): ["payment.failed", "test.ping"],
        Wanted("live"): [],
        Wanted(types=("test.ping",)): ["test.ping"],
    }
    for wanted, types in cases.items():
        await till.feed.look()
        old = await gather_messages(till.feed, 0, len(types), wanted) if types else []
        assert [message.type for message in old] == types
        with till.feed.subscribe(0, wanted) as subscription:
            kinds = ("payment.created", "payment.failed", "test.ping", "payment.updated")
            assert [kind for kind in kinds if subscription.wants(_of(kind))] == types


def _of(kind: str) -> EventRow:
    return EventRow(1, "evt_1", "pay_1", kind, 1, START_MS, "{}", "test")


async def test_stages_come_on_request_and_are_no_events(till: Till) -> None:
    """Queued, sending, prompted: told to whoever asks for them, without a number; the log has none of them."""
    await till.feed.look()
    with till.feed.subscribe(0, Wanted(stages=True)) as with_stages, till.feed.subscribe(0, Wanted()) as without:
        following, plain = with_stages.follow(1_000), without.follow(1_000)
        row = await till.prompt()
        await till.call_back(row)
        got = [await anext(following) for _ in range(4)]
        few = [await anext(plain) for _ in range(2)]
    told = [(message.type, message.number) for message in got if message]
    assert told == [("payment.created", 1), ("payment.stage", 0), ("payment.stage", 0), ("payment.completed", 2)]
    assert [message.type for message in few if message] == ["payment.created", "payment.completed"]
    assert await till.store.read(lambda tx: read_head(tx).number) == 2


async def test_when_nobody_follows_nothing_is_read(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """The feed keeps its place in the log by the counter alone."""
    row = await till.ask()
    monkeypatch.setattr("hakika.engine.live.feed.search_events", None)
    await publish_some(till, row, 5)
    await till.feed.look()
    assert till.feed.number == 6


async def test_the_log_is_found_though_nobody_tells(till: Till) -> None:
    """A lost notification costs a second, not an event."""
    row = await till.ask()
    running = asyncio.ensure_future(till.feed.run())
    reading = asyncio.ensure_future(gather_messages(till.feed, 1, 1))
    await publish_some(till, row, 1)
    assert [message.number for message in await reading] == [2]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_store_that_is_away_ends_no_feed(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks again a second later."""
    calls, read = 0, till.store.read

    async def fail_twice(job: object) -> object:
        nonlocal calls
        calls += 1
        if calls <= 2:
            raise StoreUnavailable("away") if calls == 1 else RuntimeError("broken")
        return await read(job)  # type: ignore[arg-type]

    await till.ask()
    monkeypatch.setattr(till.store, "read", fail_twice)
    running = asyncio.ensure_future(till.feed.run())
    while till.feed.number == 0:  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_wait_on_one_node_is_answered_by_a_callback_at_another(
    till: Till, second_till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By NOTIFY, on PostgreSQL: no time passes on the waiting node, so nothing was polled. Stages come as well."""
    if till.store.dialect.name == "sqlite":
        return  # one process: there is no other node
    feed = Feed(second_till.store, second_till.notices, SilentClock())
    second_till.clock.patience = 10**9
    heard = asyncio.Event()

    def hear(message: str) -> None:
        heard.set()
        Feed.hear(feed, message)

    monkeypatch.setattr(feed, "hear", hear)
    running = asyncio.ensure_future(feed.run())
    await asyncio.wait_for(heard.wait(), 10)  # it listens
    asked = await till.ask()
    with second_till.notices.watch(asked.id) as watch:
        waiting = asyncio.ensure_future(second_till.cashier.wait(asked.id, 10**12))
        await till.worker.run_once()
        stages = {"queued"}
        while not stages & {"sending", "prompted"}:
            await asyncio.wait_for(watch.changed.wait(), 10)
            stages = {row.stage for row, _ in watch.take()}
        await till.call_back(await till.read(asked.id))
        assert (await asyncio.wait_for(waiting, 10)).status == "completed"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_listening_connection_that_breaks_is_opened_again(till: Till) -> None:
    """And whoever listens is told that something may have been missed."""
    if till.store.dialect.name == "sqlite":
        return
    heard: asyncio.Queue[str] = asyncio.Queue()
    listening = asyncio.ensure_future(till.store.listen(heard.put_nowait))
    assert await asyncio.wait_for(heard.get(), 10) == ""
    other = await Till(till.url, till.clock, till.daraja, seed=9).open()
    await other.store.write(lambda tx: tx.dialect.tell_others(tx.cursor, "event 7"))
    assert await asyncio.wait_for(heard.get(), 10) == "event 7"
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    await other.store.write(lambda tx: tx.cursor.execute(end))
    assert await asyncio.wait_for(heard.get(), 10) == ""
    await till.store.write(lambda tx: tx.dialect.tell_others(tx.cursor, "event 8"))  # its own words it does not hear
    await other.store.write(lambda tx: tx.dialect.tell_others(tx.cursor, "event 9"))
    assert await asyncio.wait_for(heard.get(), 10) == "event 9"
    listening.cancel()
    await asyncio.gather(listening, other.close(), return_exceptions=True)


async def test_nonsense_that_is_heard_is_ignored(till: Till) -> None:
    """The channel is open to whoever has the database: what it says is only a hint."""
    for message in ("", "event", "event x", "event -1", "stage", "what", "stage pay_none"):
        till.feed.hear(message)
    with till.feed.subscribe(0, Wanted(stages=True)):
        till.feed.hear("stage pay_none")
        await till.feed.look()


async def test_at_the_end_everyone_is_let_go(till: Till) -> None:
    """Who waits takes what there is, and who comes later does not wait."""
    row = await till.prompt()
    with till.feed.subscribe(1, EVERY) as subscription, till.notices.watch(row.id) as watch:
        till.notices.end()
        assert [message async for message in subscription.follow(1_000)] == []
        assert watch.over
    till.clock.patience = 10**9
    assert (await till.cashier.wait(row.id, 10**9)).status == "pending"


def test_one_who_never_looks_holds_a_few_changes() -> None:
    """The newest."""
    notices, row = Notices(), _row()
    with notices.watch(row.id) as watch:
        for number in range(CHANGES_KEPT * 3):
            notices.tell(row, number)
        assert [number for _, number in watch.take()] == list(range(CHANGES_KEPT * 2, CHANGES_KEPT * 3))
        assert watch.take() == []


def _row() -> PaymentRow:
    return PaymentRow(*(["pay_1"] + [""] * (len(PaymentRow._fields) - 1)))  # type: ignore[arg-type]


async def test_the_log_is_searched(till: Till) -> None:
    """By number, payment, type and mode; one event by its id."""
    first, second = await till.prompt(), await till.ask()
    await till.call_back(first)
    search = EventSearch(0)

    async def numbers(search: EventSearch) -> list[int]:
        return [event.number for event in await till.store.read(lambda tx: search_events(tx, search))]

    assert await numbers(search) == [1, 2, 3]
    assert await numbers(search._replace(after=1, upto=2)) == [2]
    assert await numbers(search._replace(payment=second.id)) == [2]
    assert await numbers(search._replace(checkout="chk_none")) == []
    assert await numbers(search._replace(types=("payment.completed",))) == [3]
    assert await numbers(search._replace(mode="live")) == []
    assert await numbers(search._replace(limit=1)) == [1]
    events = await till.events(first)
    assert await till.store.read(lambda tx: find_event(tx, events[0].id)) == events[0]
    assert await till.store.read(lambda tx: find_event(tx, "evt_none")) is None
