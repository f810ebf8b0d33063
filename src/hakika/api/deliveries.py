"""`/v1/deliveries`: what is owed to whom, and owing it again; an event's deliveries; probes."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from hakika.api.access import read_mode
from hakika.api.answers import as_json
from hakika.api.endpoint_shapes import (
    ENDPOINT_EXAMPLE,
    DeliveryList,
    DeliveryStatus,
    EventDeliveries,
    ResendShape,
    ResentShape,
    TriggerShape,
)
from hakika.api.event_shapes import EVENT_EXAMPLE, EVENT_ID, EventShape
from hakika.api.payments import EVERYWHERE, ApiKey
from hakika.api.problems import document
from hakika.domain.errors import InvalidRequest, NotFound
from hakika.engine.live.publication import encode_event
from hakika.engine.webhooks.outbox import Outbox, show_delivery
from hakika.store.webhooks.deliveries import DeliveryFilter
from hakika.store.webhooks.resending import Resend

CURSOR = r"^[0-9]{1,18}-ep_[0-9a-hjkmnp-tv-z]{26}$"
router = APIRouter(prefix="/v1", tags=["deliveries"])
PageSize = Annotated[int, Query(ge=1, le=100)]
DeliveryCursor = Annotated[str | None, Query(pattern=CURSOR, description="`next_cursor` of the page before.")]


@router.get("/deliveries", responses={200: {"model": DeliveryList}, **document(*EVERYWHERE)})
async def show_deliveries(
    request: Request,
    caller: ApiKey,
    event: Annotated[str, Query(max_length=40, pattern=r"^[!-~]*$", examples=[EVENT_EXAMPLE["id"]])] = "",
    endpoint: Annotated[str, Query(max_length=40, pattern=r"^[!-~]*$", examples=[ENDPOINT_EXAMPLE["id"]])] = "",
    status: DeliveryStatus | None = None,
    limit: PageSize = 20,
    cursor: DeliveryCursor = None,
) -> Response:
    """List deliveries, the newest event first."""
    wanted = DeliveryFilter(caller.mode, event, endpoint, status or "")
    return await list_page(request.app.state.outbox, wanted, limit, cursor)


@router.post("/deliveries/resend", responses={200: {"model": ResentShape}, **document(*EVERYWHERE, NotFound)})
async def resend_deliveries(body: ResendShape, request: Request, caller: ApiKey) -> Response:
    """Deliver again: events by id, what is exhausted, a time range. Each keeps its id, and starts its schedule anew."""
    if not body.model_dump(exclude_none=True):
        message = "Say what to send again: `event_ids`, `endpoint`, `type`, `status`, `from` or `to`."
        raise InvalidRequest(message, field="event_ids")
    state = request.app.state
    wanted = Resend(
        mode=caller.mode,
        event_ids=tuple(body.event_ids or ()),
        endpoint=body.endpoint or "",
        type=body.type or "",
        status=body.status or "",
        from_ms=_milliseconds(body.since),
        to_ms=_milliseconds(body.until),
    )
    if body.endpoint:
        row = await state.ledger.store.read(lambda tx: state.endpoints.find(tx, body.endpoint, caller.mode))
        wanted = wanted._replace(mode=row.mode, event_types=row.event_types)
    return as_json({"object": "resend", "deliveries": await state.outbox.resend(wanted)})


@router.get(
    "/events/{event_id}/deliveries",
    responses={200: {"model": EventDeliveries}, **document(*EVERYWHERE, NotFound)},
)
async def tell_deliveries(
    event_id: Annotated[str, Path(json_schema_extra={"pattern": EVENT_ID}, examples=[EVENT_EXAMPLE["id"]])],
    request: Request,
    caller: ApiKey,
) -> Response:
    """Every delivery of an event, with every attempt and what it was answered."""
    if not re.fullmatch(EVENT_ID, event_id):
        raise NotFound("There is no such event: an id is `evt_` and 26 characters.")
    return as_json({"object": "list", "data": await request.app.state.outbox.tell(event_id, caller.mode)})


@router.post(
    "/events/trigger", status_code=201, responses={201: {"model": EventShape}, **document(*EVERYWHERE, NotFound)}
)
async def trigger_event(body: TriggerShape, request: Request, caller: ApiKey) -> Response:
    """Publish a probe: a `test.…` event with a sample, for endpoints that name it, `hakika listen`, and `endpoint`."""
    mode = read_mode(body.mode, caller, request)
    event = await request.app.state.outbox.trigger(mode, body.type, body.endpoint or "")
    return Response(encode_event(event), 201, media_type="application/json")


async def list_page(outbox: Outbox, wanted: DeliveryFilter, limit: int, cursor: str | None) -> Response:
    """One page of deliveries."""
    number, _, endpoint = (cursor or "").partition("-")
    after = (int(number), endpoint) if cursor else None
    found = await outbox.find(wanted._replace(after=after, limit=limit + 1))
    page, more = found[:limit], len(found) > limit
    last = page[-1].delivery if more else None
    shown: dict[str, Any] = {
        "object": "list",
        "data": [show_delivery(told) for told in page],
        "has_more": more,
        "next_cursor": f"{last.event}-{last.endpoint}" if last else None,
    }
    return as_json(shown)


def _milliseconds(moment: datetime | None) -> int:
    if moment is None:
        return 0
    return max(1, round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000))
