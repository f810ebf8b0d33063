"""Waiting for an end: as long as the caller has time, whatever happens on the way."""

import pytest

from hakika.client import NoAnswer, NotFound
from tests.client.conftest import Wiring
from tests.client.wire import lost, ok, problem, unreachable

pytestmark = pytest.mark.anyio


async def test_five_minutes_are_waited_in_long_polls(wired: Wiring) -> None:
    """120, 120 and 60 s; then it is given as it is: pending, and nothing is raised."""
    wire = wired(ok())
    wire.taken_s = 120
    payment = await wire.do(lambda client: client.payments.wait("pay_1"))
    assert payment.is_pending
    assert [request.url.params["timeout"] for request in wire.requests] == ["120.0", "120.0", "60.0"]


async def test_the_end_is_given_at_once(wired: Wiring) -> None:
    """As soon as an answer is final; a payment will do for its id."""
    wire = wired(ok(), ok(status="completed", receipt="NLJ7RT61SV"))
    wire.taken_s = 120
    asked = await wire.do(lambda client: client.payments.retrieve("pay_1"))
    paid = await wire.do(lambda client: client.payments.wait(asked))
    assert (paid.is_paid, paid.receipt) == (True, "NLJ7RT61SV")
    assert wire.requests[1].url.path == "/v1/payments/pay_1/wait"


async def test_a_server_that_restarts_is_waited_for(wired: Wiring) -> None:
    """More failures in a row than a call would take: while there is time, they are no end."""
    wire = wired(ok(), *[unreachable()] * 9, lost(), problem(503, "unavailable"), ok(status="completed"))
    wire.taken_s = 1
    assert (await wire.do(lambda client: client.payments.wait("pay_1"))).is_paid


async def test_silence_at_the_end_gives_what_was_seen_last(wired: Wiring) -> None:
    """Pending means unknown, which it is; where nothing was ever seen, NoAnswer is raised."""
    wire = wired(ok(), lost())
    wire.taken_s = 50
    assert (await wire.do(lambda client: client.payments.wait("pay_1", timeout_s=100))).is_pending
    wire = wired(lost())
    wire.taken_s = 50
    with pytest.raises(NoAnswer):
        await wire.do(lambda client: client.payments.wait("pay_1", timeout_s=100))
    assert wire.now_s < 1_000 + 100 + 2 * 50


async def test_answers_that_come_too_early_do_not_spin(wired: Wiring) -> None:
    """A server that does not wait, because it stops say, is asked once a second."""
    wire = wired(ok())
    await wire.do(lambda client: client.payments.wait("pay_1", timeout_s=10))
    assert len(wire.requests) <= 11
    assert sum(wire.paused) == 10


async def test_no_time_is_one_look(wired: Wiring) -> None:
    """`timeout_s=0` asks once."""
    wire = wired(ok())
    assert (await wire.do(lambda client: client.payments.wait("pay_1", timeout_s=0))).is_pending
    assert len(wire.requests) == 1


async def test_a_payment_that_is_none_is_not_waited_for(wired: Wiring) -> None:
    """404 is raised at once."""
    wire = wired(problem(404, "not_found"))
    with pytest.raises(NotFound):
        await wire.do(lambda client: client.payments.wait("pay_1"))
    assert len(wire.requests) == 1


async def test_a_checkout_is_waited_for_alike(wired: Wiring) -> None:
    """Until it is no longer open."""
    wire = wired(ok(status="open"), ok(status="completed", id="chk_1"))
    wire.taken_s = 120
    assert (await wire.do(lambda client: client.checkouts.wait("chk_1"))).is_paid
    assert wire.requests[0].url.path == "/v1/checkouts/chk_1/wait"
