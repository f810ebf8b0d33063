"""The portal's pages: packages, the wait for M-Pesa, codes, and the way on the air."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import Row
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hakika_hotspot.accounts import judge
from hakika_hotspot.config import Settings
from hakika_hotspot.domain.access import Access, Nas, Reason
from hakika_hotspot.domain.package import Package
from hakika_hotspot.domain.phone import mask_phone, read_phone
from hakika_hotspot.entitlements import (
    bind_device,
    code_of,
    find_bound,
    find_by_browser,
    is_open,
    may_claim,
    owe_opening,
    read_turns,
)
from hakika_hotspot.ids import hash_secret, new_token, show_code
from hakika_hotspot.portal.rendering import find_target, render, see_other
from hakika_hotspot.portal.visit import Visit, read_visit
from hakika_hotspot.portal.words import say, say_time
from hakika_hotspot.purchases import (
    ASKING,
    COMPLETED,
    PENDING,
    UNASKED,
    Asking,
    Wish,
    begin_purchase,
    find_begun,
    find_purchase,
)
from hakika_hotspot.redeeming import Redeemer, Refused, redeem
from hakika_hotspot.store import Store, Transaction
from hakika_hotspot.tries import are_too_many, count_wrong
from hakika_hotspot.waits import Waits

REFRESH_S = 2  # without script: a page that asks again so often
SLOW_MS = 40_000  # after so long a payer wonders
HOLD_S = 20.0  # a question that waits for news is answered by then: routers cut what is silent for longer
LOOK_AGAIN_S = 1.0  # another node may have heard the news
NO_MONEY = {"failed", "cancelled", "expired"}
FAILURES = {"1": "insufficient_funds", "2001": "wrong_pin", "1037": "expired", "1032": "cancelled"}
LONGEST_BODY = 8_192


class Has(NamedTuple):
    """What a visitor has: the access, and the code, which only who proved to be the buyer is shown."""

    access: Access
    code: str


class Portal:
    """Its pages."""

    def __init__(
        self, settings: Settings, store: Store, asking: Asking, waits: Waits, clock: Callable[[], int]
    ) -> None:
        self._settings, self._store, self._asking, self._clock = settings, store, asking, clock
        self._waits = waits
        self._tasks: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        """Every path."""
        return [
            Route("/", self.show_home),
            Route("/buy", self.buy, methods=["POST"]),
            Route("/p/{token}", self.show_purchase),
            Route("/p/{token}/news", self.tell_news),
            Route("/code", self.use_code, methods=["POST"]),
            Route("/connect", self.connect, methods=["POST"]),
            Route("/on", self.show_online),
        ]

    async def rest(self) -> None:
        """Wait until Hakika was asked for all that was begun."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # ── pages ──────────────────────────────

    async def show_home(self, request: Request) -> Response:
        """What is sold here, and what the visitor has."""
        return await self._home(request, read_visit(request, self._settings))

    async def buy(self, request: Request) -> Response:
        """Ask a phone for the price of a package. The same form again is the same purchase."""
        form = await read_form(request)
        visit = read_visit(request, self._settings, form)
        chosen, typed = form.get("package", ""), form.get("phone", "")
        package, phone = self._settings.find_package(chosen), read_phone(typed)
        if package is None or not package.is_sold_at(visit.site):
            return await self._home(request, visit, "no_package", chosen=chosen, phone=typed)
        if not phone:
            return await self._home(request, visit, "bad_phone", chosen=chosen, phone=typed)
        wish = Wish(form.get("token", "")[:64], package, phone, visit.place, visit.site, self._settings.mode)
        begun = await self._store.write(lambda tx: self._begin(tx, visit, wish))
        if begun is None:
            return await self._home(request, visit, "too_many", chosen=chosen, phone=typed)
        row, token, new = begun
        if new:
            self._ask(row)
        return see_other(self._settings, visit, f"/p/{token}")

    async def show_purchase(self, request: Request) -> Response:
        """How far a purchase is. Without script the page asks for itself again, and again."""
        visit = read_visit(request, self._settings)
        token = str(request.path_params["token"])
        row = await self._store.read(lambda tx: find_purchase(tx, token))
        if row is None:
            return self._trouble(request, visit, "no_page")
        if row.status == COMPLETED:
            return await self._paid(request, visit, row)
        is_open_still = row.status in {ASKING, PENDING}
        self._hold(row)
        here = visit.link(f"/p/{token}")
        return render(
            request,
            self._settings,
            visit,
            "purchase.html",
            refresh=f"{REFRESH_S};url={here}" if is_open_still else "",
            wait=f"/p/{token}/news" if is_open_still else "",
            paid=False,
            open=is_open_still,
            slow=self._clock() - row.created_at_ms > SLOW_MS,
            phone=mask_phone(row.phone),
            price=row.price,
            here=here,
            no_money=row.status in NO_MONEY,
            why=self._explain(visit, row),
        )

    async def tell_news(self, request: Request) -> Response:
        """Answer as soon as a purchase has ended, or after a while."""
        token = str(request.path_params["token"])
        left_s = HOLD_S
        while True:
            news = self._store.news
            row = await self._store.read(lambda tx: find_purchase(tx, token))
            status = row.status if row else "gone"
            settled = status not in {ASKING, PENDING}
            self._hold(row)
            if settled or left_s <= 0:
                return JSONResponse({"status": status, "changed": settled}, headers={"Cache-Control": "no-store"})
            left_s -= LOOK_AGAIN_S
            await self._store.changed(LOOK_AGAIN_S, news)

    async def use_code(self, request: Request) -> Response:
        """Let a device in by a voucher, an entitlement's code or a receipt."""
        form = await read_form(request)
        visit = read_visit(request, self._settings, form)
        place = visit.place
        who = Redeemer(visit.mac, place.browser, visit.router, visit.site, visit.ip, visit.caller, claimed=True)
        phone = read_phone(form.get("phone", ""))

        def try_it(tx: Transaction) -> Reason | None:
            try:
                redeem(tx, who, form.get("code", ""), phone, self._clock())
            except Refused as refused:
                return refused.reason
            return None

        refused = await self._store.write(try_it, tell=True)
        if refused is not None:
            word = "too_many" if refused is Reason.TOO_MANY_TRIES else str(refused)
            return await self._home(request, visit, word, code_open=True)
        return see_other(self._settings, visit, "/on", go="1")

    async def connect(self, request: Request) -> Response:
        """Let the device that a browser is on now go by what the browser bought: its MAC may be another."""
        visit = read_visit(request, self._settings, await read_form(request))
        await self._store.write(lambda tx: self._bind(tx, visit), tell=True)
        return see_other(self._settings, visit, "/on", go="1")

    async def show_online(self, request: Request) -> Response:
        """What the device has, and the router's login."""
        visit = read_visit(request, self._settings)
        has = await self._store.read(lambda tx: self._find(tx, visit))
        access, code = has
        done, after = "done" in request.query_params, self._after(visit)
        return render(
            request,
            self._settings,
            visit,
            "online.html",
            status=200 if access.allowed else 403,
            target=None if done or not access.allowed else find_target(visit, code, after),
            go="go" in request.query_params,
            done=done or not visit.login,
            allowed=access.allowed,
            left=self._left(visit, access),
            data_left=None if access.bytes_left is None else access.bytes_left // 1_000_000,
            code=show_code(code),
            devices=access.devices,
            why="" if access.allowed else say(visit.language, str(access.reason)),
            orig=visit.orig,
            orig_host=urlsplit(visit.orig).hostname or "",
        )

    # ── their parts ──────────────────────────────

    async def _home(
        self,
        request: Request,
        visit: Visit,
        error: str = "",
        *,
        chosen: str = "",
        phone: str = "",
        code_open: bool = False,
    ) -> Response:
        access, _ = await self._store.read(lambda tx: self._find(tx, visit))
        packages = [one for one in self._settings.packages if one.is_sold_at(visit.site)]
        return render(
            request,
            self._settings,
            visit,
            "home.html",
            status=422 if error else 200,
            error=say(visit.language, error) if error else "",
            left=self._left(visit, access) if access.allowed or access.reason == Reason.TOO_MANY_DEVICES else "",
            packages=[
                {"id": one.id, "name": one.named(visit.language), "price": one.price, "detail": describe(visit, one)}
                for one in packages
            ],
            chosen=chosen or (packages[0].id if len(packages) == 1 else ""),
            phone=phone,
            code_open=code_open,
            fields=visit.fields,
            token=new_token(),
        )

    async def _paid(self, request: Request, visit: Visit, row: Row[Any]) -> Response:
        """Who holds the link of a purchase is its buyer, also in a browser that keeps no cookie."""
        has = await self._store.read(lambda tx: self._look(tx, row.entitlement, visit, proven=True))
        after = self._after(visit)
        return render(
            request,
            self._settings,
            visit,
            "purchase.html",
            target=find_target(visit, has.code, after),
            go=True,
            paid=True,
            receipt=row.receipt,
            left=self._left(visit, has.access) if has.access.allowed else "",
            code=show_code(has.code),
            devices=has.access.devices,
        )

    def _begin(self, tx: Transaction, visit: Visit, wish: Wish) -> tuple[Row[Any], str, bool] | None:
        now_ms = self._clock()
        rings = [f"rings:{visit.place.browser}", f"phone:{wish.phone}", f"site:{visit.caller}"]
        rings += [f"rings:{visit.mac}"] if visit.mac else []
        if find_begun(tx, wish) is None and are_too_many(tx, rings, now_ms):
            return None
        begun = begin_purchase(tx, wish, now_ms)
        if begun[2]:
            count_wrong(tx, rings, now_ms)
        return begun

    def _bind(self, tx: Transaction, visit: Visit) -> None:
        now_ms = self._clock()
        entitlement = find_by_browser(tx, hash_secret(visit.browser), now_ms)
        if entitlement and visit.mac and may_claim(tx, visit.place, entitlement, now_ms):
            bind_device(tx, entitlement, visit.place, now_ms)
        entitlement = entitlement or find_bound(tx, visit.mac)
        if entitlement:
            owe_opening(tx, entitlement, now_ms)

    def _find(self, tx: Transaction, visit: Visit) -> Has:
        """What a visitor has: by its browser, which proves more, or by its MAC."""
        now_ms = self._clock()
        mine = find_by_browser(tx, hash_secret(visit.browser), now_ms) if visit.has_cookie else ""
        return self._look(tx, mine or find_bound(tx, visit.mac), visit, proven=bool(mine))

    def _look(self, tx: Transaction, entitlement: str, visit: Visit, *, proven: bool) -> Has:
        if not entitlement:
            return Has(Access(allowed=False, reason=Reason.NOTHING_BOUGHT), "")
        access = judge(tx, entitlement, visit.mac, Nas(visit.router, visit.site), self._clock())
        if access.reason == Reason.TOO_MANY_DEVICES:
            turns = read_turns(tx, entitlement)
            access = Access(
                allowed=False, reason=access.reason, entitlement_id=entitlement, expires_at_ms=turns[-1].until_ms
            )
        shown = proven and is_open(tx, entitlement, self._clock())
        return Has(access, code_of(tx, entitlement) if shown else "")

    def _ask(self, row: Row[Any]) -> None:
        task = asyncio.ensure_future(self._asking.ask(row))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _hold(self, row: Row[Any] | None) -> None:
        if row and row.payment and row.status == PENDING:
            self._waits.hold(row.payment)

    def _after(self, visit: Visit) -> str:
        """Where the router sends a browser that it let in."""
        return self._settings.public_url.rstrip("/") + visit.link("/on", done="1")

    def _left(self, visit: Visit, access: Access) -> str:
        seconds = (access.expires_at_ms - self._clock()) // 1000
        return say_time(visit.language, seconds) if seconds > 0 else ""

    def _explain(self, visit: Visit, row: Row[Any]) -> str:
        word = FAILURES.get(row.failure, row.failure) if row.status in NO_MONEY else row.status
        known = {
            "insufficient_funds",
            "wrong_pin",
            "payer_busy",
            "repeated_too_soon",
            UNASKED,
            "refused",
            "bad_phone",
        }
        known |= {"cancelled", "expired", "failed", "mispaid", "unresolved", "reversed"}
        if word not in known:
            word = row.status if row.status in known else "failed"
        return say(visit.language, word)

    def _trouble(self, request: Request, visit: Visit, word: str) -> Response:
        why = say(visit.language, word)
        return render(request, self._settings, visit, "trouble.html", status=404, why=why)


def describe(visit: Visit, package: Package) -> str:
    """`5 Mbit/s · 500 MB · 2 devices`."""
    parts = []
    if package.rate_down_kbps:
        parts.append(f"{package.rate_down_kbps / 1000:g} Mbit/s")
    if package.bytes_limit is not None:
        parts.append(f"{package.bytes_limit // 1_000_000} MB")
    if package.devices > 1:
        parts.append(say(visit.language, "devices", n=package.devices))
    return " · ".join(parts)


async def read_form(request: Request) -> Mapping[str, str]:
    """Read the fields of a form of bounded size."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            return {}
    given = parse_qsl(body.decode("utf-8", "replace"), max_num_fields=40)
    return {name: "".join(letter for letter in value if letter.isprintable()).strip() for name, value in given}
