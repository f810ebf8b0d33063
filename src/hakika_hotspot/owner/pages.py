"""The owner's pages."""

import functools
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hakika_hotspot.config import Settings
from hakika_hotspot.domain.mac import read_mac
from hakika_hotspot.domain.package import Package, read_duration_s, read_package
from hakika_hotspot.domain.phone import read_phone
from hakika_hotspot.entitlements import Place, code_of, grant, is_open, read_turns, revoke_all, unbind_device
from hakika_hotspot.ids import new_token, read_code, show_code
from hakika_hotspot.owner.door import Door, is_own_form
from hakika_hotspot.owner.figures import find_purchases, list_devices, read_on_air, read_sales
from hakika_hotspot.portal.pages import read_form
from hakika_hotspot.portal.rendering import hash_inline
from hakika_hotspot.portal.visit import find_caller
from hakika_hotspot.store import Store, Transaction
from hakika_hotspot.tasks import list_waiting
from hakika_hotspot.tries import are_too_many, count_wrong
from hakika_hotspot.vouchers import MOST_AT_ONCE, list_batches, make_vouchers, read_batch, withdraw_batch

HERE = Path(__file__).parent
CSS = (HERE / "templates/owner.css").read_text().strip()
NAIROBI = timezone(timedelta(hours=3))  # Kenya has one time, all year
DAY_MS = 86_400_000
PERIODS = {"today": 0, "week": 6, "month": 29}
HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src {hash_inline(CSS)}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
Handler = Callable[["OwnersPages", Request], Awaitable[Response]]


def behind_the_door(handler: Handler) -> Handler:
    """Only for the owner; and a form only from a page of ours."""

    @functools.wraps(handler)
    async def guarded(self: "OwnersPages", request: Request) -> Response:
        if not self.door.is_open_for(request):
            return RedirectResponse("/owner/login", 303, HEADERS)
        if request.method == "POST" and not is_own_form(request):
            return Response("This form came from elsewhere.", 403)
        return await handler(self, request)

    return guarded


class OwnersPages:
    """All of them."""

    def __init__(self, settings: Settings, store: Store, clock: Callable[[], int]) -> None:
        self._settings, self._store, self._clock = settings, store, clock
        self.door = Door(settings, clock)

    def routes(self) -> list[Route]:
        """Every path."""
        return [
            Route("/owner/login", self.log_in, methods=["GET", "POST"]),
            Route("/owner/logout", self.log_out, methods=["POST"]),
            Route("/owner", self.show_sales),
            Route("/owner/online", self.show_online),
            Route("/owner/purchases", self.show_purchases),
            Route("/owner/vouchers", self.show_vouchers),
            Route("/owner/vouchers/make", self.make_batch, methods=["POST"]),
            Route("/owner/vouchers/withdraw", self.withdraw, methods=["POST"]),
            Route("/owner/network", self.show_network),
            Route("/owner/pass/{entitlement}", self.show_pass),
            Route("/owner/kick", self.kick, methods=["POST"]),
            Route("/owner/extend", self.extend, methods=["POST"]),
            Route("/owner/end", self.end, methods=["POST"]),
        ]

    # ── the door ──────────────────────────────

    async def log_in(self, request: Request) -> Response:
        """Take the password; few tries."""
        if request.method == "GET":
            return self._render("login.html", error="", closed=self.door.is_closed)
        caller = [f"login:{find_caller(request, self._settings)}"]
        password = (await read_form(request)).get("password", "")

        def try_it(tx: Transaction) -> str:
            if are_too_many(tx, caller, self._clock()):
                return "Too many tries. Wait 15 minutes."
            if self.door.knows(password):
                return ""
            count_wrong(tx, caller, self._clock())
            return "That is not the password."

        error = "This form came from elsewhere." if not is_own_form(request) else await self._store.write(try_it)
        if error:
            return self._render("login.html", 403, error=error, closed=self.door.is_closed)
        response = RedirectResponse("/owner", 303, HEADERS)
        self.door.open(response)
        return response

    @behind_the_door
    async def log_out(self, _: Request) -> Response:
        """End the session."""
        response = RedirectResponse("/owner/login", 303, HEADERS)
        self.door.close(response)
        return response

    # ── looking ──────────────────────────────

    @behind_the_door
    async def show_sales(self, request: Request) -> Response:
        """Sales by package and site, today, this week, this month; and what needs a person."""
        period = request.query_params.get("period", "today")
        since_ms = self._midnight_ms() - PERIODS.get(period, 0) * DAY_MS
        until_ms = self._clock() + 1
        sales = await self._store.read(lambda tx: read_sales(tx, since_ms, until_ms))
        troubled = await self._store.read(lambda tx: find_purchases(tx, "", troubled=True))
        on_air = await self._store.read(lambda tx: len(read_on_air(tx, self._clock())))
        sites = {one.id: one.name or one.id for one in self._settings.sites} | {"": "vouchers"}
        return self._render(
            "sales.html",
            period=period,
            periods=PERIODS,
            sales=sales,
            sites=sites,
            troubled=troubled,
            on_air=on_air,
            total=sum(one.shillings for one in sales),
            sold=sum(one.sold for one in sales),
        )

    @behind_the_door
    async def show_online(self, request: Request) -> Response:
        """Who is online, at one site or all."""
        site = request.query_params.get("site", "")
        on_air = await self._store.read(lambda tx: read_on_air(tx, self._clock(), site))
        return self._render("online.html", on_air=on_air, site=site, sites=self._settings.sites, now_ms=self._clock())

    @behind_the_door
    async def show_purchases(self, request: Request) -> Response:
        """Find purchases by phone, receipt or MAC."""
        text = request.query_params.get("find", "").strip()[:40]
        wanted = read_phone(text) or read_mac(text) or (text if text.startswith(("wifi_", "pay_")) else read_code(text))
        found = await self._store.read(lambda tx: find_purchases(tx, wanted))
        return self._render("purchases.html", purchases=found, text=text)

    @behind_the_door
    async def show_pass(self, request: Request) -> Response:
        """What an entitlement adds up to, and its devices."""
        entitlement = str(request.path_params["entitlement"])

        def look(tx: Transaction) -> dict[str, Any]:
            turns = read_turns(tx, entitlement)
            return {
                "turns": turns,
                "code": show_code(code_of(tx, entitlement)),
                "devices": list_devices(tx, entitlement),
                "open": is_open(tx, entitlement, self._clock()),
                "until_ms": turns[-1].until_ms if turns else 0,
            }

        found = await self._store.read(look)
        if not found["code"]:
            return self._render("missing.html", 404)
        return self._render("pass.html", entitlement=entitlement, token=new_token(), **found)

    @behind_the_door
    async def show_vouchers(self, request: Request) -> Response:
        """Batches of vouchers; one of them to print."""
        batch = request.query_params.get("batch", "")
        rows = await self._store.read(lambda tx: read_batch(tx, batch)) if batch else []
        batches = await self._store.read(list_batches)
        return self._render(
            "vouchers.html",
            batch=batch,
            token=new_token()[:20],
            most=MOST_AT_ONCE,
            packages=self._settings.packages,
            vouchers=[(show_code(row.code), row.used_at_ms, row.withdrawn_at_ms) for row in rows],
            package=read_package(rows[0].package) if rows else None,
            batches=[(row, read_package(row.package)) for row in batches],
        )

    @behind_the_door
    async def show_network(self, _: Request) -> Response:
        """Routers, and what each has yet to do."""
        waiting = await self._store.read(list_waiting)
        return self._render("network.html", routers=self._settings.routers, waiting=waiting)

    # ── acting ──────────────────────────────

    @behind_the_door
    async def kick(self, request: Request) -> Response:
        """End a device's session; it comes back only through the portal, by its code or browser."""
        mac = read_mac((await read_form(request)).get("mac", ""))
        if mac:
            await self._store.write(lambda tx: unbind_device(tx, mac, self._clock()), tell=True)
        return RedirectResponse("/owner/online", 303, HEADERS)

    @behind_the_door
    async def extend(self, request: Request) -> Response:
        """Give an entitlement more time, on the terms that it has; once for each form."""
        form = await read_form(request)
        entitlement = form.get("entitlement", "")
        try:
            seconds = read_duration_s(form.get("time", ""))
        except ValueError as error:
            return self._render("missing.html", 422, why=str(error))
        source = f"owner:{form.get('token', '') or new_token()}"[:80]
        await self._store.write(lambda tx: self._extend(tx, source, entitlement, seconds), tell=True)
        return RedirectResponse(f"/owner/pass/{entitlement}", 303, HEADERS)

    @behind_the_door
    async def end(self, request: Request) -> Response:
        """End an entitlement."""
        entitlement = (await read_form(request)).get("entitlement", "")
        ended = "the owner ended it"
        await self._store.write(lambda tx: revoke_all(tx, entitlement, ended, self._clock()), tell=True)
        return RedirectResponse(f"/owner/pass/{entitlement}", 303, HEADERS)

    @behind_the_door
    async def make_batch(self, request: Request) -> Response:
        """Make vouchers; once for each form."""
        form = await read_form(request)
        package = self._settings.find_package(form.get("package", ""))
        count = form.get("count", "")
        if package is None or not count.isdigit() or not 1 <= int(count) <= MOST_AT_ONCE:
            return self._render("missing.html", 422, why=f"Choose a package, and 1 to {MOST_AT_ONCE} vouchers.")
        days = form.get("days", "")
        use_by_ms = self._clock() + int(days) * DAY_MS if days.isdigit() and 0 < int(days) < 10_000 else None
        batch = form.get("token", "")[:40] or new_token()
        await self._store.write(lambda tx: make_vouchers(tx, package, int(count), batch, self._clock(), use_by_ms))
        return RedirectResponse(f"/owner/vouchers?batch={batch}", 303, HEADERS)

    @behind_the_door
    async def withdraw(self, request: Request) -> Response:
        """Withdraw what is unused of a batch."""
        batch = (await read_form(request)).get("batch", "")
        await self._store.write(lambda tx: withdraw_batch(tx, batch, self._clock()))
        return RedirectResponse("/owner/vouchers", 303, HEADERS)

    def _extend(self, tx: Transaction, source: str, entitlement: str, seconds: int) -> None:
        turns = read_turns(tx, entitlement)
        if not code_of(tx, entitlement):
            return
        now_ms = self._clock()
        last = turns[-1].grant.package if turns else Package(id="owner", name="Owner", seconds=0)
        running = next((turn.grant.package for turn in turns if turn.from_ms <= now_ms < turn.until_ms), last)
        package = _as_a_gift(running, seconds)
        grant(tx, source, package, Place(), now_ms, into=entitlement)

    def _midnight_ms(self) -> int:
        now = datetime.fromtimestamp(self._clock() / 1000, NAIROBI)
        return round(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)

    def _render(self, template: str, status: int = 200, **values: Any) -> Response:
        html = TEMPLATES.get_template(template).render(
            **{"why": "", **values},
            name=self._settings.name,
            mode=self._settings.mode,
            css=CSS,
            moment=show_moment,
        )
        return Response(html, status, HEADERS, media_type="text/html; charset=utf-8")


def show_moment(at_ms: int | None) -> str:
    """`21 Nov 14:05`, as clocks in Kenya show it."""
    return datetime.fromtimestamp(at_ms / 1000, NAIROBI).strftime("%d %b %H:%M") if at_ms else "–"


def _as_a_gift(package: Package, seconds: int) -> Package:
    """The same terms for another time, for nothing."""
    given: Mapping[str, Any] = {name: getattr(package, name) for name in package.__struct_fields__}
    return Package(**{**given, "seconds": seconds, "price": 0})
