"""Behind the stage: the simulator's control interface, through which a scenario orders what goes wrong."""

import asyncio
from typing import Any

import aiohttp
import msgspec

LOOK_AGAIN_S = 0.05
TOKEN_REFUSED = 404
"""The status of a request whose token no longer works, as when another row revokes all: nothing was read of it."""


class Truth(msgspec.Struct, frozen=True):
    """What really happened to a prompt; what is not known yet is None."""

    msisdn: str
    checkout_request_id: str
    callback_url: str
    paid: bool | None
    receipt: str | None
    result_code: str | None
    ended_ms: int | None


class Exchange(msgspec.Struct, frozen=True):
    """A request that the simulator received, or a callback that it posted; `status` None: no answer."""

    kind: str
    body: Any
    status: int | None


class _Truths(msgspec.Struct, frozen=True):
    payments: list[Truth]


class _Exchanges(msgspec.Struct, frozen=True):
    requests: list[Exchange]


class Backstage:
    """Says how phones answer and what goes wrong, and reads what really happened."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session, self._base_url = session, base_url

    async def let_answer(self, phone: str, answer: str, after_s: float) -> None:
        """Let a phone give this answer to its next prompts, so many seconds (of the scaled clock) after each."""
        rule = {"answer": answer, "median_ms": int(after_s * 1000), "sigma": 0}
        await self._send("PUT", f"/simulator/phones/{phone}/rule", rule)

    async def order(self, phone: str, **order: Any) -> None:
        """Order what goes wrong next for a phone: see the simulator's table of faults."""
        await self._send("POST", "/simulator/next", {"msisdn": phone, **order})

    async def truths(self, phone: str) -> list[Truth]:
        """What really happened to this phone's prompts, oldest first."""
        answer = await self._send("GET", "/simulator/payments")
        return [one for one in msgspec.json.decode(answer, type=_Truths).payments if one.msisdn == phone]

    async def pushes(self, phone: str) -> int:
        """How often M-Pesa was asked to prompt this phone, with a good access token, whatever it answered."""
        exchanges = await self._exchanges()
        return sum(
            one.kind == "push" and one.status != TOKEN_REFUSED and str(one.body.get("PhoneNumber")) == phone
            for one in exchanges
        )

    async def until_called_back(self, checkout_request_id: str) -> Exchange:
        """Wait until a payment's callback was posted. → with what its receiver answered."""
        while True:
            for exchange in await self._exchanges():
                if exchange.kind == "callback" and _checkout_of(exchange) == checkout_request_id:
                    return exchange
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _exchanges(self) -> list[Exchange]:
        return msgspec.json.decode(await self._send("GET", "/simulator/requests"), type=_Exchanges).requests

    async def _send(self, method: str, path: str, body: Any = None) -> bytes:
        async with self._session.request(method, self._base_url + path, json=body) as response:
            answer = await response.read()
            if not response.ok:
                raise RuntimeError(f"{method} {path}: {response.status} {answer.decode(errors='replace')}")
            return answer


def _checkout_of(exchange: Exchange) -> str:
    return str(exchange.body["Body"]["stkCallback"]["CheckoutRequestID"])
