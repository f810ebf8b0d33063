"""`/v1/events`: the log, read on from a number."""

from typing import Any

import pytest

from hakika.engine.ids import system_entropy
from hakika.engine.keys import create_key
from hakika.store.events import EventRow, publish, read_head
from tests.api.house import Open, result

pytestmark = pytest.mark.anyio


async def read_on(hakika: Open, **query: Any) -> dict[str, Any]:
    """Read the log."""
    answer = await hakika.api.get("/v1/events", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def probe(hakika: Open, kind: str = "test.ping") -> None:
    """Publish a probe."""
    row = EventRow(0, f"evt_{kind.replace('.', ''):0>26}", "", kind, 1, hakika.clock(), '{"object":"ping"}')
    await hakika.house.store.write(lambda tx: publish(tx, hakika.house.ledger.statements.events, [row]))


async def test_events_are_read_on_from_a_number(hakika: Open) -> None:
    """Each once, oldest first, with the payment as it then was; `next_after` goes on where this page ends."""
    asked, path = await hakika.prompt()
    await hakika.post(path, result(asked["checkout_request_id"]))
    first = await read_on(hakika, limit=1)
    assert (first["object"], first["has_more"], first["next_after"]) == ("list", True, 1)
    second = await read_on(hakika, after=first["next_after"])
    assert (second["has_more"], second["next_after"]) == (False, 2)
    created, completed = first["data"][0], second["data"][0]
    assert [len(first["data"]), len(second["data"])] == [1, 1]
    assert [created["type"], completed["type"]] == ["payment.created", "payment.completed"]
    assert (created["data"]["status"], completed["data"]["status"]) == ("pending", "completed")
    assert (await read_on(hakika, after=2))["data"] == []


async def test_an_event_has_one_shape(hakika: Open) -> None:
    """The same in the list, by its id, and as documented; its payment is what the API showed at that moment."""
    asked = await hakika.ask()
    event = (await read_on(hakika))["data"][0]
    secret = asked.pop("client_secret")
    assert secret.startswith("pcs_")
    assert secret not in str(event)
    assert event == {
        "id": event["id"], "object": "event", "type": "payment.created", "timestamp": asked["created_at"], "number": 1,
        "sequence": 1, "mode": "test", "payment": asked["id"], "checkout": None, "data": asked,
    }  # fmt: skip
    assert (await hakika.api.get(f"/v1/events/{event['id']}")).json() == event


async def test_events_are_found_by_payment_and_type(hakika: Open) -> None:
    """By exact types, with commas, or all of a kind; where nothing fits, the cursor goes on all the same."""
    asked, path = await hakika.prompt()
    await hakika.post(path, result(asked["checkout_request_id"], code=1032))
    other = await hakika.ask(phone="0722000001", reference="order-2")
    types = {
        "payment.cancelled": [2], "payment.created,payment.cancelled": [1, 2, 3], "payment.*": [1, 2, 3],
        "checkout.*": [], "*": [1, 2, 3],
    }  # fmt: skip
    for kinds, numbers in types.items():
        page = await read_on(hakika, type=kinds)
        assert [event["number"] for event in page["data"]] == numbers
        assert page["next_after"] == 3
    assert [event["number"] for event in (await read_on(hakika, payment=other["id"]))["data"]] == [3]
    assert (await hakika.api.get("/v1/events?type=pay%20ment")).status_code == 422


async def test_probes_are_never_mixed_with_real_events(hakika: Open) -> None:
    """`test.*` is shown to nobody who does not name it."""
    await hakika.ask()
    await probe(hakika)
    assert [event["type"] for event in (await read_on(hakika))["data"]] == ["payment.created"]
    assert [event["type"] for event in (await read_on(hakika, type="payment.*"))["data"]] == ["payment.created"]
    assert [event["type"] for event in (await read_on(hakika, type="test.*"))["data"]] == ["test.ping"]


async def test_a_key_sees_the_events_of_its_mode(hakika: Open) -> None:
    """To a live key a test event does not exist, by its id either."""
    await hakika.ask()
    event = (await read_on(hakika))["data"][0]
    key, _ = await hakika.house.store.write(lambda tx: create_key(tx, "shop", "live", hakika.clock, system_entropy))
    stranger = hakika.visit(headers={"Authorization": f"Bearer {key}"})
    assert (await stranger.get("/v1/events")).json()["data"] == []
    assert (await stranger.get(f"/v1/events/{event['id']}")).status_code == 404


@pytest.mark.parametrize("event_id", ["evt_00000000000000000000000000", "evt_1", "stream2", "%00"])
async def test_an_event_that_does_not_exist(shared_lite: Open, event_id: str) -> None:
    """404."""
    assert (await shared_lite.api.get(f"/v1/events/{event_id}")).status_code == 404


CURSORS = ["999", "deadbeef-0", "what", "-1", "1.5", "", "9" * 30, "{store}-999", "{store}-", "{store}--1"]


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/stream"])
@pytest.mark.parametrize("cursor", CURSORS)
async def test_a_cursor_that_leads_nowhere_is_refused(shared_lite: Open, path: str, cursor: str) -> None:
    """From the future, of another database, nonsense: 400, which says what to do."""
    head = await shared_lite.house.store.read(read_head)
    cursor = cursor.format(store=head.store)
    refused = await shared_lite.api.get(path, params={"after": cursor})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_cursor")
    if path.endswith("stream") and cursor:
        refused = await shared_lite.api.get(path, headers={"Last-Event-ID": cursor})
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_cursor")


async def test_a_streams_cursor_works_here_too(hakika: Open) -> None:
    """`<store>-<number>` is as good as the number."""
    await hakika.ask()
    head = await hakika.house.store.read(read_head)
    assert len(head.store) == 8
    assert (await read_on(hakika, after=f"{head.store}-0"))["next_after"] == 1
