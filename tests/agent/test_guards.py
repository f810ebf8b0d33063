"""The guards: what a grant allows holds whatever is called, how often, at once, and across restarts."""

import asyncio
import math
import sqlite3
import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog

from hakika.agent.consents import Approval, Said
from hakika.agent.fallback import query_with
from hakika.agent.grants import check_grant, read_grant
from hakika.agent.purse import Charge, Purse, day_of
from hakika.agent.spending import Wish, read_wish
from hakika.agent.tools import Toolbox
from hakika.daraja.protocol import Shortcode
from hakika.domain.errors import SettingError
from hakika.engine.ids import system_entropy
from hakika.engine.keys import create_key
from tests.agent.counter import GRANT, OTHER, PAYER, SILENT, Counter, Lost
from tests.api.house import unused_phone

pytestmark = pytest.mark.anyio


async def charge(tools: Toolbox, amount: Any = 500, phone: str = PAYER, context: str = "lunch", **given: Any) -> Any:
    """Call the tool that asks for money."""
    return await tools.send_instant_payment_with_tracking(phone, amount, context, **given)


async def test_a_payment_is_asked_for_and_followed(counter: Counter) -> None:
    """The tool waits, and says that it was paid when it was; the payment carries the grant's name."""
    told = await charge(counter.toolbox())
    assert (told["status"], told["payment_status"]) == ("success", "completed")
    assert told["message"].startswith("Paid: 0712345678 was charged KES 500.")
    kept = await counter.hakika.read(told["payment"]["id"])
    assert kept["metadata"]["agent"] == "till"
    assert kept["description"] == "lunch"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"amount": 1001}, "over_per_payment"),
        ({"phone": "0799999999"}, "payer_not_allowed"),
        ({"phone": "+254 799 999 999"}, "payer_not_allowed"),
        ({"amount": 0}, "invalid_amount"),
        ({"amount": -500}, "invalid_amount"),
        ({"amount": 10.5}, "invalid_amount"),
        ({"amount": True}, "invalid_amount"),
        ({"amount": "500"}, "invalid_amount"),
        ({"phone": "0712"}, "invalid_phone"),
        ({"context": "\u200b \n"}, "no_purpose"),
    ],
)
async def test_what_the_grant_does_not_allow_is_refused(counter: Counter, given: dict[str, Any], reason: str) -> None:
    """No phone rings, and the answer says so."""
    told = await charge(counter.toolbox(), **given)
    assert (told["status"], told["reason"]) == ("refused", reason)
    assert "This call prompted no phone and moved no money." in told["message"]
    assert counter.pushes == 0


async def test_the_days_limit_holds_across_restarts(counter: Counter) -> None:
    """What was asked counts, whatever came of it, in each process that starts anew; tomorrow is another day."""
    counter.answers[PAYER] = 1032
    assert (await charge(counter.toolbox(), 1000))["status"] == "failed"
    assert (await charge(counter.toolbox(), 900, OTHER))["status"] == "success"
    told = await charge(counter.toolbox(), 101, OTHER, "tea")
    assert (told["reason"], "KES 100 of KES 2,000" in told["message"]) == ("over_per_day", True)
    counter.hakika.clock.pass_s(24 * 3600)
    assert (await charge(counter.toolbox(), 101, OTHER, "tea"))["status"] == "success"


async def test_the_days_limit_holds_at_once(counter: Counter) -> None:
    """Of ten calls at the same time, in two processes, so many pass as fit."""
    phones = [unused_phone() for _ in range(10)]
    tools = [counter.toolbox(payers=["*"], per_day=1500) for _ in range(2)]
    told = await asyncio.gather(
        *(charge(tools[number % 2], 500, phone, wait_for_completion=False) for number, phone in enumerate(phones))
    )
    assert sorted(one["status"] for one in told) == ["pending"] * 3 + ["refused"] * 7
    await counter.settle()
    assert counter.pushes == 3


def test_reservations_of_many_threads_never_exceed_the_cap(tmp_path: Path) -> None:
    """The file itself is the arbiter: threads with connections of their own reserve one after the other."""
    purses = [Purse(tmp_path / "agent.db") for _ in range(4)]
    left: list[int | None] = []

    def reserve(first: int) -> None:
        for number in range(first, first + 10):
            row = Charge("g", f"i{number}", 1, 7, 100, "2547", "r")
            left.append(purses[number % 4].reserve(row, 1_000))

    threads = [threading.Thread(target=reserve, args=(10 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (left.count(None), purses[0].spent("g", 7)) == (10, 1_000)


async def test_the_server_remembers_where_the_file_is_lost(counter: Counter) -> None:
    """A deleted purse gives no new day: what the server has of the grant's day counts."""
    assert (await charge(counter.toolbox(), 1000))["status"] == "success"
    assert (await charge(counter.toolbox(), 600, OTHER))["status"] == "success"
    (counter.folder / "agent.db").unlink()
    assert (await charge(counter.toolbox(), 500, OTHER, "tea"))["reason"] == "over_per_day"
    again = await charge(counter.toolbox(), 1000)
    assert (again["already_asked"], again["status"], counter.pushes) == (True, "success", 2)


async def test_one_intent_is_asked_once(counter: Counter) -> None:
    """However it is spelt, at once or later, in this process or the next."""
    counter.answers[PAYER] = SILENT
    spelt = [(PAYER, "Lunch"), ("+254 712 345 678", " lunch "), ("254712345678", "LUNCH")]
    told = await asyncio.gather(
        *(charge(counter.toolbox(), 500, phone, context, wait_for_completion=False) for phone, context in spelt)
    )
    told.append(await charge(counter.toolbox(), wait_for_completion=False))
    await counter.settle()
    assert {one["status"] for one in told} == {"pending"}
    assert len({one["payment"]["id"] for one in told}) == 1
    assert told[-1]["already_asked"]
    assert "is not asked for again" in told[-1]["message"]
    assert counter.pushes == 1


async def test_what_was_paid_today_is_not_asked_again(counter: Counter) -> None:
    """The same purpose the same day is the same payment; the next day it is a new one."""
    first = await charge(counter.toolbox())
    again = await charge(counter.toolbox())
    assert again["payment"]["id"] == first["payment"]["id"]
    counter.hakika.clock.pass_s(24 * 3600)
    assert (await charge(counter.toolbox()))["payment"]["id"] != first["payment"]["id"]
    assert counter.pushes == 2


async def test_what_was_declined_may_be_asked_again(counter: Counter) -> None:
    """A decline ends an intent without money; a new attempt is a new payment under the same reference."""
    counter.answers[PAYER] = 1032
    first = await charge(counter.toolbox())
    assert (first["status"], first["may_ask_again"]) == ("failed", True)
    counter.answers.clear()
    counter.hakika.clock.pass_s(121)  # M-Pesa's own rule about the same amount
    second = await charge(counter.toolbox())
    assert second["status"] == "success"
    assert second["payment"]["id"] != first["payment"]["id"]
    assert second["quoted"]["reference"] == first["quoted"]["reference"]


async def test_a_refusal_of_the_servers_gives_the_reservation_back(counter: Counter) -> None:
    """The phone is busy: nothing was asked, nothing counts, and it says after how long to ask."""
    counter.answers[PAYER] = SILENT
    tools = counter.toolbox()
    await charge(tools, 500, wait_for_completion=False)
    await counter.settle()
    told = await charge(tools, 600, context="tea")
    assert (told["status"], told["reason"], told["may_ask_again"]) == ("refused", "payer_busy", True)
    assert f"It can be asked in {math.ceil(told['retry_after_seconds'])} seconds. This call prompted" in told["message"]
    assert told["message"].startswith("A prompt is already open on this phone: pay_")
    assert tools.spender is not None
    assert tools.spender.purse.spent("till", day_of(counter.hakika.clock())) == 500


async def test_test_and_live_are_never_mixed(counter: Counter) -> None:
    """A live grant meets a test key, or a test grant a live one: nothing is asked."""
    assert (await charge(counter.toolbox(mode="live")))["reason"] == "wrong_mode"
    key, _ = await counter.hakika.house.store.write(
        lambda tx: create_key(tx, "live", "live", counter.hakika.clock, system_entropy)
    )
    assert (await charge(counter.toolbox(key=key)))["reason"] == "wrong_mode"
    assert counter.pushes == 0


async def test_a_lost_answer_is_not_known_and_asks_nobody_twice(counter: Counter) -> None:
    """The server took it and its answer was lost: unknown, never failed; the same call later finds the payment."""
    losing = True

    def when(request: httpx2.Request) -> str:
        return "answer" if losing and request.method == "POST" and request.url.path == "/v1/payments" else ""

    tools = counter.toolbox()
    inner = httpx2.ASGITransport(counter)
    assert tools.spender is not None
    tools.spender._client = tools._client = counter.client(transport=Lost(inner, when))
    told = await charge(tools)
    assert (told["status"], told["payment_status"], told["may_ask_again"]) == ("unknown", "pending", False)
    assert "not failed" in told["message"]
    await counter.settle()
    losing = False
    found = await charge(tools)
    assert (found["status"], counter.pushes) == ("success", 1)


@pytest.mark.parametrize("beside", ["down", "key withdrawn"])
async def test_what_is_open_is_never_worded_as_unasked(counter: Counter, beside: str) -> None:
    """The first answer was lost, the second call does not get through: that says nothing of the first, nor frees it."""
    turn = "lost"

    class Wire(httpx2.ASGITransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            asks = request.method == "POST" and request.url.path == "/v1/payments"
            if turn == "key withdrawn" and asks:
                problem = {"code": "not_authenticated", "detail": "No such key."}
                return httpx2.Response(401, json=problem, request=request)
            return await super().handle_async_request(request)

    def when(request: httpx2.Request) -> str:
        asks = request.method == "POST" and request.url.path == "/v1/payments"
        return "request" if turn == "down" else "answer" if turn == "lost" and asks else ""

    tools = counter.toolbox()
    assert tools.spender is not None
    tools.spender._client = tools._client = counter.client(transport=Lost(Wire(counter), when))
    assert (await charge(tools))["status"] == "unknown"
    turn = beside
    told = await charge(tools)
    assert (told["status"], told["may_ask_again"]) == ("unknown", False)
    assert "prompted no phone" not in told["message"]
    assert tools.spender.purse.spent("till", day_of(counter.hakika.clock())) == 500
    await counter.settle()
    turn = ""
    assert ((await charge(tools))["status"], counter.pushes) == ("success", 1)


class Busy(httpx2.ASGITransport):
    """A server that is still answering the same request."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Refuse what is posted, and serve all else."""
        if request.method == "POST":
            problem = {
                "code": "idempotency_key_in_flight",
                "title": "In flight",
                "detail": "The first is being answered.",
            }
            return httpx2.Response(409, json=problem, request=request)
        return await super().handle_async_request(request)


def in_flight(counter: Counter) -> Toolbox:
    """Tools whose call comes while the server still answers the same call."""
    tools = counter.toolbox()
    assert tools.spender is not None
    tools.spender._client = tools._client = counter.client(transport=Busy(counter))
    return tools


async def test_a_declined_attempt_is_not_taken_for_the_one_in_flight(counter: Counter) -> None:
    """The reference finds the attempt that was declined; of the one that is being asked for, it says nothing."""
    counter.answers[PAYER] = 1032
    assert (await charge(counter.toolbox()))["status"] == "failed"
    tools = in_flight(counter)
    told = await charge(tools)
    assert (told["status"], told["may_ask_again"]) == ("unknown", False)


def test_a_purpose_cannot_end_its_quotation() -> None:
    """What a person reads as the question is ours; the model's words stay within their quotes."""
    wish = read_wish(PAYER, 500, "lunch” (test mode: no real money) “")
    assert isinstance(wish, Wish)
    assert wish.question.endswith("Stated purpose: “lunch' (test mode: no real money) '”")


async def test_a_call_beside_the_same_call_gives_nothing_back(counter: Counter) -> None:
    """The server is still answering the first one: not known, and what the first one reserved stays reserved."""
    tools = in_flight(counter)
    told = await charge(tools)
    assert (told["status"], told["may_ask_again"]) == ("unknown", False)
    assert tools.spender is not None
    assert tools.spender.purse.spent("till", day_of(counter.hakika.clock())) == 500


async def test_a_server_that_is_down_asks_nobody(counter: Counter) -> None:
    """Nothing was sent, so nothing counts; the tool says that no phone was prompted."""
    tools = counter.toolbox()
    assert tools.spender is not None
    tools.spender._client = tools._client = counter.client(
        transport=Lost(httpx2.ASGITransport(counter), lambda _: "request")
    )
    told = await charge(tools)
    assert (told["status"], told["reason"]) == ("refused", "server_down")
    assert tools.spender.purse.spent("till", day_of(counter.hakika.clock())) == 0


async def test_a_person_is_asked_above_the_limit(counter: Counter) -> None:
    """A no, silence and a yes; who is charged, and how much, stand in the question, and a yes counts once."""
    tools, asked = counter.toolbox(confirm_above=100), []
    answers = [Approval.NO, Approval.UNANSWERED, Approval.YES]

    async def person(_: str, question: str) -> Said:
        asked.append(question)
        return Said(answers.pop(0))

    wish = read_wish(PAYER, 500, "lunch")
    assert [(await tools.ask(wish, person))["status"] for _ in range(2)] == ["refused", "needs_confirmation"]
    assert counter.pushes == 0
    assert (await tools.ask(wish, person))["status"] == "success"
    assert asked[-1] == "Charge 0712345678 KES 500. Stated purpose: “lunch”\n(test mode: no real money)"
    assert (await tools.ask(read_wish(OTHER, 100, "tea"), person))["status"] == "success"
    assert len(asked) == 3


async def test_without_a_grant_nothing_is_asked(counter: Counter) -> None:
    """The two tools that charge are no part of what reads, and refuse if they are called all the same."""
    tools = Toolbox(counter.client())
    names = {tool.__name__ for tool in tools.reading()}
    assert not names & {"send_instant_payment_with_tracking", "request_many"}
    assert (await charge(tools))["reason"] == "read_only"
    assert (await tools.request_many([]))["reason"] == "read_only"


def test_a_grant_is_read_from_a_file(tmp_path: Path) -> None:
    """With its payers however they are spelt; the code is never shown."""
    file = tmp_path / "grant.toml"
    file.write_text('mode = "live"\nper_payment = 5\nper_day = 9\npayers = ["+254 712 345 678"]\ncode = "471147"\n')
    grant = read_grant(file)
    assert (grant.payers, grant.confirm_above, grant.mode) == (("254712345678",), 0, "live")
    assert "471147" not in repr(grant)


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ({"mode": "both"}, "mode"),
        ({"per_payment": 0}, "per_payment"),
        ({"per_payment": 250_001}, "per_payment"),
        ({"per_day": 0}, "per_day"),
        ({"payers": []}, "payers"),
        ({"payers": ["*", PAYER]}, "payers"),
        ({"payers": ["12"]}, "payers"),
        ({"confirm_above": -1}, "confirm_above"),
        ({"code": "12345"}, "code"),
        ({"name": "A b"}, "name"),
        ({"per_dya": 1}, "per_dya"),
    ],
)
def test_a_broken_grant_is_refused(broken: dict[str, Any], named: str) -> None:
    """What is misspelt or has no sense is named; nothing is guessed about money."""
    with pytest.raises(SettingError, match=named):
        check_grant(GRANT | broken)


def test_asking_daraja_writes_nothing_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output is the protocol's: what the client of Daraja logs stands elsewhere, and exchanges nowhere."""
    kept = structlog.get_config() if structlog.is_configured() else None
    structlog.reset_defaults()
    try:
        query_with(Shortcode("http://127.0.0.1:9", "key", "secret", "passkey", "174379"), lambda: 0)
        structlog.get_logger().debug("daraja", asked="exchange")
        structlog.get_logger().warning("slow")
    finally:
        structlog.reset_defaults()
        if kept:
            structlog.configure(**kept)
    told = capsys.readouterr()
    assert (told.out, "exchange" in told.err, "slow" in told.err) == ("", False, True)


def test_a_purse_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Nobody else on the machine may read or change it."""
    Purse(tmp_path / "agent.db")
    assert (tmp_path / "agent.db").stat().st_mode & 0o077 == 0
    with sqlite3.connect(tmp_path / "agent.db") as connection:
        assert connection.execute("select count(*) from charges").fetchone() == (0,)
