"""`/pay/{checkout}`: the payer's page."""

from starlette.requests import Request
from starlette.responses import Response

from hakika.api.checkouts import CHECKOUT_ID
from hakika.api.listening import NOBODY_LISTENS, while_listened
from hakika.api.pages.frame import (
    explain,
    field_of,
    page,
    read_form,
    read_language,
    read_typed_amount,
    render,
    retry_after,
    router,
    see_other,
)
from hakika.api.pages.screens import Screen, find_return_url, make_screen
from hakika.domain.errors import CheckoutBusy, CheckoutEnded, HakikaError, NotFound
from hakika.domain.phone import read_phone
from hakika.engine.checkouts import Checkouts, Seen

HELD_MS = 25_000  # shorter than proxies' patience
REFRESH_S = 3
GO_AFTER_S = 2  # so that "Paid" can be read before the shop's page comes
SAME = "same"


@page
async def show_checkout(request: Request) -> Response:
    """Show a checkout as it is now."""
    return _show(request, await _checkouts(request).read(_read_id(request)))


@page
async def press_pay(request: Request) -> Response:
    """Ask a phone, and go on to what came of it."""
    checkout_id, form, state = _read_id(request), await read_form(request), request.app.state
    checkouts = _checkouts(request)
    seen = await checkouts.read(checkout_id)
    try:
        state.turnstile.admit(request, "press")
        typed = form.get("phone", "")
        phone = None if typed == SAME else read_phone(typed)
        amount = read_typed_amount(form.get("amount", "")) if phone and not seen.checkout.amount else 0
        await state.prompting.attempt(checkout_id, phone, amount, by_anyone=True)
    except (CheckoutEnded, CheckoutBusy):
        pass  # another tab was quicker, or its time was over: the page says so
    except HakikaError as error:
        return _show(request, await checkouts.read(checkout_id), error, form)
    return see_other(request.url.path, request.query_params.get("lang", ""))


@page
async def follow_checkout(request: Request) -> Response:
    """The page again as soon as it is another than the one that is shown: 204 where it stays the same."""
    checkout_id, after = _read_id(request), request.query_params.get("after", "")

    def is_other(seen: Seen) -> bool:
        return _make_screen(request, seen).version != after

    seen = await while_listened(request, _checkouts(request).follow(checkout_id, HELD_MS, is_other))
    if seen is None:
        return Response(status_code=NOBODY_LISTENS)
    return _show(request, seen) if is_other(seen) else Response(status_code=204)


def _show(
    request: Request, seen: Seen, error: HakikaError | None = None, typed: dict[str, str] | None = None
) -> Response:
    row, language = seen.checkout, read_language(request, seen.checkout.language)
    screen, typed = _make_screen(request, seen), typed or {}
    latest = str(seen.payment.amount) if seen.payment else ""
    lasting = "" if typed.get("phone") == SAME else typed.get("phone", "")
    return render(
        request,
        "pay.html" if not request.url.path.endswith("/state") else "screen.html",
        language,
        status=error.http_status if error else 200,
        headers=retry_after(error) if error else None,
        refresh=_refresh(screen),
        screen=screen,
        test=row.mode == "test",
        now_ms=request.app.state.clock(),
        action=f"/pay/{row.id}?lang={language}",
        follow=f"/pay/{row.id}/state?lang={language}",
        error=explain(error, language, row.amount_least, row.amount_most) if error else "",
        wrong=field_of(error),
        chosen=not row.amount,
        typed={"phone": lasting, "amount": typed.get("amount", latest)},
        least=row.amount_least,
        most=f"{row.amount_most:,}",
        description=row.description,
        return_url=find_return_url(row) if row.status == "completed" else "",
        cancel_url=row.cancel_url,
    )


def _make_screen(request: Request, seen: Seen) -> Screen:
    state, language = request.app.state, read_language(request, seen.checkout.language)
    return make_screen(seen, language, state.clock(), state.return_after_ms)


def _refresh(screen: Screen) -> str:
    if screen.go_url:
        return f"{GO_AFTER_S};url={screen.go_url}"
    # A page with a form is not taken from under a payer who types.
    return str(REFRESH_S) if screen.live and not screen.form else ""


def _checkouts(request: Request) -> Checkouts:
    checkouts: Checkouts = request.app.state.checkouts
    return checkouts


def _read_id(request: Request) -> str:
    checkout_id = str(request.path_params["checkout"])
    if not CHECKOUT_ID.fullmatch(checkout_id):
        raise NotFound("There is no such checkout.")
    return checkout_id


router.add_route("/pay/{checkout}", show_checkout, methods=["GET"], include_in_schema=False)
router.add_route("/pay/{checkout}", press_pay, methods=["POST"], include_in_schema=False)
router.add_route("/pay/{checkout}/state", follow_checkout, methods=["GET"], include_in_schema=False)
