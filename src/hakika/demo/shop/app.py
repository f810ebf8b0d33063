"""The shop's backend: the page, and the few calls that it makes. The API key never leaves this file.

GET  /shop                        the page
GET  /shop/shelf                  goods and prices, and where the simulator's phones are
POST /shop/orders                 buy: asks Hakika for the money    POST /v1/payments
GET  /shop/orders/{id}            how far it is; waits a moment     GET /v1/payments/{id}/wait
GET  /shop/orders/{id}/timeline   what Hakika knew, and when        GET /v1/payments/{id}/timeline
"""

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from hakika.demo.shop.goods import find_good, list_goods

STATIC = Path(__file__).parent / "static"
PROMPT_LIFE_S = 60
LONGEST_BODY = 2_048
MOST_ORDERS = 10_000
SHOWN_OF_PAYMENT = (
    "id", "status", "stage", "amount", "amount_received", "phone", "reference", "receipt", "failure", "confirmed_by",
)  # fmt: skip
SHOWN_OF_PROBLEM = ("code", "title", "money", "cure", "retry_after")


class NewOrder(msgspec.Struct, frozen=True):
    """What the page sends: a good at the price of a visit, and a phone."""

    good: str
    visit: int
    phone: str


class Shop:
    """Sells, and asks Hakika for the money."""

    def __init__(self, session: aiohttp.ClientSession, hakika_url: str, api_key: str, simulator_port: int) -> None:
        self._session, self._hakika_url, self._simulator_port = session, hakika_url, simulator_port
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._visits = 0
        self._goods_of: dict[str, str] = {}  # payment → good: what this shop sold, and nothing else is shown

    def routes(self) -> list[Route | Mount]:
        """List every path."""
        return [
            Route("/", self.lead_in),
            Route("/shop", self.show_page),
            Route("/shop/shelf", self.show_shelf),
            Route("/shop/orders", self.order, methods=["POST"]),
            Route("/shop/orders/{payment}", self.show_order),
            Route("/shop/orders/{payment}/timeline", self.show_timeline),
            Mount("/shop/static", StaticFiles(directory=STATIC)),
        ]

    async def lead_in(self, _: Request) -> Response:
        """Lead whoever types the bare address to the shop."""
        return RedirectResponse("/shop")

    async def show_page(self, request: Request) -> Response:
        """Show the page. It may load from here, and frame the simulator's phone, nothing else."""
        host = re.sub(r"[^\w.:\[\]-]", "", request.url.hostname or "")
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            f"frame-src http://{host}:{self._simulator_port}; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        }
        return FileResponse(STATIC / "page.html", headers=headers)

    async def show_shelf(self, _: Request) -> Response:
        """Show goods at this visit's prices."""
        self._visits += 1
        shelf = {"visit": self._visits, "goods": list_goods(self._visits), "simulator_port": self._simulator_port}
        return JSONResponse(shelf)

    async def order(self, request: Request) -> Response:
        """Ask Hakika for the price of a good."""
        order = await read_order(request)
        good = find_good(order.good)
        if good is None or not 0 < order.visit <= self._visits:
            raise HTTPException(422)
        body = {
            "amount": good.price(order.visit),
            "phone": order.phone,
            "reference": f"shop-{secrets.token_hex(4)}",
            "description": good.name,
        }
        status, answer = await self._ask("POST", "/v1/payments", body, {"Idempotency-Key": secrets.token_hex(16)})
        if status != 201:
            return JSONResponse(pick(answer, SHOWN_OF_PROBLEM), status)
        if len(self._goods_of) >= MOST_ORDERS:
            self._goods_of.pop(next(iter(self._goods_of)))
        self._goods_of[answer["id"]] = good.id
        return JSONResponse(self._show(answer), 201)

    async def show_order(self, request: Request) -> Response:
        """Show how far a payment is."""
        language = {"Accept-Language": request.headers.get("accept-language", "en")}
        path = f"/v1/payments/{self._read_payment(request)}/wait?timeout=0.5"
        status, answer = await self._ask("GET", path, headers=language)
        return JSONResponse(self._show(answer) if status == 200 else pick(answer, SHOWN_OF_PROBLEM), status)

    async def show_timeline(self, request: Request) -> Response:
        """Show what Hakika knew of a payment."""
        status, answer = await self._ask("GET", f"/v1/payments/{self._read_payment(request)}/timeline")
        entries = answer["data"] if status == 200 else []
        return JSONResponse({"entries": [show_entry(entry) for entry in entries]}, status)

    def _show(self, payment: Mapping[str, Any]) -> dict[str, Any]:
        shown = pick(payment, SHOWN_OF_PAYMENT) | {"good": self._goods_of.get(payment["id"]), "left_s": None}
        if payment["prompted_at"]:
            passed = datetime.now(UTC) - datetime.fromisoformat(payment["prompted_at"])
            shown["left_s"] = max(0, round(PROMPT_LIFE_S - passed.total_seconds()))
        return shown

    def _read_payment(self, request: Request) -> str:
        payment = str(request.path_params["payment"])
        if payment not in self._goods_of:
            raise HTTPException(404)
        return payment

    async def _ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        async with self._session.request(
            method, self._hakika_url + path, json=body, headers={**self._headers, **(headers or {})}
        ) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
            return response.status, answer


def create_shop(shop: Shop) -> Starlette:
    """Put a shop on the web."""
    return Starlette(routes=shop.routes())


async def read_order(request: Request) -> NewOrder:
    """Read what the page sends; other sites' pages cannot send it, because JSON needs our leave."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise HTTPException(415)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise HTTPException(413)
    try:
        return msgspec.json.decode(body, type=NewOrder)
    except msgspec.DecodeError:
        raise HTTPException(422) from None


def show_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Show one entry of a timeline: who said what, when, without what only machines read."""
    reading = entry.get("reading") or {}
    shown = {name: entry.get(name) for name in ("at", "object", "kind", "source", "copies")}
    return shown | {name: reading.get(name) for name in ("code", "receipt", "amount")}


def pick(document: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Take some of a document's fields."""
    return {name: document[name] for name in names if name in document}
