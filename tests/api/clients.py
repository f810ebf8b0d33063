"""What the integrations' own clients do, for the tests of the drop-in routes."""

import asyncio
from typing import Any

import httpx2

from hakika.daraja.protocol import PushOutcome
from hakika.domain.payment import Status
from tests.api.house import Open, result
from tests.api.test_wait import until_watched

HERE = {"Host": "localhost:8000"}
INITIATE = "/api/v1/payments/mpesa/initiate"
TRACKED = {
    "checkout_request_id": "ws_CO_123456789",
    "phone_number": "254712345678",
    "amount": 500,
    "description": "Lunch Payment",
}
"""Seed 003's registration."""


def local(hakika: Open) -> httpx2.AsyncClient:
    """A client of theirs: on the server's own machine, without a key."""
    return hakika.visit(headers=HERE)


def answered_with(hakika: Open, reading: Any) -> None:
    """Let Daraja answer every push with that."""

    async def push(_: str, __: Any, order: Any, attempt: int) -> PushOutcome:
        hakika.daraja.pushes.append(order)
        return PushOutcome(reading(hakika.clock(), attempt))

    hakika.daraja.push = push  # type: ignore[method-assign]


async def initiate(hakika: Open, **body: Any) -> httpx2.Response:
    """Ask as their clients do, and let the worker push."""
    fields = {"order_id": "order-1", "phone": "0708374149", "amount": 1} | body
    asking = asyncio.create_task(local(hakika).post(INITIATE, json=fields))
    await until_watched(hakika, 1)
    await hakika.worker.run_once()
    return await asking


async def get(hakika: Open, path: str) -> dict[str, Any]:
    """Ask as their clients do."""
    answer = await local(hakika).get(path)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def post(hakika: Open, path: str, body: object) -> dict[str, Any]:
    """Ask as their clients do."""
    answer = await local(hakika).post(path, json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def call_back(hakika: Open, body: str) -> None:
    """Let Safaricom post on the secret path of the newest push."""
    await hakika.post(hakika.daraja.pushes[-1].callback_url.removeprefix("https://pay.example.com"), body)


async def end(hakika: Open, status: Status) -> None:
    """Bring the newest push to a status, in its order: pending first."""
    row = (await hakika.api.get("/v1/payments?limit=1")).json()["data"][0]
    checkout_id = row["checkout_request_id"]
    codes = {Status.CANCELLED: 1032, Status.EXPIRED: 1037, Status.FAILED: 1, Status.COMPLETED: 0, Status.MISPAID: 0}
    if status in codes:
        amount = 7 if status is Status.MISPAID else row["amount"]
        await call_back(hakika, result(checkout_id, code=codes[status], amount=amount))
    elif status is Status.UNRESOLVED:
        for _ in range(3):
            hakika.clock.pass_s(24 * 3600)
            await hakika.worker.run_once()
    elif status is Status.REVERSED:
        await call_back(hakika, result(checkout_id, amount=row["amount"]))
        word = {"outcome": "reversed", "reason": "returned by hand", "receipt": "NLJ7RT61SV"}
        await hakika.api.post(f"/v1/payments/{row['id']}/resolve", json=word)
    assert (await hakika.read(row["id"]))["status"] == status
