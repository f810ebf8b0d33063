"""`/v1/messages`: what payers were told. `/v1/opt-outs`: who wants none. `/m/{token}`: what payers reply."""

import re
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Path, Query, Request, Response

from hakika.api.access import read_mode
from hakika.api.answers import as_json
from hakika.api.deliveries import PageSize
from hakika.api.message_shapes import (
    MESSAGE_EXAMPLE,
    OPT_OUT_EXAMPLE,
    DeletedOptOut,
    MessageList,
    MessageShape,
    NewOptOut,
    OptOutList,
    OptOutShape,
    Recipient,
    Status,
)
from hakika.api.payments import EVERYWHERE, ApiKey
from hakika.api.problems import document
from hakika.domain.errors import NotFound
from hakika.engine.messages.follower import show_message
from hakika.engine.messages.opt_outs import read_recipient, show_opt_out
from hakika.store.messages.channels import find_channel_by_token, list_opt_outs
from hakika.store.messages.records import MessageFilter, MessageRow, find_message, list_messages
from hakika.store.transaction import Transaction

ID = r"[0-9a-hjkmnp-tv-z]{26}"
MESSAGE_ID, OPT_OUT_ID = rf"^msg_{ID}$", rf"^out_{ID}$"
router = APIRouter(prefix="/v1", tags=["messages"])
replies = APIRouter(include_in_schema=False)
MessageId = Annotated[str, Path(json_schema_extra={"pattern": MESSAGE_ID}, examples=[MESSAGE_EXAMPLE["id"]])]
OptOutId = Annotated[str, Path(json_schema_extra={"pattern": OPT_OUT_ID}, examples=[OPT_OUT_EXAMPLE["id"]])]
Id = Annotated[str, Query(max_length=40, pattern=r"^[!-~]*$")]


@router.get("/messages", responses={200: {"model": MessageList}, **document(*EVERYWHERE)})
async def list_payer_messages(
    request: Request,
    caller: ApiKey,
    payment: Id = "",
    channel: Id = "",
    status: Status | None = None,
    limit: PageSize = 20,
    cursor: Annotated[str | None, Query(pattern=rf"^[0-9]{{1,18}}-msg_{ID}$")] = None,
) -> Response:
    """List what payers were told, and what they were not told and why, the newest first."""
    wanted = MessageFilter(caller.mode, payment, channel, status or "", _read_cursor(cursor), limit + 1)
    found = await request.app.state.ledger.store.read(lambda tx: list_messages(tx, wanted))
    return _page([(row.created_at_ms, row.id, show_message(row)) for row in found], limit)


@router.get("/messages/{message_id}", responses={200: {"model": MessageShape}, **document(*EVERYWHERE, NotFound)})
async def read_message(message_id: MessageId, request: Request, caller: ApiKey) -> Response:
    """Read a message."""

    def job(tx: Transaction) -> MessageRow:
        row = find_message(tx, message_id) if re.fullmatch(MESSAGE_ID, message_id) else None
        if row is None or caller.mode not in {"", row.mode}:
            raise NotFound(f"There is no message {message_id!r}.")
        return row

    return as_json(show_message(await request.app.state.ledger.store.read(job)))


# ── who wants none ──────────────────────────────


@router.post("/opt-outs", status_code=201, responses={201: {"model": OptOutShape}, **document(*EVERYWHERE)})
async def add_opt_out(body: NewOptOut, request: Request, caller: ApiKey) -> Response:
    """Send one phone or address nothing more: of one account, or of all. Said twice is said once."""
    state = request.app.state
    mode, account = read_mode(body.mode, caller, request), ""
    if body.account:
        await state.ledger.store.read(state.accounts.load)
        account = state.accounts.choose(body.account, mode).id
    given = {"reason": body.reason}
    row = await state.ledger.store.write(lambda tx: state.opt_outs.add(tx, mode, account, body.recipient, **given))
    return as_json(show_opt_out(row), 201)


@router.get("/opt-outs", responses={200: {"model": OptOutList}, **document(*EVERYWHERE)})
async def show_opt_outs(
    request: Request,
    caller: ApiKey,
    recipient: Annotated[Recipient | None, Query(description="Only this phone or address.")] = None,
    limit: PageSize = 20,
    cursor: Annotated[str | None, Query(pattern=rf"^[0-9]{{1,18}}-out_{ID}$")] = None,
) -> Response:
    """List who wants no messages, the newest first."""
    who, after = read_recipient(recipient) if recipient else "", _read_cursor(cursor)
    found = await request.app.state.ledger.store.read(lambda tx: list_opt_outs(tx, caller.mode, who, after, limit + 1))
    return _page([(row.created_at_ms, row.id, show_opt_out(row)) for row in found], limit)


@router.delete("/opt-outs/{opt_out_id}", responses={200: {"model": DeletedOptOut}, **document(*EVERYWHERE, NotFound)})
async def delete_opt_out(opt_out_id: OptOutId, request: Request, caller: ApiKey) -> Response:
    """Let them be told again."""
    if not re.fullmatch(OPT_OUT_ID, opt_out_id):
        raise NotFound("There is no such opt-out: an id is `out_` and 26 characters.")
    state = request.app.state
    await state.ledger.store.write(lambda tx: state.opt_outs.remove(tx, opt_out_id, caller.mode))
    return as_json({"object": "opt_out", "id": opt_out_id, "deleted": True})


# ── what payers reply ──────────────────────────────


@replies.post("/m/{token}")
async def hear_reply(token: str, request: Request) -> Response:
    """Hear a payer's reply, as Africa's Talking posts it. The token in the path is who may."""
    state = request.app.state
    known = await state.ledger.store.read(lambda tx: find_channel_by_token(tx, token[:64]))
    if known is not None:
        form = _read_form(await request.body())
        await state.ledger.store.write(lambda tx: state.opt_outs.hear(tx, token, form))
    return Response("OK", media_type="text/plain")  # the same, whatever it was: nothing is learnt by guessing


def _read_form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=50))
    except ValueError:
        return {}


def _read_cursor(cursor: str | None) -> tuple[int, str] | None:
    at_ms, _, last = (cursor or "").partition("-")
    return (int(at_ms), last) if cursor else None


def _page(found: list[tuple[int, str, dict[str, Any]]], limit: int) -> Response:
    page, more = found[:limit], len(found) > limit
    cursor = f"{page[-1][0]}-{page[-1][1]}" if more else None
    return as_json({"object": "list", "data": [shown for _, _, shown in page], "has_more": more, "next_cursor": cursor})
