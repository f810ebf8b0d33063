"""Messages to payers leave at most once, whoever dies or looks on."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hakika.store.messages.channels import read_cursor
from hakika.store.messages.records import end_message
from tests.engine.payers import AfricasTalking, Office, opening
from tests.engine.till import Till

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


async def test_two_nodes_write_and_send_each_message_once(
    office: Office, second_till: Till, sms: tuple[AfricasTalking, str]
) -> None:
    """Whoever moves the cursor writes them; whoever marks one sends it."""
    await office.add()
    rows = [await office.pay() for _ in range(12)]
    async with opening(second_till, sms[1], seed=4) as second:
        if office.store.dialect.name == "sqlite":
            await office.send()
            await second.send()
        else:
            await asyncio.gather(office.send(), second.send())
            await office.send()
            await second.send()
    assert sorted(text["to"] for text in sms[0].texts) == sorted(f"+{row.phone}" for row in rows)
    assert {message.status for message in await office.messages()} == {"sent"}


async def test_who_dies_between_mark_and_answer_sends_nothing_twice(
    office: Office, second_till: Till, sms: tuple[AfricasTalking, str]
) -> None:
    """Cancelled in the middle of sending; after the lease another node shows it as `unknown`, and leaves it."""
    await office.add()
    await office.pay()
    sms[0].hangs = True
    sending = asyncio.create_task(office.postman.run())
    await sms[0].arrived.wait()
    assert [message.status for message in await office.messages()] == ["sending"]
    for task in list(office.postman._sending):
        task.cancel()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    sms[0].hangs = False
    async with opening(second_till, sms[1], seed=4) as second:
        assert await second.send() == {}
        assert await second.send(after_s=121) == {}
    (message,) = await office.messages()
    assert (message.status, message.due_at_ms) == ("unknown", None)
    assert "is not sent again" in message.detail
    assert len(sms[0].texts) == 1
    # Whoever sent it knows better, if it lives after all.
    await office.store.write(lambda tx: end_message(tx, message._replace(status="sent", detail="")))
    assert (await office.messages())[0].status == "sent"


@pytest.mark.parametrize("gap", ["marked", "sent"])
async def test_who_is_killed_in_a_gap_sends_nothing_twice(
    office: Office, sms: tuple[AfricasTalking, str], gap: str
) -> None:
    """SIGKILL between marking and sending, or between sending and recording: `unknown` either way, and at most one."""
    await office.add()
    rows = [await office.pay() for _ in range(3)]
    port = sms[1].split(":")[2].partition("/")[0]
    process = subprocess.Popen(  # noqa: ASYNC220 - it is started in no time
        [sys.executable, "-m", "tests.engine.mortal_postman", office.till.url, port, gap, str(office.clock())],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
    )  # fmt: skip
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == f"{gap}\n"
    os.kill(process.pid, signal.SIGKILL)
    await asyncio.to_thread(process.wait, 30)
    process.stdout.close()
    before = len(sms[0].texts)
    assert before <= (0 if gap == "marked" else len(rows))
    assert await office.send(after_s=1) == {}
    assert await office.send(after_s=121) == {}
    assert [message.status for message in await office.messages()] == ["unknown"] * len(rows)
    assert len(sms[0].texts) == before


async def test_the_loop_is_woken_by_a_commit(office: Office, sms: tuple[AfricasTalking, str]) -> None:
    """No time passes: what was committed is written, sent and recorded all the same; then it ends when told to."""
    idle = asyncio.Event()

    async def wait_for(event: asyncio.Event, _: float) -> bool:
        idle.set()
        return await event.wait()

    await office.add()
    office.till.notices.listen_events(office.postman.notice)
    office.clock.wait_for = wait_for  # type: ignore[method-assign,assignment]
    running = asyncio.create_task(office.postman.run())
    await idle.wait()
    row = await office.till.prompt()
    await office.till.call_back(row)
    await sms[0].arrived.wait()
    while office.postman._sending or office.postman._wake.is_set() or not idle.is_set():
        idle.clear()
        await idle.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [message.status for message in await office.messages()] == ["sent"]


async def test_many_events_of_which_nobody_is_told_cost_no_write(office: Office) -> None:
    """The cursor stays until something is to be written, and nothing is read twice."""
    await office.add(event_types=["payment.reversed"])
    before = await office.store.read(read_cursor)
    for _ in range(3):
        await office.pay()
    assert await office.send() == {}
    assert await office.store.read(read_cursor) == before
    assert office.follower._passed > before
