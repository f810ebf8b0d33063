"""A shop that uses Hakika: its public API and nothing else."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import aiohttp
import msgspec

LOOK_AGAIN_S = 0.1
WAIT_CLOCK_S = 30  # of the server's clock: short, so that no single request waits long on the wall


class Payment(msgspec.Struct, frozen=True):
    """What a scenario reads of a payment."""

    id: str
    status: str
    stage: str | None
    amount: int
    amount_received: int | None
    receipt: str | None
    result_code: str | None
    confirmed_by: str | None
    flags: list[str]
    queries: int
    checkout_request_id: str | None
    frozen: str | None


class Entry(msgspec.Struct, frozen=True):
    """What a scenario reads of a timeline's entry."""

    at: datetime
    object: str
    kind: str
    source: str = ""
    copies: int = 1


class _Page(msgspec.Struct, frozen=True):
    data: list[Payment]


class _Timeline(msgspec.Struct, frozen=True):
    data: list[Entry]


class Merchant:
    """Asks for money, and follows what becomes of it."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, api_key: str) -> None:
        self.base_url = base_url
        self._session, self._headers = session, {"Authorization": f"Bearer {api_key}"}

    async def ask(self, phone: str, amount: int, reference: str) -> Payment:
        """Ask a phone for money."""
        body = {"phone": phone, "amount": amount, "reference": reference}
        return msgspec.json.decode(await self._send("POST", "/v1/payments", body), type=Payment)

    async def read(self, payment_id: str) -> Payment:
        """Read a payment."""
        return msgspec.json.decode(await self._send("GET", f"/v1/payments/{payment_id}"), type=Payment)

    async def until(self, payment_id: str, reached: Callable[[Payment], object]) -> Payment:
        """Read a payment until it is as it should be; whoever plays the scenario limits the time."""
        while True:
            payment = await self.read(payment_id)
            if reached(payment):
                return payment
            await asyncio.sleep(LOOK_AGAIN_S)

    async def until_prompted(self, payment_id: str) -> Payment:
        """Wait until M-Pesa has taken the request."""
        return await self.until(payment_id, lambda payment: payment.checkout_request_id)

    async def until_ended(self, payment_id: str) -> Payment:
        """Wait until the payment is no longer pending."""
        path = f"/v1/payments/{payment_id}/wait?timeout={WAIT_CLOCK_S}"
        while True:
            payment = msgspec.json.decode(await self._send("GET", path), type=Payment)
            if payment.status != "pending":
                return payment

    async def timeline(self, payment_id: str) -> list[Entry]:
        """Read all that is known of a payment."""
        answer = await self._send("GET", f"/v1/payments/{payment_id}/timeline")
        return msgspec.json.decode(answer, type=_Timeline).data

    async def find(self, **by: str) -> list[Payment]:
        """Find payments by what they have in common."""
        return msgspec.json.decode(await self._send("GET", "/v1/payments", **by), type=_Page).data

    async def spooled(self) -> int:
        """How many callbacks wait for the database."""
        async with self._session.get(f"{self.base_url}/ready") as response:
            return int((await response.json())["checks"]["spooled_callbacks"])

    async def until_alive(self) -> None:
        """Wait until the server answers and can work."""
        while True:
            try:
                async with self._session.get(f"{self.base_url}/ready") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _send(self, method: str, path: str, body: Any = None, **query: str) -> bytes:
        async with self._session.request(
            method, self.base_url + path, json=body, params=query or None, headers=self._headers
        ) as response:
            answer = await response.read()
            if not response.ok:
                raise RuntimeError(f"{method} {path}: {response.status} {answer.decode(errors='replace')}")
            return answer
