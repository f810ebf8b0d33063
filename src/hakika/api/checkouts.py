"""`/v1/checkouts` and `/v1/links`: pages on which payers pay, and what became of them."""

import io
import re
from typing import Annotated, Any, Literal

import msgspec
import segno
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from hakika.api.access import Caller
from hakika.api.checkout_shapes import (
    CheckoutList,
    CheckoutShape,
    LinkChange,
    LinkList,
    LinkShape,
    NewCheckout,
    NewLink,
)
from hakika.api.keyed import KEY_ERRORS, REPLAYED, KeyHeader, answer_created, read_key
from hakika.api.listening import NOBODY_LISTENS, while_listened
from hakika.api.payments import EVERYWHERE, ApiKey
from hakika.api.problems import document
from hakika.api.shapes import Reference, WaitSeconds
from hakika.domain.errors import CheckoutBusy, CheckoutEnded, InvalidAmount, NotFound
from hakika.engine.checkout.checkouts import Checkouts, Seen
from hakika.engine.checkout.purchase import encode_checkout, encode_link, read_purchase

CHECKOUT_ID = re.compile(r"chk_[0-9a-hjkmnp-tv-z]{26}")
LINK_ID = re.compile(r"lnk_[0-9a-hjkmnp-tv-z]{26}")
QR_BORDER, QR_SCALE = 2, 8
QR_CODES: dict[str, Any] = {
    "image/svg+xml": {"schema": {"type": "string", "examples": ['<svg xmlns="http://www.w3.org/2000/svg" …>…</svg>']}},
    "image/png": {"schema": {"type": "string", "format": "binary", "examples": ["the bytes of a PNG"]}},
}

router = APIRouter(tags=["checkouts"])


async def find_checkouts(request: Request) -> Checkouts:
    """FastAPI's dependency: the verbs of checkouts."""
    checkouts: Checkouts = request.app.state.checkouts
    return checkouts


Verbs = Annotated[Checkouts, Depends(find_checkouts)]


async def read_checkout_id(
    checkout_id: Annotated[str, Path(json_schema_extra={"pattern": f"^{CHECKOUT_ID.pattern}$"})],
    checkouts: Verbs,
    caller: ApiKey,
) -> str:
    """FastAPI's dependency: the id of a checkout that the caller's key opens. Raises NotFound."""
    if not CHECKOUT_ID.fullmatch(checkout_id):
        raise NotFound("There is no such checkout: an id is `chk_` and 26 characters.")
    if caller.mode not in {"", (await checkouts.read(checkout_id)).checkout.mode}:
        raise NotFound(f"There is no {caller.mode} checkout {checkout_id!r}.")
    return checkout_id


async def read_link_id(
    link_id: Annotated[str, Path(json_schema_extra={"pattern": f"^{LINK_ID.pattern}$"})],
    checkouts: Verbs,
    caller: ApiKey,
) -> str:
    """FastAPI's dependency: the id of a link that the caller's key opens. Raises NotFound."""
    if not LINK_ID.fullmatch(link_id):
        raise NotFound("There is no such link: an id is `lnk_` and 26 characters.")
    if caller.mode not in {"", (await checkouts.read_link(link_id)).mode}:
        raise NotFound(f"There is no {caller.mode} link {link_id!r}.")
    return link_id


CheckoutId = Annotated[str, Depends(read_checkout_id)]
LinkId = Annotated[str, Depends(read_link_id)]
CHECKOUT: dict[str, Any] = {"model": CheckoutShape, "description": "The checkout."}
LINK: dict[str, Any] = {"model": LinkShape, "description": "The link."}
CREATING = document(*EVERYWHERE, InvalidAmount, *KEY_ERRORS)


@router.post("/v1/checkouts", status_code=201, responses={201: CHECKOUT | REPLAYED, **CREATING})
async def create_checkout(
    body: NewCheckout, checkouts: Verbs, caller: ApiKey, idempotency_key: KeyHeader = None
) -> Response:
    """Make a page on which one purchase is paid. Send the payer to its `url`."""
    given = _given(body)
    key = read_key("/v1/checkouts", caller, idempotency_key, given)
    return answer_created(await checkouts.create(read_purchase(**given), caller.mode, key))


@router.get("/v1/checkouts", responses={200: {"model": CheckoutList}, **document(*EVERYWHERE)})
async def list_checkouts(
    checkouts: Verbs,
    caller: ApiKey,
    reference: Reference | None = None,
    status: Literal["open", "completed", "expired", "cancelled"] | None = None,
    link: Annotated[str | None, Query(pattern=f"^{LINK_ID.pattern}$")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(pattern=f"^{CHECKOUT_ID.pattern}$")] = None,
) -> Response:
    """Find checkouts, newest first."""
    found = await checkouts.find(caller.mode, reference, status, link, cursor or "", limit + 1)
    page = [encode_checkout(seen.checkout, seen.payment, checkouts.public_url) for seen in found[:limit]]
    last = found[limit - 1].checkout.id if len(found) > limit else None
    return _list(page, last)


@router.get("/v1/checkouts/{checkout_id}", responses={200: CHECKOUT, **document(*EVERYWHERE, NotFound)})
async def read_checkout(checkout_id: CheckoutId, checkouts: Verbs) -> Response:
    """Read a checkout, with the ids of all payments that were made for it."""
    return await _show(checkouts, await checkouts.read(checkout_id))


@router.get("/v1/checkouts/{checkout_id}/wait", responses={200: CHECKOUT, **document(*EVERYWHERE, NotFound)})
async def wait_for_checkout(
    checkout_id: CheckoutId, request: Request, checkouts: Verbs, timeout_s: WaitSeconds = 120
) -> Response:
    """Wait until the checkout is no longer open, or until the timeout (in seconds)."""
    seen = await while_listened(request, checkouts.wait(checkout_id, int(timeout_s * 1000)))
    return Response(status_code=NOBODY_LISTENS) if seen is None else await _show(checkouts, seen)


@router.post(
    "/v1/checkouts/{checkout_id}/cancel",
    responses={200: CHECKOUT, **document(*EVERYWHERE, NotFound, CheckoutEnded, CheckoutBusy)},
)
async def cancel_checkout(checkout_id: CheckoutId, checkouts: Verbs) -> Response:
    """Call a checkout off. While a prompt is on a phone it cannot be."""
    await checkouts.cancel(checkout_id)
    return await _show(checkouts, await checkouts.read(checkout_id))


# ── links ──────────────────────────────


@router.post("/v1/links", status_code=201, responses={201: LINK | REPLAYED, **CREATING})
async def create_link(body: NewLink, checkouts: Verbs, caller: ApiKey, idempotency_key: KeyHeader = None) -> Response:
    """Make a link that can be shared or printed; whoever opens it gets a checkout of their own."""
    given = _given(body)
    key = read_key("/v1/links", caller, idempotency_key, given)
    single_use = given.pop("single_use")
    return answer_created(await checkouts.create_link(read_purchase(**given), caller.mode, key, single_use=single_use))


@router.get("/v1/links", responses={200: {"model": LinkList}, **document(*EVERYWHERE)})
async def list_links(
    checkouts: Verbs,
    caller: ApiKey,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(pattern=f"^{LINK_ID.pattern}$")] = None,
) -> Response:
    """List links, newest first."""
    found = await checkouts.find_links(caller.mode, limit + 1, cursor or "")
    last = found[limit - 1].id if len(found) > limit else None
    return _list([encode_link(link, checkouts.public_url) for link in found[:limit]], last)


@router.get("/v1/links/{link_id}", responses={200: LINK, **document(*EVERYWHERE, NotFound)})
async def read_link(link_id: LinkId, checkouts: Verbs) -> Response:
    """Read a link."""
    return _json(encode_link(await checkouts.read_link(link_id), checkouts.public_url))


@router.patch("/v1/links/{link_id}", responses={200: LINK, **document(*EVERYWHERE, NotFound)})
async def change_link(link_id: LinkId, body: LinkChange, checkouts: Verbs) -> Response:
    """Switch a link off, or on again."""
    return _json(encode_link(await checkouts.switch_link(link_id, active=body.active), checkouts.public_url))


@router.get(
    "/v1/links/{link_id}/qr.{kind}",
    response_class=Response,
    responses={200: {"content": QR_CODES}, **document(*EVERYWHERE, NotFound)},
)
async def draw_link(link_id: LinkId, kind: Literal["svg", "png"], checkouts: Verbs) -> Response:
    """Draw a link as a QR code, to print or to show."""
    link = await checkouts.read_link(link_id)
    code, drawn = segno.make(f"{checkouts.public_url}/link/{link.id}", error="m", micro=False), io.BytesIO()
    code.save(drawn, kind=kind, border=QR_BORDER, scale=QR_SCALE)
    return Response(drawn.getvalue(), media_type="image/svg+xml" if kind == "svg" else "image/png")


def _given(body: NewCheckout | NewLink) -> dict[str, Any]:
    """What was given, as it was given: not a copy, which has a limit of its own on how deep `metadata` may be."""
    return dict(body) | {"ask_again": dict(body.ask_again) if body.ask_again else None}


async def _show(checkouts: Checkouts, seen: Seen) -> Response:
    attempts = await checkouts.read_attempts(seen.checkout.id)
    shown = encode_checkout(seen.checkout, seen.payment, checkouts.public_url)
    ids = msgspec.json.encode([payment.id for payment in attempts])
    return _json(shown[:-1] + b',"payments":' + ids + b"}")


def _list(page: list[bytes], last: str | None) -> Response:
    more = b"true" if last else b"false"
    data, cursor = b",".join(page), msgspec.json.encode(last)
    return _json(b'{"object":"list","data":[%b],"has_more":%b,"next_cursor":%b}' % (data, more, cursor))


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")


__all__ = ["CHECKOUT_ID", "LINK_ID", "Caller", "find_checkouts", "router"]
