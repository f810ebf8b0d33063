"""`/link/{link}`: where shared and printed links lead.

A link that is shared is opened by every messenger that draws a preview of it. So for a link of many uses opening makes
nothing; a button does.
"""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hakika.api.checkouts import LINK_ID
from hakika.api.pages.frame import checkouts_of, page, read_id, read_language, render, router, see_other
from hakika.api.pages.words import kes
from hakika.domain.errors import LinkUsed
from hakika.engine.checkout.purchase import Purchase


@page
async def open_link(request: Request) -> Response:
    """Show what a link is for; one for a single use leads straight to its one checkout."""
    link = await checkouts_of(request).read_link(read_id(request, LINK_ID))
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
    return await _use(request, read_id(request, LINK_ID))


async def _use(request: Request, link_id: str) -> Response:
    request.app.state.turnstile.admit(request, "link")
    made = await checkouts_of(request).use_link(link_id)
    return see_other(f"/pay/{made.id}", request.query_params.get("lang", ""))


router.add_route("/link/{id}", open_link, methods=["GET"], include_in_schema=False)
router.add_route("/link/{id}", use_link, methods=["POST"], include_in_schema=False)
