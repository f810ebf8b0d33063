"""The shop's backend: the page, and the few calls that it makes. The API key never leaves this file.

GET  /shop                        the page
GET  /shop/shelf                  goods and prices, and where the simulator's phones are
POST /shop/orders                 buy: asks Hakika for the money    POST /v1/payments
GET  /shop/orders/{id}            how far it is                     GET /v1/payments/{id}
GET  /shop/orders/{id}/timeline   what Hakika knew, and when        GET /v1/payments/{id}/timeline
POST /shop/checkouts              buy on Hakika's page              POST /v1/checkouts
GET  /shop/checkouts/{reference}  which payment that became         GET /v1/checkouts/{id}
POST /shop/webhook                hears of every outcome            the endpoint registered by `listen`

While a payment is under way the page hears of each change from Hakika itself, with the payment's client_secret:
GET /v1/payments/{id}/stream.
"""

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from hakika.demo.shop.goods import Good, find_good, list_goods
from hakika.demo.shop.hearing import Hearing

STATIC = Path(__file__).parent / "static"
PROMPT_LIFE_S = 60
LONGEST_BODY = 2_048
LONGEST_EVENT = 20_480
MOST_ORDERS = 10_000
SHOWN_OF_PAYMENT = (
    "id", "status", "stage", "amount", "amount_received", "phone", "reference", "receipt", "failure", "confirmed_by",
)  # fmt: skip
OWN_BROWSER = {"localhost", "127.0.0.1", "::1"}
SHOWN_OF_PROBLEM = ("code", "title", "money", "cure", "retry_after")


class NewOrder(msgspec.Struct, frozen=True):
    """What the page sends: a good at the price of a visit, and a phone."""

    good: str
    visit: int
    phone: str = ""


class Sold(NamedTuple):
    """A payment for something of this shop's: what, and the secret with which a browser may follow it."""

    good: str
    client_secret: str


class Shop:
    """Sells, and asks Hakika for the money."""

    def __init__(self, session: aiohttp.ClientSession, hakika_url: str, api_key: str, simulator_port: int) -> None:
        self._session, self._hakika_url, self._simulator_port = session, hakika_url, simulator_port
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._visits = 0
        self._sold: dict[str, Sold] = {}  # by payment: what this shop sold, and nothing else is shown
        self._checkouts: dict[str, tuple[str, str]] = {}  # by reference: the checkout, and the good
        self._hearing: Hearing | None = None

    def routes(self) -> list[Route | Mount]:
        """List every path."""
        return [
            Route("/", self.lead_in),
            Route("/shop", self.show_page),
            Route("/shop/shelf", self.show_shelf),
            Route("/shop/orders", self.order, methods=["POST"]),
            Route("/shop/orders/{payment}", self.show_order),
            Route("/shop/orders/{payment}/timeline", self.show_timeline),
            Route("/shop/checkouts", self.check_out, methods=["POST"]),
            Route("/shop/checkouts/{reference}", self.show_checkout),
            Route("/shop/webhook", self.hear, methods=["POST"]),
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
        order, good = await self._read_order(request)
        body = {**_describe(order, good), "phone": order.phone}
        status, answer = await self._ask("POST", "/v1/payments", body, {"Idempotency-Key": secrets.token_hex(16)})
        if status != 201:
            return JSONResponse(pick(answer, SHOWN_OF_PROBLEM), status)
        self._keep(self._sold, answer["id"], Sold(good.id, answer["client_secret"]))
        return JSONResponse(self._show(answer), 201)

    async def show_order(self, request: Request) -> Response:
        """Show how far a payment is."""
        language = {"Accept-Language": request.headers.get("accept-language", "en")}
        status, answer = await self._ask("GET", f"/v1/payments/{self._read_payment(request)}", headers=language)
        return JSONResponse(self._show(answer) if status == 200 else pick(answer, SHOWN_OF_PROBLEM), status)

    async def check_out(self, request: Request) -> Response:
        """Have the price of a good paid on Hakika's page. → where that is."""
        order, good = await self._read_order(request)
        body = _describe(order, good)
        if request.url.hostname in OWN_BROWSER:  # payers are led back over https, or within one machine
            shop = f"{request.url.scheme}://{request.url.netloc}/shop"
            body |= {"return_url": f"{shop}?order={body['reference']}", "cancel_url": shop}
        status, answer = await self._ask("POST", "/v1/checkouts", body)
        if status != 201:
            return JSONResponse(pick(answer, SHOWN_OF_PROBLEM), status)
        self._keep(self._checkouts, body["reference"], (answer["id"], good.id))
        # In the demo Hakika is where the shop is, by whichever name the browser knows it.
        return JSONResponse({"url": urlsplit(answer["url"]).path}, 201)

    async def show_checkout(self, request: Request) -> Response:
        """Show which payment a checkout led to, so that the page can go on with it."""
        reference = str(request.path_params["reference"])
        if reference not in self._checkouts:
            raise HTTPException(404)
        checkout, good = self._checkouts[reference]
        _, answer = await self._ask("GET", f"/v1/checkouts/{checkout}")
        payment = answer.get("payment")
        if payment and payment not in self._sold:
            _, paid = await self._ask("GET", f"/v1/payments/{payment}")
            self._keep(self._sold, payment, Sold(good, paid["client_secret"]))
        return JSONResponse({"payment": payment})

    # ── hearing ──────────────────────────────

    async def listen(self, own_url: str) -> None:
        """Have every event delivered to this shop."""
        body = {"url": f"{own_url}/shop/webhook", "description": "The demo's shop"}
        status, answer = await self._ask("POST", "/v1/endpoints", body)
        if status != 201:
            raise RuntimeError(f"The shop cannot hear of payments: {answer}")
        self._hearing = Hearing(answer["secret"])

    async def hear(self, request: Request) -> Response:
        """Take a webhook. What is not signed by Hakika is refused."""
        body = await read_body(request, LONGEST_EVENT)
        if self._hearing is None or not self._hearing.take(body, request.headers):
            raise HTTPException(400)
        return Response(status_code=204)

    async def show_timeline(self, request: Request) -> Response:
        """Show what Hakika knew of a payment."""
        status, answer = await self._ask("GET", f"/v1/payments/{self._read_payment(request)}/timeline")
        entries = answer["data"] if status == 200 else []
        return JSONResponse({"entries": [show_entry(entry) for entry in entries]}, status)

    def _show(self, payment: Mapping[str, Any]) -> dict[str, Any]:
        sold = self._sold[payment["id"]]
        shown = pick(payment, SHOWN_OF_PAYMENT) | {"left_s": None} | sold._asdict()
        shown["heard"] = self._hearing.tell(payment["id"]) if self._hearing else []
        if payment["prompted_at"]:
            passed = datetime.now(UTC) - datetime.fromisoformat(payment["prompted_at"])
            shown["left_s"] = max(0, round(PROMPT_LIFE_S - passed.total_seconds()))
        return shown

    def _read_payment(self, request: Request) -> str:
        payment = str(request.path_params["payment"])
        if payment not in self._sold:
            raise HTTPException(404)
        return payment

    async def _read_order(self, request: Request) -> tuple[NewOrder, Good]:
        order = await read_order(request)
        good = find_good(order.good)
        if good is None or not 0 < order.visit <= self._visits:
            raise HTTPException(422)
        return order, good

    def _keep(self, known: dict[str, Any], name: str, value: object) -> None:
        if len(known) >= MOST_ORDERS:
            known.pop(next(iter(known)))
        known[name] = value

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


def _describe(order: NewOrder, good: Good) -> dict[str, Any]:
    """What is asked for."""
    reference = f"shop-{secrets.token_hex(4)}"
    return {"amount": good.price(order.visit), "reference": reference, "description": good.name}


async def read_body(request: Request, most: int) -> bytes:
    """Read a body of bounded size."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise HTTPException(413)
    return body


async def read_order(request: Request) -> NewOrder:
    """Read what the page sends; other sites' pages cannot send it, because JSON needs our leave."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise HTTPException(415)
    body = await read_body(request, LONGEST_BODY)
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
