"""Idempotency-Key: a repeat is safe, and only a repeat."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from hakika.engine.ids import system_entropy
from hakika.engine.keys import create_key
from hakika.store.transaction import Transaction
from tests.api.house import Open

pytestmark = pytest.mark.anyio
BODY = {"amount": 100, "phone": "0712345678", "reference": "order-1"}
REGISTRATION = BODY | {"checkout_request_id": "ws_CO_other"}
KEY = {"Idempotency-Key": "first"}


@pytest.mark.parametrize(("path", "body"), [("/v1/payments", BODY), ("/v1/payments/register", REGISTRATION)])
async def test_the_first_answer_comes_again_byte_for_byte(hakika: Open, path: str, body: dict[str, Any]) -> None:
    """Even when the payment has changed since; the header says so, and one payment was made."""
    first = await hakika.api.post(path, json=body, headers=KEY)
    await hakika.worker.run_once()
    again = await hakika.api.post(path, json=dict(reversed(body.items())), headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len((await hakika.api.get("/v1/payments")).json()["data"]) == 1


async def test_another_body_is_refused(hakika: Open) -> None:
    """The same key with another amount, or on the other path, is 409 and stores nothing."""
    await hakika.api.post("/v1/payments", json=BODY, headers=KEY)
    for path, body in (("/v1/payments", BODY | {"amount": 101}), ("/v1/payments/register", REGISTRATION)):
        refused = await hakika.api.post(path, json=body, headers=KEY)
        assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_key_reused")
    assert len((await hakika.api.get("/v1/payments")).json()["data"]) == 1


async def test_a_repeat_in_flight_is_told_to_wait(hakika: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the first request is being stored its repeat is 409 with Retry-After, and a second later it is replayed."""
    stored, hold = asyncio.Event(), asyncio.Event()
    write = hakika.house.store.write

    async def slow_write(job: Callable[[Transaction], Any]) -> Any:
        done = await write(job)
        stored.set()
        await hold.wait()
        return done

    monkeypatch.setattr(hakika.house.store, "write", slow_write)
    first = asyncio.create_task(hakika.api.post("/v1/payments", json=BODY, headers=KEY))
    await stored.wait()
    repeat = await hakika.api.post("/v1/payments", json=BODY, headers=KEY)
    assert (repeat.status_code, repeat.json()["code"]) == (409, "idempotency_key_in_flight")
    assert repeat.headers["retry-after"] == "1"
    hold.set()
    answered = await first
    assert (await hakika.api.post("/v1/payments", json=BODY, headers=KEY)).content == answered.content


async def test_many_at_once_make_one_payment(hakika: Open) -> None:
    """Of twenty requests with one key each is the first answer or 409 in flight."""
    answers = await asyncio.gather(*(hakika.api.post("/v1/payments", json=BODY, headers=KEY) for _ in range(20)))
    codes = {answer.json().get("code", "made") for answer in answers}
    assert codes <= {"made", "idempotency_key_in_flight"}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1


async def test_a_key_lives_for_a_day(hakika: Open) -> None:
    """At 24 hours it is replayed; after them it is a new request, which here meets its own old payment."""
    first = await hakika.api.post("/v1/payments", json=BODY, headers=KEY)
    hakika.clock.pass_s(24 * 60 * 60)
    assert (await hakika.api.post("/v1/payments", json=BODY, headers=KEY)).content == first.content
    hakika.clock.pass_s(1)
    later = await hakika.api.post(
        "/v1/payments", json=BODY | {"allow_repeat": True, "phone": "0799999999"}, headers=KEY
    )
    assert later.status_code == 201
    assert later.json()["id"] != first.json()["id"]


async def test_a_refused_body_is_not_remembered(hakika: Open) -> None:
    """Invalid or in conflict, the same key may bring the corrected request."""
    for wrong, status in ((BODY | {"amount": 0}, 422), (BODY | {"account": "nobody"}, 422)):
        assert (await hakika.api.post("/v1/payments", json=wrong, headers=KEY)).status_code == status
    assert (await hakika.api.post("/v1/payments", json=BODY, headers=KEY)).status_code == 201
    other = {"Idempotency-Key": "second"}
    busy = await hakika.api.post("/v1/payments", json=BODY | {"reference": "order-2"}, headers=other)
    assert busy.json()["code"] == "payer_busy"
    corrected = BODY | {"reference": "order-2", "phone": "0799999999"}
    assert (await hakika.api.post("/v1/payments", json=corrected, headers=other)).status_code == 201


async def test_keys_of_different_callers_do_not_meet(hakika: Open) -> None:
    """Two API keys may use the same Idempotency-Key for different requests."""
    made = await hakika.house.store.write(lambda tx: create_key(tx, "shop", "test", hakika.clock, system_entropy))
    shop = hakika.visit(headers={"Authorization": f"Bearer {made[0]}"})
    first = await hakika.api.post("/v1/payments", json=BODY, headers=KEY)
    body = {"amount": 7, "phone": "0799999999", "reference": "order-2"}
    second = await shop.post("/v1/payments", json=body, headers=KEY)
    assert second.status_code == 201
    assert second.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9"])
async def test_a_key_that_is_none_is_refused(shared_lite: Open, key: str) -> None:
    """Empty, too long, or not ASCII: 422, and nothing is stored under half of it."""
    refused = await shared_lite.api.post("/v1/payments", json=BODY, headers={b"Idempotency-Key": key.encode()})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
