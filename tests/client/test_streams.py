"""`events.stream`: every event once and in order, whatever happens to the connection."""

import httpx2
import pytest

from hakika.client import InvalidCursor, NoAnswer, NotAuthenticated
from tests.client.conftest import Wiring
from tests.client.wire import Pieces, event, lost, message, problem, streamed, unreachable

pytestmark = pytest.mark.anyio


def page(*numbers: int, more: bool = False) -> httpx2.Response:
    """A page of the list of events."""
    found = [event(number) for number in numbers]
    head = max(numbers, default=41)
    return httpx2.Response(200, json={"object": "list", "data": found, "has_more": more, "next_after": head})


async def test_a_broken_connection_is_taken_up_after_the_last_event(wired: Wiring) -> None:
    """By the cursor of the last event; what comes twice is given once, half a message not at all."""
    first = streamed(b"retry: 2000\n\n: ok\n\n", message(7), message(8)[:40], lost())
    wire = wired(first, unreachable(), problem(503, "unavailable"), streamed(message(7), message(8) + message(9)))
    events = await wire.take(lambda client: client.events.stream(after=6), 3)
    assert [(event.number, event.cursor) for event in events] == [
        (7, "00c0ffee-7"), (8, "00c0ffee-8"), (9, "00c0ffee-9"),
    ]  # fmt: skip
    assert [request.url.params.get("after") for request in wire.requests] == ["6", *["00c0ffee-7"] * 3]
    assert len(wire.paused) == 3


async def test_from_now_on_begins_where_the_server_says(wired: Wiring) -> None:
    """An empty page says where the events end: a connection that breaks before the first one leaves no gap."""
    wire = wired(page(), streamed(b": ok\n\n", lost()), streamed(message(42)))
    (event,) = await wire.take(lambda client: client.events.stream(), 1)
    assert event.number == 42
    assert [request.url.params.get("after") for request in wire.requests] == [None, "41", "41"]


async def test_types_are_filtered(wired: Wiring) -> None:
    """By the server, whose words for them are passed on; stages are no events."""
    stage = b'event: payment.stage\ndata: {"id": null, "number": null}\n\n'
    wire = wired(streamed(stage, message(2)))
    types = ["payment.completed", "checkout.*"]
    (event,) = await wire.take(lambda client: client.events.stream(after=1, types=types), 1)
    assert event.number == 2
    assert wire.requests[0].url.params["type"] == "payment.completed,checkout.*"


async def test_an_event_has_its_payment_as_it_was(wired: Wiring) -> None:
    """`data` as it came, `snapshot` typed."""
    (told,) = await wired(streamed(message(1))).take(lambda client: client.events.stream(after=0), 1)
    assert told.data["reference"] == "o-1"
    assert told.snapshot.reference == "o-1"


@pytest.mark.parametrize(
    "refused",
    [problem(404, "not_found"), httpx2.Response(200, text="<html>a proxy's</html>")],
    ids=["no stream", "no event stream"],
)
async def test_where_there_is_no_stream_the_list_is_asked(wired: Wiring, refused: httpx2.Response) -> None:
    """Page by page at once, then every two seconds; a lost answer leaves no gap."""
    wire = wired(refused, page(7, 8, more=True), page(9), lost(), page(9), page(42))
    events = await wire.take(lambda client: client.events.stream(after="00c0ffee-6"), 4)
    assert [event.number for event in events] == [7, 8, 9, 42]
    assert [request.url.params["after"] for request in wire.requests] == [
        "00c0ffee-6", "00c0ffee-6", "00c0ffee-8", "00c0ffee-9", "00c0ffee-9", "00c0ffee-9",
    ]  # fmt: skip
    assert wire.paused == [2.0, 0.5, 2.0]
    assert events[-1].cursor == "00c0ffee-42"


async def test_polling_from_now_on_passes_over_what_is_there(wired: Wiring) -> None:
    """It begins where the events end, and goes on from there though nothing that was asked for came."""
    wire = wired(page(), problem(404, "not_found"), page(), page(42))
    (event,) = await wire.take(lambda client: client.events.stream(types=["payment.*"]), 1)
    assert (event.number, event.cursor) == (42, "42")
    assert [request.url.params["after"] for request in wire.requests[1:]] == ["41", "41", "41"]
    assert wire.requests[2].url.params["type"] == "payment.*"


async def test_a_stream_that_something_holds_back_is_polled(wired: Wiring) -> None:
    """Two connections on which not even a heartbeat came: the list is asked."""
    silent = httpx2.ReadTimeout("45 s")
    wire = wired(streamed(silent), streamed(silent), page(7))
    (event,) = await wire.take(lambda client: client.events.stream(after=6), 1)
    assert event.number == 7


async def test_what_does_not_pass_is_raised(wired: Wiring) -> None:
    """A cursor of another database, a key that is none: at once."""
    with pytest.raises(InvalidCursor) as raised:
        await wired(problem(400, "invalid_cursor")).take(lambda client: client.events.stream(after="x-1"), 1)
    assert raised.value.code == "invalid_cursor"
    with pytest.raises(NotAuthenticated):
        await wired(problem(401, "not_authenticated")).take(lambda client: client.events.stream(after=1), 1)


async def test_patience_ends(wired: Wiring) -> None:
    """After five minutes out of reach it is said; not before."""
    wire = wired(unreachable())
    with pytest.raises(NoAnswer):
        await wire.take(lambda client: client.events.stream(after=1), 1)
    assert 300 <= wire.now_s - 1_000 < 310


async def test_leaving_the_loop_closes_the_connection(wired: Wiring) -> None:
    """Of the iterator that is closed, at once."""
    answer = streamed(message(1), message(2))
    assert isinstance(answer.stream, Pieces)
    wire = wired(answer)
    things = wire.client.events.stream(after=0)
    if hasattr(things, "__anext__"):
        await anext(things)
        await things.aclose()
    else:
        next(things)
        things.close()
    assert answer.stream.closed == 1
