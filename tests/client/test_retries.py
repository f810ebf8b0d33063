"""When a call is tried again, and when it would be wrong."""

import json
from typing import Any

import httpx2
import pytest

from hakika.client import (
    AlreadyEnded,
    AlreadyRegistered,
    BudgetSpent,
    CheckoutEnded,
    NeverSent,
    NoAnswer,
    NotFound,
    NotHakika,
    PayerBusy,
    Retries,
    Unavailable,
)
from hakika.client.steps import Answer, Lost
from tests.client.conftest import Wiring
from tests.client.wire import lost, ok, problem, unreachable

pytestmark = pytest.mark.anyio
PUSH: dict[str, Any] = {
    "checkout_request_id": "ws_CO_1", "phone": "0712345678", "amount": 100, "reference": "o-1",
}  # fmt: skip
TRIES = 4


def create(client: Any, **given: Any) -> Any:
    """Ask for money."""
    return client.payments.create(amount=100, phone="0712345678", reference="o-1", **given)


async def test_every_try_of_one_call_has_the_same_key(wired: Wiring) -> None:
    """After a connection that never was, a lost answer and a 503 it is asked for once, under one key."""
    wire = wired(unreachable(), lost(), problem(503, "store_unavailable"), ok(201))
    assert (await wire.do(create)).id == "pay_1"
    assert len(wire.requests) == TRIES
    assert len(set(wire.sent("Idempotency-Key"))) == 1
    assert len({request.content for request in wire.requests}) == 1
    assert json.loads(wire.requests[0].content) == {"amount": 100, "phone": "0712345678", "reference": "o-1"}


async def test_each_call_has_a_key_of_its_own(wired: Wiring) -> None:
    """Two calls are two requests for money; who gives a key has that one."""
    wire = wired(ok(201))
    await wire.do(create)
    await wire.do(create)
    await wire.do(lambda client: create(client, idempotency_key="mine"))
    first, second, third = wire.sent("Idempotency-Key")
    assert first != second
    assert third == "mine"


async def test_a_first_request_under_way_is_waited_for(wired: Wiring) -> None:
    """`idempotency_key_in_flight` is about our own earlier try: the same key again gets its answer."""
    wire = wired(lost(), problem(409, "idempotency_key_in_flight", 1), ok(201))
    assert (await wire.do(create)).id == "pay_1"
    assert wire.paused[1] >= 1


async def test_other_conflicts_are_the_callers(wired: Wiring) -> None:
    """A busy payer is not tried again, though the answer says when: whether to is not ours to decide."""
    wire = wired(problem(409, "payer_busy", retry_after=61, payment="pay_9"))
    with pytest.raises(PayerBusy) as raised:
        await wire.do(create)
    assert (raised.value.retry_after, raised.value.payment, raised.value.http_status) == (61, "pay_9", 409)
    assert len(wire.requests) == 1
    assert wire.paused == []


async def test_retry_after_is_obeyed(wired: Wiring) -> None:
    """A 429 is tried again, and not before the time it names; never where that is long, which the caller is told."""
    wire = wired(problem(429, "budget_spent", 7), ok())
    await wire.do(lambda client: client.payments.query("pay_1"))
    assert 7 <= wire.paused[0] <= 8
    long = wired(problem(429, "budget_spent", 3600))
    with pytest.raises(BudgetSpent) as raised:
        await long.do(lambda client: client.payments.query("pay_1"))
    assert raised.value.retry_after == 3600
    assert long.paused == []


async def test_tries_are_bounded_and_the_key_is_told(wired: Wiring) -> None:
    """After four tries without an answer the error has the key under which to ask again, and says `unknown`."""
    wire = wired(lost())
    with pytest.raises(NoAnswer) as raised:
        await wire.do(create)
    assert len(wire.requests) == TRIES
    assert raised.value.idempotency_key == wire.sent("Idempotency-Key")[0]
    assert raised.value.money.startswith("Unknown")
    assert wire.paused == [0.5, 1.0, 2.0]


async def test_what_was_never_sent_says_so(wired: Wiring) -> None:
    """No connection: no money moved. But not where an earlier try may have arrived."""
    with pytest.raises(NeverSent, match="None moved"):
        await wired(unreachable()).do(create)
    with pytest.raises(NoAnswer) as raised:
        await wired(lost(), unreachable()).do(create)
    assert type(raised.value) is NoAnswer


@pytest.mark.parametrize(
    ("reply", "tries", "kind"),
    [
        (lost(), 1, NoAnswer),
        (unreachable(), TRIES, NeverSent),
        (problem(503, "store_unavailable"), TRIES, Unavailable),
        (httpx2.Response(503, text="<html>a proxy's</html>"), 1, NotHakika),
        (httpx2.Response(504, text="<html>a proxy's</html>"), 1, NotHakika),
    ],
    ids=["lost", "unreachable", "refused", "proxy 503", "proxy 504"],
)
async def test_what_must_not_happen_twice_is_repeated_only_if_it_did_not_happen(
    wired: Wiring, reply: Any, tries: int, kind: type[Exception]
) -> None:
    """An endpoint that was made unseen has a secret that nobody knows; so it is for `rotate` and `resolve`."""
    for ask in (
        lambda client: client.endpoints.create(url="https://shop.example/hook"),
        lambda client: client.endpoints.rotate("end_1"),
        lambda client: client.payments.resolve("pay_1", outcome="failed", reason="No."),
    ):
        wire = wired(reply)
        with pytest.raises(kind):
            await wire.do(ask)
        assert len(wire.requests) == tries


async def test_a_server_error_is_not_repeated(wired: Wiring) -> None:
    """500 says that something broke, not that it will pass."""
    wire = wired(problem(500, "internal"))
    with pytest.raises(Exception, match="D"):
        await wire.do(create)
    assert len(wire.requests) == 1


async def test_cancelling_again_after_a_lost_answer_is_no_conflict(wired: Wiring) -> None:
    """`already_ended` by our own first try is the answer that was lost; by anything else it is raised."""
    withdrawn = {"code": "withdrawn", "message": "", "advice": "", "retryable": True, "retry_after_s": 0}
    wire = wired(lost(), problem(409, "already_ended"), ok(status="cancelled", failure=withdrawn))
    assert (await wire.do(lambda client: client.payments.cancel("pay_1", reason="No."))).status == "cancelled"
    with pytest.raises(AlreadyEnded):
        await wired(problem(409, "already_ended")).do(lambda client: client.payments.cancel("pay_1"))
    with pytest.raises(AlreadyEnded):
        await wired(lost(), problem(409, "already_ended"), ok(status="completed")).do(
            lambda client: client.payments.cancel("pay_1")
        )


async def test_closing_a_checkout_again_after_a_lost_answer_is_no_conflict(wired: Wiring) -> None:
    """The same for checkouts."""
    wire = wired(lost(), problem(409, "checkout_ended"), ok(status="cancelled"))
    assert (await wire.do(lambda client: client.checkouts.cancel("chk_1"))).status == "cancelled"
    with pytest.raises(CheckoutEnded):
        await wired(lost(), problem(409, "checkout_ended"), ok(status="completed")).do(
            lambda client: client.checkouts.cancel("chk_1")
        )


async def test_deleting_again_after_a_lost_answer_finds_nothing_and_is_content(wired: Wiring) -> None:
    """404 after a lost answer: the first try did it. Without one: there is no such endpoint."""
    assert await wired(lost(), problem(404, "not_found")).do(lambda client: client.endpoints.delete("end_1")) is None
    with pytest.raises(NotFound):
        await wired(problem(404, "not_found")).do(lambda client: client.endpoints.delete("end_1"))


async def test_registering_the_same_push_again_gives_the_same_payment(wired: Wiring) -> None:
    """A program that was killed after registering may register again; as another amount it is a conflict."""
    wire = wired(problem(409, "already_registered", payment="pay_1"), ok())
    assert (await wire.do(lambda client: client.payments.register(**PUSH))).id == "pay_1"
    for wrong in ({"amount": 90}, {"reference": "o-2"}):
        with pytest.raises(AlreadyRegistered):
            await wired(problem(409, "already_registered", payment="pay_1"), ok(**wrong)).do(
                lambda client: client.payments.register(**PUSH)
            )


def test_pauses_grow_and_are_spread() -> None:
    """Half a second, doubled, at most eight; chance takes away up to half."""
    gone = Lost("", sent=True)
    longest = [Retries(chance=lambda: 1.0).pause_s(tried, gone, repeatable=True) for tried in range(1, 9)]
    shortest = [Retries(chance=lambda: 0.0).pause_s(tried, gone, repeatable=True) for tried in range(1, 9)]
    assert longest == [0.5, 1, 2, 4, 8, 8, 8, 8]
    assert shortest == [pause_s / 2 for pause_s in longest if pause_s]
    assert Retries().pause_s(10**6, gone, repeatable=True) is not None


@pytest.mark.parametrize("said", ["soon", "-1", "", "Wed, 21 Oct 2026 07:28:00 GMT", "1.5"])
def test_a_retry_after_that_is_no_number_is_passed_over(said: str) -> None:
    """The usual pause is made."""
    busy = Answer(503, {"retry-after": said}, b"")
    assert Retries(chance=lambda: 1.0).pause_s(1, busy, repeatable=True) == 0.5
