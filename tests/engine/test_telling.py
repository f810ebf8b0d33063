"""What the cashier tells: one payment, many, the whole story of one, and waiting for its end."""

import asyncio

import msgspec
import pytest

from hakika.engine.live.awaited import MARKED_MS, Awaited
from hakika.engine.representation import as_dict
from hakika.store.search import Search
from tests.engine.till import START_MS, Till, say

pytestmark = pytest.mark.anyio


async def test_waiting_for_what_has_ended_answers_at_once(till: Till) -> None:
    """A payment that is final is answered without waiting."""
    row = await till.prompt()
    await till.call_back(row)
    assert (await till.cashier.wait(row.id, 120_000)).status == "completed"
    assert till.clock() == START_MS


async def test_waiting_ends_with_the_payment(till: Till) -> None:
    """Whoever waits is answered when the payment ends, long before the timeout."""
    row, till.clock.patience = await till.prompt(), 10**6
    waiting = asyncio.ensure_future(till.cashier.wait(row.id, 10**12))
    while not till.notices.watched(row.id):  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0)
    await till.call_back(row)
    assert (await asyncio.wait_for(waiting, 5)).status == "completed"


async def test_waiting_sees_what_another_node_concluded(till: Till, second_till: Till) -> None:
    """A payment that ends on another node is seen by looking into the log."""
    row, till.clock.patience = await till.prompt(), 10**6
    await till.feed.look()
    waiting = asyncio.ensure_future(till.cashier.wait(row.id, 10**12))
    while not till.notices.watched(row.id):  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0)
    await second_till.call_back(row)
    await till.feed.look()
    assert (await asyncio.wait_for(waiting, 5)).status == "completed"


async def test_waiting_ends_at_the_timeout(till: Till) -> None:
    """When the time is over the payment is answered as it is."""
    row = await till.prompt()
    assert (await till.cashier.wait(row.id, 30_000)).status == "pending"
    assert 30_000 <= till.clock() - START_MS <= 30_500


async def test_waiting_says_that_somebody_waits(till: Till) -> None:
    """All payments that somebody waits for are marked in one statement, which is renewed; then nobody is remembered."""
    rows = [await till.prompt() for _ in range(3)]
    awaited, till.clock.patience = Awaited(till.store, till.notices, till.clock), 10**6
    waiting = [asyncio.ensure_future(till.cashier.wait(row.id, 10**12)) for row in rows[:2]]
    while len(till.notices.all_watched()) < 2:  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0)
    assert [await awaited.mark(), await awaited.mark()] == [2, 0]
    assert [(await till.read(row.id)).awaited_until_ms for row in rows] == [START_MS + MARKED_MS] * 2 + [0]
    till.clock.pass_ms(MARKED_MS - 1_000)
    assert await awaited.mark() == 2
    till.notices.end()
    await asyncio.gather(*waiting)
    assert till.notices._waiting == {}
    assert await awaited.mark() == 0


async def test_every_filter_finds(till: Till) -> None:
    """Payments are found by each thing that a person would search by, newest first."""
    old = await till.prompt(reference="INV-1", phone="0712345678")
    await till.call_back(old, receipt="SFF6XYZ123")
    till.clock.pass_s(600)
    await till.add_account("second")
    new = await till.prompt(account="second")
    searches = [
        Search(reference="INV-1"),
        Search(phone="254712345678"),
        Search(receipt="SFF6XYZ123"),
        Search(checkout_request_id=old.checkout_request_id),
        Search(status="completed"),
        Search(account=old.account),
        Search(created_before_ms=new.created_at_ms),
        Search(created_after_ms=old.created_at_ms, created_before_ms=old.created_at_ms + 1),
        Search(reference="INV-1", status="completed"),
    ]
    for search in searches:
        assert [row.id for row in await till.cashier.find(search)] == [old.id], search
    assert [row.id for row in await till.cashier.find(Search())] == [new.id, old.id]
    assert await till.cashier.find(Search(reference="INV-1", status="pending")) == []


async def test_a_cursor_walks_through_all(till: Till) -> None:
    """Pages follow one another without gap or repetition, though payments come in meanwhile."""
    asked = []
    for _ in range(7):
        asked.append((await till.ask()).id)
        till.clock.pass_ms(1)
    seen: list[str] = []
    while page := await till.cashier.find(Search(limit=3, cursor=seen[-1] if seen else None)):
        seen += [row.id for row in page]
        await till.ask()
    assert seen == asked[::-1]


async def test_the_story_is_in_order(till: Till) -> None:
    """All evidence and events of a payment, in order, with who said it and what came of it."""
    row = await till.prompt()
    till.daraja.query_default = say("4999")
    await till.work(after_s=10)
    till.clock.pass_s(5)
    await till.call_back(row, raw=b'{"Body":{}}')
    told = await till.cashier.tell(row.id)
    assert [(entry.object, entry.kind, entry.source) for entry in told] == [
        ("event", "payment.created", ""),
        ("evidence", "push_started", "hakika"),
        ("evidence", "push_accepted", "push"),
        ("evidence", "query", "query"),
        ("evidence", "callback", "callback"),
        ("event", "payment.completed", ""),
    ]
    assert told[4].raw == '{"Body":{}}'
    assert told[4].reading is not None
    assert told[4].reading["receipt"] == "SFF6XYZ123"
    assert msgspec.json.decode(told[5].payment or b"")["status"] == "completed"
    assert [entry.at for entry in told] == sorted(entry.at for entry in told)


async def test_the_public_shape_hides_what_is_secret(till: Till) -> None:
    """Neither the token of the callback path nor the facts are in what the world sees."""
    row = await till.prompt()
    shown = as_dict(row)
    assert row.token not in str(shown)
    assert "facts" not in shown
    assert (shown["id"], shown["status"], shown["stage"]) == (row.id, "pending", "prompted")
