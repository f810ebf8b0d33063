"""`/link/{link}`: where shared and printed links lead.

A link that is shared is opened by every messenger that draws a preview of it. So for a link of many uses opening makes
nothing; a button does.
"""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hakika.api.checkouts import LINK_ID
from hakika.api.pages.frame import page, read_language, render, router, see_other
from hakika.api.pages.words import kes
from hakika.domain.errors import LinkUsed, NotFound
from hakika.engine.checkouts import Checkouts
from hakika.engine.purchase import Purchase


@page
async def open_link(request: Request) -> Response:
    """Show what a link is for; one for a single use leads straight to its one checkout."""
    link = await _checkouts(request).read_link(_read_id(request))
    if not link.active:
        raise LinkUsed("This payment link is switched off.")
    if link.single_use:
        return await _use(request, link.id)
    purchase = msgspec.json.decode(link.template, type=Purchase)
    language = read_language(request, purchase.language)
    return render(
        request,
        "link.html",
        language,
        test=link.mode == "test",
        merchant=request.app.state.accounts.get(link.account).shown_name,
        amount=kes(purchase.amount) if purchase.amount else "",
        description=purchase.description,
        action=f"/link/{link.id}?lang={language}",
    )


@page
async def use_link(request: Request) -> Response:
    """Make a checkout from a link, and go there."""
    return await _use(request, _read_id(request))


async def _use(request: Request, link_id: str) -> Response:
    request.app.state.turnstile.admit(request, "link")
    made = await _checkouts(request).use_link(link_id)
    return see_other(f"/pay/{made.id}", request.query_params.get("lang", ""))


def _checkouts(request: Request) -> Checkouts:
    checkouts: Checkouts = request.app.state.checkouts
    return checkouts


def _read_id(request: Request) -> str:
    link_id = str(request.path_params["link"])
    if not LINK_ID.fullmatch(link_id):
        raise NotFound("There is no such payment link.")
    return link_id


router.add_route("/link/{link}", open_link, methods=["GET"], include_in_schema=False)
router.add_route("/link/{link}", use_link, methods=["POST"], include_in_schema=False)
