"""`/pay/{checkout}`: the payer's page."""

from starlette.requests import Request
from starlette.responses import Response

from hakika.api.checkouts import CHECKOUT_ID
from hakika.api.listening import NOBODY_LISTENS, while_listened
from hakika.api.pages.frame import (
    HELD_MS,
    REFRESH_S,
    checkouts_of,
    page,
    read_form,
    read_id,
    read_language,
    read_typed_amount,
    render,
    router,
    see_other,
)
from hakika.api.pages.screens import Screen, find_return_url, make_screen
from hakika.domain.errors import CheckoutBusy, CheckoutEnded, HakikaError
from hakika.domain.phone import read_phone
from hakika.engine.checkout.checkouts import Seen

GO_AFTER_S = 2  # so that "Paid" can be read before the shop's page comes
SAME = "same"


@page
async def show_checkout(request: Request) -> Response:
    """Show a checkout as it is now."""
    return _show(request, await checkouts_of(request).read(read_id(request, CHECKOUT_ID)))


@page
async def press_pay(request: Request) -> Response:
    """Ask a phone, and go on to what came of it."""
    checkout_id, form, state = read_id(request, CHECKOUT_ID), await read_form(request), request.app.state
    checkouts = checkouts_of(request)
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
    return see_other(f"/pay/{checkout_id}", request.query_params.get("lang", ""))


@page
async def follow_checkout(request: Request) -> Response:
    """The page again as soon as it is another than the one that is shown: 204 where it stays the same."""
    checkout_id, after = read_id(request, CHECKOUT_ID), request.query_params.get("after", "")

    def is_other(seen: Seen) -> bool:
        return _make_screen(request, seen).version != after

    with request.app.state.turnstile.hold(request) as may_wait:
        following = checkouts_of(request).follow(checkout_id, HELD_MS if may_wait else 0, is_other)
        seen = await while_listened(request, following)
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
        refresh=_refresh(screen),
        screen=screen,
        test=row.mode == "test",
        now_ms=request.app.state.clock(),
        action=f"/pay/{row.id}?lang={language}",
        follow=f"/pay/{row.id}/state?lang={language}",
        trouble=error,
        bounds=(row.amount_least, row.amount_most),
        chosen=not row.amount,
        typed={"phone": lasting, "amount": typed.get("amount", latest)},
        least=f"{row.amount_least:,}",
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


router.add_route("/pay/{id}", show_checkout, methods=["GET"], include_in_schema=False)
router.add_route("/pay/{id}", press_pay, methods=["POST"], include_in_schema=False)
router.add_route("/pay/{id}/state", follow_checkout, methods=["GET"], include_in_schema=False)
