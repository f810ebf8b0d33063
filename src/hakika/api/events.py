"""`/v1/events`: everything that was published, to be read on from any number, and followed live."""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response, WebSocket
from starlette.websockets import WebSocketDisconnect

from hakika.api.access import Caller, identify
from hakika.api.event_shapes import EVENT_ID, EventList, EventShape
from hakika.api.listening import see_off
from hakika.api.payments import EVERYWHERE, ApiKey, Following
from hakika.api.problems import InvalidCursor, describe, document
from hakika.api.stream import BEAT, BEAT_MS, EXAMPLE, LASTS_MS, RETRY, STALLED_S, EventStream, as_message
from hakika.domain.errors import HakikaError, InvalidRequest, NotAuthenticated, NotFound
from hakika.engine.live.feed import Feed, Subscription, Wanted
from hakika.engine.live.publication import encode_event
from hakika.store.events import EventRow, EventSearch, Head, find_event, read_head, search_events
from hakika.store.transaction import Transaction

router = APIRouter(prefix="/v1/events", tags=["events"])
socket_router = APIRouter(prefix="/v1/events")

CURSOR = re.compile(r"(?:(?P<store>[0-9a-f]{8})-)?(?P<number>[0-9]{1,18})")
TYPES = r"^(\*|[a-z_]+\.(\*|[a-z_.]+))(,(\*|[a-z_]+\.(\*|[a-z_.]+)))*$"
SAYS_WHO_WITHIN_S = 10.0
REFUSED = 1008  # WebSocket: policy violation

After = Annotated[
    str | None,
    Query(
        description="The number of the last event that you have, or a stream's cursor.",
        json_schema_extra={"pattern": f"^{CURSOR.pattern.replace('?P<store>', '').replace('?P<number>', '')}$"},
        examples=["0"],
    ),
]
Types = Annotated[
    str | None,
    Query(
        alias="type",
        max_length=400,
        pattern=TYPES,
        description="Which types, with commas; `payment.*` is all of a kind. Probes (`test.*`) only by name.",
        examples=["payment.completed,payment.failed"],
    ),
]
LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", description="Sent by EventSource by itself.")]


def spell_cursor(head: Head, number: int) -> str:
    """`5f0c2a91-123`: which database, and how far."""
    return f"{head.store}-{number}"


def read_cursor(text: str, head: Head) -> int:
    """The number that a cursor names. Raises InvalidCursor."""
    parts = CURSOR.fullmatch(text.strip())
    if parts is None:
        raise InvalidCursor("A cursor is a number, or what stood after `id:` in a stream.")
    if parts["store"] not in {None, head.store}:
        raise InvalidCursor("That cursor is of another database.")
    if int(parts["number"]) > head.number:
        raise InvalidCursor(f"That cursor is of the future: the latest event is number {head.number}.")
    return int(parts["number"])


def _split(types: str | None) -> tuple[str, ...]:
    return tuple(types.split(",")) if types else ()


@router.get("", responses={200: {"model": EventList}, **document(*EVERYWHERE, InvalidCursor)})
async def list_events(
    request: Request,
    caller: ApiKey,
    after: After = None,
    types: Types = None,
    payment: Annotated[str, Query(max_length=40)] = "",
    checkout: Annotated[str, Query(max_length=40)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """Read events, oldest first. Ask again with `after` = `next_after`: whoever does misses none."""

    def job(tx: Transaction) -> tuple[Head, list[EventRow]]:
        head = read_head(tx)
        start = read_cursor(after, head) if after is not None else 0
        search = EventSearch(start, head.number, _split(types), caller.mode, payment, checkout, limit + 1)
        return head, search_events(tx, search)

    head, rows = await request.app.state.ledger.store.read(job)
    page, more = rows[:limit], len(rows) > limit
    data = b",".join(encode_event(row) for row in page)
    next_after = page[-1].number if more else head.number
    more_json = b"true" if more else b"false"
    return _json(b'{"object":"list","data":[%b],"has_more":%b,"next_after":%d}' % (data, more_json, next_after))


@router.get(
    "/stream",
    status_code=200,
    response_class=EventStream,
    responses={
        200: {
            "description": "Server-sent events, for as long as you read.",
            "content": {"text/event-stream": {"examples": {"one": {"value": EXAMPLE}}}},
        },
        **document(*EVERYWHERE, InvalidCursor),
    },
)
async def stream_events(
    feed: Following,
    caller: ApiKey,
    after: After = None,
    types: Types = None,
    stages: Annotated[bool, Query(description="Changes of stage as well; they are not repeated later.")] = False,
    last_event_id: LastEventId = None,
) -> Response:
    """Follow events live, as server-sent events: from a cursor on, or else from now."""
    head = await feed.head()
    wanted = Wanted(caller.mode, _split(types), stages)
    return EventStream(_open(feed, head, _start(last_event_id or after, head), wanted))


@router.get("/{event_id}", responses={200: {"model": EventShape}, **document(*EVERYWHERE, NotFound)})
async def read_event(event_id: str, request: Request, caller: ApiKey) -> Response:
    """Read one event."""
    row = None
    if re.fullmatch(EVENT_ID, event_id):
        row = await request.app.state.ledger.store.read(lambda tx: find_event(tx, event_id))
    if row is None or caller.mode not in {"", row.mode}:
        raise NotFound("There is no such event: an id is `evt_` and 26 characters.")
    return _json(encode_event(row))


def _start(cursor: str | None, head: Head) -> int:
    return head.number if cursor is None else read_cursor(cursor, head)


@contextmanager
def _open(
    feed: Feed, head: Head, start: int, wanted: Wanted
) -> Iterator[tuple[Subscription, AsyncGenerator[bytes, None]]]:
    with feed.subscribe(start, wanted) as subscription:
        yield subscription, _tell(subscription, head)


async def _tell(subscription: Subscription, head: Head) -> AsyncGenerator[bytes, None]:
    yield RETRY
    beats = 0
    async for message in subscription.follow(BEAT_MS):
        if message is None:
            beats += 1
            if beats * BEAT_MS >= LASTS_MS:
                return
            yield BEAT
        else:
            cursor = spell_cursor(head, message.number) if message.number else ""
            yield as_message(message.type, message.data, cursor)


# ── WebSocket ──────────────────────────────


@socket_router.websocket("/ws")
async def talk(socket: WebSocket) -> None:
    """Follow events over a WebSocket: each message is an event's JSON, the first says where it begins."""
    await socket.accept()
    # Whoever has left, or stopped reading, is not there to be told; not even what was wrong.
    with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
        try:
            await _converse(socket)
            await socket.close()
        except HakikaError as error:
            await _say(socket, msgspec.json.encode(describe(error)))
            await socket.close(REFUSED, error.code)


async def _converse(socket: WebSocket) -> None:
    feed: Feed = socket.app.state.feed
    caller = await _ask_who(socket)
    head = await feed.head()
    asked = socket.query_params
    wanted = Wanted(caller.mode, _read_types(asked.get("type")), asked.get("stages") in {"1", "true"})
    start = _start(asked.get("after"), head)
    with feed.subscribe(start, wanted) as subscription:
        leaving = asyncio.ensure_future(see_off(socket.receive))
        leaving.add_done_callback(lambda _: subscription.end())
        try:
            hello = {"object": "hello", "cursor": spell_cursor(head, start)}
            await _say(socket, msgspec.json.encode(hello))
            async for message in subscription.follow(BEAT_MS):
                if message is not None:
                    await _say(socket, message.data)
        finally:
            leaving.cancel()


async def _ask_who(socket: WebSocket) -> Caller:
    """Who speaks, by header or else by the first message. Raises NotAuthenticated."""
    gate = socket.app.state.gate
    if "authorization" in socket.headers:
        return await identify(gate, socket)
    try:
        async with asyncio.timeout(SAYS_WHO_WITHIN_S):
            said = msgspec.json.decode(await socket.receive_text(), type=dict[str, Any])
    except (TimeoutError, msgspec.DecodeError, KeyError):
        raise NotAuthenticated('Say {"authorization": "Bearer KEY"} first, within 10 seconds.') from None
    sender = socket.client.host if socket.client else ""
    caller: Caller = await gate.identify(str(said.get("authorization", "")), sender)
    return caller


def _read_types(types: str | None) -> tuple[str, ...]:
    if types and not re.match(TYPES, types):
        raise InvalidRequest("`type` is a list of types with commas between, or `payment.*`.", field="type")
    return _split(types)


async def _say(socket: WebSocket, message: bytes) -> None:
    async with asyncio.timeout(STALLED_S):
        await socket.send_text(message.decode())


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
