"""`/v1/deliveries`: what is owed to whom, each attempt, sending again, and probes."""

import json
from typing import Any

import pytest

from tests.api.house import Open
from tests.api.test_endpoints import add, listen
from tests.engine.receiver import receiving

pytestmark = pytest.mark.anyio


def allow_loopback(hakika: Open) -> None:
    """Let the deliverer send to this machine."""
    hakika.deliverer._sender._rule = hakika.house.rule._replace(everything=True)


async def resend(hakika: Open, **wanted: Any) -> int:
    """Send again. → how many."""
    answer = await hakika.api.post("/v1/deliveries/resend", json=wanted)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["deliveries"])


async def test_an_event_reaches_the_endpoint_and_its_delivery_is_told(hakika: Open) -> None:
    """From the API's request to the receiver, and the attempt with its answer."""
    async with receiving() as receiver:
        endpoint = await listen(hakika, receiver)
        allow_loopback(hakika)
        receiver.script = [b"HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\noops"]
        payment = await hakika.ask()
        await hakika.deliverer.run_once()
        hakika.clock.pass_s(7)
        await hakika.deliverer.run_once()
        (one,) = (await hakika.api.get("/v1/deliveries")).json()["data"]
        assert (one["status"], one["attempts"], one["type"]) == ("delivered", 2, "payment.created")
        assert (one["payment"], one["endpoint"]) == (payment["id"], endpoint["id"])
        (told,) = (await hakika.api.get(f"/v1/events/{one['event']}/deliveries")).json()["data"]
        assert [attempt["status_code"] for attempt in told["history"]] == [500, 200]
        assert told["history"][0]["answer"] == "oops"
        assert receiver.got[0].event["data"]["id"] == payment["id"]
        assert receiver.ids == [one["event"]] * 2


async def test_the_largest_payload_fits_in_20_kb(hakika: Open) -> None:
    """With as much metadata as a payment may have."""
    async with receiving() as receiver:
        await listen(hakika, receiver)
        allow_loopback(hakika)
        await hakika.ask(metadata={f"k{place}": "é" * 80 for place in range(45)}, description="x" * 200)
        await hakika.deliverer.run_once()
        assert 7_000 < len(receiver.got[0].body) <= 20_000


async def test_resending_by_id_by_status_by_time_and_to_a_new_endpoint(hakika: Open) -> None:
    """Each owes again what fits and nothing else, with its id unchanged."""
    async with receiving() as receiver:
        endpoint = await listen(hakika, receiver)
        allow_loopback(hakika)
        for place in range(3):
            await hakika.ask(reference=f"order-{place}", phone=f"25471100000{place}")
            hakika.clock.pass_s(60)
        await hakika.deliverer.run_once()
        await hakika.deliverer.run_once()
        first = receiver.ids[0]
        assert await resend(hakika, event_ids=[first]) == 1
        await hakika.deliverer.run_once()
        assert receiver.ids[-1] == first
        assert await resend(hakika, status="exhausted") == 0
        assert await resend(hakika, endpoint=endpoint["id"], status="delivered") == 3
        assert await resend(hakika, type="payment.failed") == 0
        events = (await hakika.api.get("/v1/events")).json()["data"]
        assert await resend(hakika, **{"from": events[1]["timestamp"], "to": events[2]["timestamp"]}) == 1
        new = await listen(hakika, receiver)
        assert await resend(hakika, endpoint=new["id"]) == 3
        assert (await hakika.api.get(f"/v1/endpoints/{new['id']}")).json()["owed"] == 3
    for nothing in ({}, {"type": None, "endpoint": None}):
        assert (await hakika.api.post("/v1/deliveries/resend", json=nothing)).status_code == 422


async def test_pages_follow_one_another(hakika: Open) -> None:
    """Without gap or repetition, though one event has several deliveries."""
    for _ in range(3):
        await add(hakika)
    await hakika.ask()
    await hakika.ask(reference="order-2", phone="254711000001")
    seen: list[tuple[str, str]] = []
    cursor: str | None = ""
    while cursor is not None:
        given = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await hakika.api.get("/v1/deliveries", params=given)).json()
        seen += [(one["event"], one["endpoint"]) for one in page["data"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 6


async def test_a_probe_goes_only_to_who_asked_for_it(hakika: Open) -> None:
    """To the endpoint that names it and to the one that is named; never to one that takes every type."""
    every = await add(hakika)
    named = await add(hakika, event_types=["test.payment.completed"])
    made = (await hakika.api.post("/v1/events/trigger", json={"type": "payment.completed"})).json()
    assert (made["type"], made["data"]["status"]) == ("test.payment.completed", "completed")
    assert [one["endpoint"] for one in (await hakika.api.get("/v1/deliveries")).json()["data"]] == [named["id"]]
    body = {"type": "test.payment.failed", "endpoint": every["id"]}
    made = (await hakika.api.post("/v1/events/trigger", json=body)).json()
    told = (await hakika.api.get("/v1/deliveries", params={"event": made["id"]})).json()["data"]
    assert [one["endpoint"] for one in told] == [every["id"]]
    assert (await hakika.api.get("/v1/events")).json()["data"] == []
    refused = await hakika.api.post("/v1/events/trigger", json={"type": "payment.teleported"})
    assert (refused.status_code, refused.json()["field"]) == (422, "type")


async def test_every_probe_has_a_sample(lite: Open) -> None:
    """Each type that can be triggered has data in the shape of what it is about."""
    from hakika.domain.events import PING, PROBES  # noqa: PLC0415

    payment = await lite.ask()
    for name in sorted(PROBES - {PING}):
        made = (await lite.api.post("/v1/events/trigger", json={"type": name})).json()
        assert made["data"]["object"] == name.split(".")[1]
        if made["data"]["object"] == "payment":
            assert set(made["data"]) == set(payment) - {"client_secret"}, json.dumps(made["data"])


async def test_a_payload_is_at_most_20_kb(lite: Open) -> None:
    """With everything that a caller may give as long as it may be: of a payment, and of a checkout with its URLs."""
    await lite.api.patch("/v1/accounts/default", json={"return_hosts": ["shop.example"]})
    long = {"reference": "\U0001f6d2" * 64, "description": '"' * 200, "metadata": {"m": "x" * 8_180}}
    urls = {name: f"https://shop.example/{name}?".ljust(2_000, "u") for name in ("return_url", "cancel_url")}
    made = await lite.api.post("/v1/checkouts", json={**long, **urls, "ask_again": {"times": 5, "within_s": 86_400}})
    assert made.status_code == 201, made.text
    assert (await lite.api.post(f"/v1/checkouts/{made.json()['id']}/cancel")).status_code == 200
    await lite.ask(**long)
    events = (await lite.api.get("/v1/events")).json()["data"]
    sizes = {one["type"]: len(json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode()) for one in events}
    assert set(sizes) == {"checkout.cancelled", "payment.created"}
    assert min(sizes.values()) > 8_000
    assert max(sizes.values()) + 1_000 <= 20_000, "what comes later of a payment is shorter than that"
