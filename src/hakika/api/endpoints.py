"""`/v1/endpoints`: where events are delivered to."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from hakika.api.access import Caller, read_mode
from hakika.api.answers import as_json
from hakika.api.deliveries import DeliveryCursor, PageSize, list_page
from hakika.api.endpoint_shapes import (
    ENDPOINT_EXAMPLE,
    DeletedShape,
    DeliveryList,
    DeliveryStatus,
    EndpointChange,
    EndpointList,
    EndpointShape,
    NewEndpoint,
    NewEndpointShape,
    PingShape,
    Rotation,
)
from hakika.api.payments import EVERYWHERE, ApiKey
from hakika.api.problems import document
from hakika.domain.errors import NotFound
from hakika.engine.messages.apprise_urls import check_url
from hakika.engine.webhooks.endpoints import Endpoints, show_endpoint
from hakika.engine.webhooks.outbox import Outbox, show_attempt
from hakika.engine.webhooks.outcomes import as_attempt
from hakika.store.opening import Store
from hakika.store.transaction import Transaction
from hakika.store.webhooks.deliveries import DeliveryFilter
from hakika.store.webhooks.endpoints import EndpointRow, count_owed, list_endpoints

ENDPOINT_ID = r"^ep_[0-9a-hjkmnp-tv-z]{26}$"
router = APIRouter(prefix="/v1/endpoints", tags=["endpoints"])
EndpointId = Annotated[str, Path(json_schema_extra={"pattern": ENDPOINT_ID}, examples=[ENDPOINT_EXAMPLE["id"]])]
ONE: dict[int | str, dict[str, Any]] = {200: {"model": EndpointShape}, **document(*EVERYWHERE, NotFound)}


@router.post("", status_code=201, responses={201: {"model": NewEndpointShape}, **document(*EVERYWHERE)})
async def add_endpoint(body: NewEndpoint, request: Request, caller: ApiKey) -> Response:
    """Deliver events to a URL. The answer has the secret that signs them: it is not shown again.

    The URL of a service that tells people (`mailtos://…`, `tgram://…`) is itself a secret: only a masked form is shown.
    """
    store, endpoints, _ = _parts(request)
    mode = read_mode(body.mode, caller, request)
    await check_url(body.url)
    secret, row = await store.write(lambda tx: endpoints.create(tx, mode, body.url, body.event_types, body.description))
    return as_json({**_show(row, request), "secret": secret or None}, 201)


@router.get("", responses={200: {"model": EndpointList}, **document(*EVERYWHERE)})
async def show_endpoints(request: Request, caller: ApiKey) -> Response:
    """List all endpoints, oldest first."""
    store, _, _ = _parts(request)

    def job(tx: Transaction) -> tuple[list[EndpointRow], dict[str, int]]:
        return list_endpoints(tx, caller.mode), count_owed(tx)

    rows, owed = await store.read(job)
    return as_json({"object": "list", "data": [_show(row, request, owed) for row in rows]})


@router.get("/{endpoint_id}", responses=ONE)
async def read_endpoint(endpoint_id: EndpointId, request: Request, caller: ApiKey) -> Response:
    """Read an endpoint, and how it fares."""
    store, endpoints, _ = _parts(request)

    def job(tx: Transaction) -> tuple[EndpointRow, dict[str, int]]:
        return _find(tx, endpoints, endpoint_id, caller), count_owed(tx)

    row, owed = await store.read(job)
    return as_json(_show(row, request, owed))


@router.patch("/{endpoint_id}", responses=ONE)
async def change_endpoint(endpoint_id: EndpointId, body: EndpointChange, request: Request, caller: ApiKey) -> Response:
    """Change an endpoint, or turn it on or off. What it is owed waits while it is off; that time does not count."""
    store, endpoints, _ = _parts(request)
    given = body.model_dump(exclude_none=True)
    await check_url(body.url)

    def job(tx: Transaction) -> tuple[EndpointRow, dict[str, int]]:
        row = endpoints.change(tx, _find(tx, endpoints, endpoint_id, caller), **given)
        return row, count_owed(tx)

    row, owed = await store.write(job)
    request.app.state.deliverer.notice()
    return as_json(_show(row, request, owed))


@router.delete("/{endpoint_id}", responses={200: {"model": DeletedShape}, **document(*EVERYWHERE, NotFound)})
async def delete_endpoint(endpoint_id: EndpointId, request: Request, caller: ApiKey) -> Response:
    """Delete an endpoint, and with it what it is owed. To keep that, turn it off instead."""
    store, endpoints, _ = _parts(request)
    await store.write(lambda tx: endpoints.remove(tx, _find(tx, endpoints, endpoint_id, caller).id))
    return as_json({"object": "endpoint", "id": endpoint_id, "deleted": True})


@router.post("/{endpoint_id}/rotate", responses={200: {"model": NewEndpointShape}, **document(*EVERYWHERE, NotFound)})
async def rotate_secret(
    endpoint_id: EndpointId, request: Request, caller: ApiKey, body: Rotation | None = None
) -> Response:
    """Make a new secret, shown this once. The old one signs beside it until you have put the new one in place."""
    store, endpoints, _ = _parts(request)
    overlap_ms = (body or Rotation()).overlap_s * 1000
    secret, row = await store.write(
        lambda tx: endpoints.rotate(tx, _find(tx, endpoints, endpoint_id, caller), overlap_ms)
    )
    return as_json({**_show(row, request), "secret": secret})


@router.post("/{endpoint_id}/ping", responses={200: {"model": PingShape}, **document(*EVERYWHERE, NotFound)})
async def ping_endpoint(endpoint_id: EndpointId, request: Request, caller: ApiKey) -> Response:
    """Send a `test.ping` now, also where the endpoint is off, and say what came of it."""
    store, endpoints, outbox = _parts(request)
    row = await store.read(lambda tx: _find(tx, endpoints, endpoint_id, caller))
    sent = await request.app.state.deliverer.ping(row, await outbox.make_ping(row))
    shown = {"object": "ping", "delivered": sent.reply.taken, "event": sent.owed.event.id, "endpoint": row.id}
    return as_json({**shown, "attempt": show_attempt(as_attempt(sent))})


@router.get("/{endpoint_id}/deliveries", responses={200: {"model": DeliveryList}, **document(*EVERYWHERE, NotFound)})
async def list_endpoint_deliveries(
    endpoint_id: EndpointId,
    request: Request,
    caller: ApiKey,
    status: DeliveryStatus | None = None,
    limit: PageSize = 20,
    cursor: DeliveryCursor = None,
) -> Response:
    """List what was and is owed to an endpoint, the newest event first."""
    store, endpoints, outbox = _parts(request)
    await store.read(lambda tx: _find(tx, endpoints, endpoint_id, caller))
    return await list_page(outbox, DeliveryFilter(caller.mode, "", endpoint_id, status or ""), limit, cursor)


def _find(tx: Transaction, endpoints: Endpoints, endpoint_id: str, caller: Caller) -> EndpointRow:
    if not re.fullmatch(ENDPOINT_ID, endpoint_id):
        raise NotFound("There is no such endpoint: an id is `ep_` and 26 characters.")
    return endpoints.find(tx, endpoint_id, caller.mode)


def _show(row: EndpointRow, request: Request, owed: dict[str, int] | None = None) -> dict[str, Any]:
    return {**show_endpoint(row, request.app.state.clock()), "owed": (owed or {}).get(row.id, 0)}


def _parts(request: Request) -> tuple[Store, Endpoints, Outbox]:
    state = request.app.state
    return state.ledger.store, state.endpoints, state.outbox
