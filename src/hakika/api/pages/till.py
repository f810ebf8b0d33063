"""`/till`: the shop's staff type an amount and the customer's phone, and see at once whether it was paid."""

import secrets
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hakika.api.access import Caller
from hakika.api.listening import NOBODY_LISTENS, while_listened
from hakika.api.pages.frame import (
    HELD_MS,
    REFRESH_S,
    page,
    read_form,
    read_language,
    read_typed_amount,
    render,
    router,
    see_other,
)
from hakika.api.pages.screens import make_till_screen
from hakika.api.pages.sessions import PATH, Sessions, is_own_form
from hakika.api.pages.words import kes, speak, tell_phone, tell_time
from hakika.api.payments import PAYMENT_ID
from hakika.domain.errors import HakikaError, NotAuthenticated, NotFound
from hakika.engine.cashier import Cashier
from hakika.engine.once import IdempotencyKey, fingerprint_body
from hakika.engine.orders import read_order
from hakika.engine.representation import mode_of
from hakika.store.payments import PaymentRow
from hakika.store.search import Search

SALES_SHOWN = 8
SAME_ORIGIN = {"Referrer-Policy": "same-origin"}  # else forms would come from nowhere, and could not be told apart
_MOODS = {"completed": "good", "pending": "", "mispaid": "wait", "unresolved": "wait"}


@page
async def show_till(request: Request) -> Response:
    """Show the till, or the payment that it asked for last; whoever is not logged in sees how to."""
    caller = await _find_caller(request)
    if caller is None:
        return _show_login(request)
    payment_id = request.query_params.get("payment", "")
    row = await _read(request, caller, payment_id) if payment_id else None
    return await _show(request, caller, row)


@page
async def charge(request: Request) -> Response:
    """Ask a customer's phone."""
    _refuse_foreign_form(request)
    caller = await _find_caller(request)
    if caller is None:
        return _show_login(request)  # a session ends in the middle of a day
    form, cashier = await read_form(request), _cashier(request)
    once = form.get("once", "")[:64] or secrets.token_hex(8)
    try:
        order = read_order(
            amount=read_typed_amount(form.get("amount", "")),
            phone=form.get("phone", ""),
            reference=f"till-{once}",
            account=form.get("account") or None,
            mode=caller.mode,
        )
        # Two presses of one button are one request.
        key = IdempotencyKey(caller.key, f"till-{once}", fingerprint_body(PATH, form))
        answered = await cashier.request(order, key)
    except HakikaError as error:
        return await _show(request, caller, None, error, form)
    payment_id = str(msgspec.json.decode(answered.body)["id"])
    return see_other(f"{PATH}?payment={payment_id}", request.query_params.get("lang", ""))


@page
async def follow_sale(request: Request) -> Response:
    """The till again as soon as what it shows has changed; 204 where it stays the same."""
    caller = await _sessions(request).recognise(request)
    after, language = request.query_params.get("after", ""), read_language(request)
    row = await _read(request, caller, request.query_params.get("payment", ""))

    def is_other(latest: PaymentRow) -> bool:
        return make_till_screen(latest, language, request.app.state.clock()).version != after

    latest = await while_listened(request, _cashier(request).wait(row.id, HELD_MS, is_other))
    if latest is None:
        return Response(status_code=NOBODY_LISTENS)
    return await _show(request, caller, latest) if is_other(latest) else Response(status_code=204)


@page
async def log_in(request: Request) -> Response:
    """Begin a session with an API key."""
    request.app.state.turnstile.admit(request, "login")
    _refuse_foreign_form(request)
    key = (await read_form(request)).get("key", "")
    response = see_other(PATH, request.query_params.get("lang", ""))
    try:
        secure = request.app.state.checkouts.public_url.startswith("https")
        await _sessions(request).open(key, response, secure=secure)
    except NotAuthenticated as error:
        return _show_login(request, error)
    return response


@page
async def log_out(request: Request) -> Response:
    """End a session."""
    _refuse_foreign_form(request)
    response = see_other(PATH)
    Sessions.end(response)
    return response


@page
async def go_to_till(request: Request) -> Response:
    """The till, for who comes back to where a form was sent: by the language's switch, or from a bookmark."""
    return see_other(PATH, read_language(request))


def _refuse_foreign_form(request: Request) -> None:
    if not is_own_form(request):
        raise NotAuthenticated("That form is not ours.")


async def _find_caller(request: Request) -> Caller | None:
    """Who sits at the till; None where nobody is logged in."""
    try:
        return await _sessions(request).recognise(request)
    except NotAuthenticated:
        return None


def _show_login(request: Request, error: HakikaError | None = None) -> Response:
    language = read_language(request)
    said = speak(language)("wrong_key") if error else ""
    return render(request, "login.html", language, status=401, headers=SAME_ORIGIN, error=said)


async def _show(
    request: Request,
    caller: Caller,
    row: PaymentRow | None,
    error: HakikaError | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    state, language, typed = request.app.state, read_language(request), typed or {}
    now_ms = state.clock()
    screen = make_till_screen(row, language, now_ms) if row else None
    accounts = [one for one in state.accounts.known() if one.active and _opens(caller, one.environment)]
    sales = await _cashier(request).find(Search(mode=caller.mode or None, limit=SALES_SHOWN))
    return render(
        request,
        "counter.html" if request.url.path.endswith("/state") else "till.html",
        language,
        headers=SAME_ORIGIN,
        refresh=str(REFRESH_S) if screen and screen.live else "",
        screen=screen,
        test=caller.mode == "test",
        now_ms=now_ms,
        follow=f"{PATH}/state?payment={row.id}&lang={language}" if row else "",
        trouble=error,
        once=secrets.token_hex(8),
        accounts=accounts,
        typed={name: typed.get(name, "") for name in ("amount", "phone", "account")},
        sales=[_tell_sale(sale, language) for sale in sales],
    )


def _tell_sale(row: PaymentRow, language: str) -> dict[str, Any]:
    return {
        "amount": kes(row.amount),
        "phone": tell_phone(row.phone),
        "when": tell_time(row.created_at_ms, language).rpartition(", ")[2],
        "status": speak(language)(f"status_{row.status}"),
        "mood": _MOODS.get(row.status, "bad"),
    }


async def _read(request: Request, caller: Caller, payment_id: str) -> PaymentRow:
    if not PAYMENT_ID.fullmatch(payment_id):
        raise NotFound("There is no such payment.")
    row = await _cashier(request).read(payment_id)
    if not _opens(caller, row.environment):
        raise NotFound("There is no such payment.")
    return row


def _opens(caller: Caller, environment: str) -> bool:
    return caller.mode in {"", mode_of(environment)}


def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


def _cashier(request: Request) -> Cashier:
    cashier: Cashier = request.app.state.cashier
    return cashier


router.add_route(PATH, show_till, methods=["GET"], include_in_schema=False)
router.add_route(PATH, charge, methods=["POST"], include_in_schema=False)
router.add_route(f"{PATH}/state", follow_sale, methods=["GET"], include_in_schema=False)
router.add_route(f"{PATH}/login", log_in, methods=["POST"], include_in_schema=False)
router.add_route(f"{PATH}/login", go_to_till, methods=["GET"], include_in_schema=False)
router.add_route(f"{PATH}/logout", go_to_till, methods=["GET"], include_in_schema=False)
router.add_route(f"{PATH}/logout", log_out, methods=["POST"], include_in_schema=False)
