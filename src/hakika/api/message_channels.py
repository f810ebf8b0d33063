"""`/v1/message-channels`: the ways on which an account's payers are told. Off by default."""

import asyncio
import re
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Request, Response

from hakika.api.access import Caller
from hakika.api.answers import as_json
from hakika.api.message_shapes import (
    CHANNEL_EXAMPLE,
    ChannelChange,
    ChannelList,
    ChannelShape,
    DeletedChannel,
    NewChannel,
    Trial,
    TrialShape,
)
from hakika.api.payments import EVERYWHERE, ApiKey
from hakika.api.problems import document
from hakika.domain.errors import ChannelExists, InvalidRequest, NotFound
from hakika.engine.messages.carriers import Parcel, check_url
from hakika.engine.messages.channels import Channels, show_channel
from hakika.engine.messages.follower import Snapshot, compose
from hakika.engine.messages.opt_outs import read_recipient
from hakika.engine.webhooks.samples import sample_payment
from hakika.store.accounts import find_account
from hakika.store.messages.channels import ChannelRow, list_channels
from hakika.store.opening import Store
from hakika.store.transaction import Transaction

CHANNEL_ID = r"^mch_[0-9a-hjkmnp-tv-z]{26}$"
router = APIRouter(prefix="/v1/message-channels", tags=["messages"])
ChannelId = Annotated[str, Path(json_schema_extra={"pattern": CHANNEL_ID}, examples=[CHANNEL_EXAMPLE["id"]])]
ONE: dict[int | str, dict[str, Any]] = {200: {"model": ChannelShape}, **document(*EVERYWHERE, NotFound)}


@router.post("", status_code=201, responses={201: {"model": ChannelShape}, **document(*EVERYWHERE, ChannelExists)})
async def add_message_channel(body: NewChannel, request: Request, caller: ApiKey) -> Response:
    """Add a way to tell an account's payers. It sends nothing until it is turned on. The URL is not shown again."""
    store, channels = _parts(request)
    accounts = request.app.state.accounts
    await store.read(accounts.load)
    account_id = accounts.choose(body.account, caller.mode).id
    given = body.model_dump(exclude_none=True, exclude={"kind", "url", "account"})
    await _check_aside(body.kind, body.url)

    def job(tx: Transaction) -> ChannelRow:
        account = find_account(tx, account_id)
        if account is None:
            raise NotFound(f"There is no account {account_id}.")
        return channels.create(tx, account, body.kind, body.url, **given)

    return as_json(_show(await store.write(job), request), 201)


@router.get("", responses={200: {"model": ChannelList}, **document(*EVERYWHERE)})
async def list_message_channels(request: Request, caller: ApiKey) -> Response:
    """List all channels, oldest first."""
    store, _ = _parts(request)
    rows = await store.read(lambda tx: list_channels(tx, caller.mode))
    return as_json({"object": "list", "data": [_show(row, request) for row in rows]})


@router.get("/{channel_id}", responses=ONE)
async def read_message_channel(channel_id: ChannelId, request: Request, caller: ApiKey) -> Response:
    """Read a channel."""
    store, channels = _parts(request)
    return as_json(_show(await store.read(lambda tx: _find(tx, channels, channel_id, caller)), request))


@router.patch("/{channel_id}", responses=ONE)
async def change_message_channel(
    channel_id: ChannelId, body: ChannelChange, request: Request, caller: ApiKey
) -> Response:
    """Change a channel, or turn it on or off. What waits for one that is turned off is not sent."""
    store, channels = _parts(request)
    given = body.model_dump(exclude_none=True)
    row = await store.read(lambda tx: _find(tx, channels, channel_id, caller))
    if body.url:
        await _check_aside(row.kind, body.url)
    changed = await store.write(lambda tx: channels.change(tx, _find(tx, channels, channel_id, caller), **given))
    return as_json(_show(changed, request))


@router.delete("/{channel_id}", responses={200: {"model": DeletedChannel}, **document(*EVERYWHERE, NotFound)})
async def delete_message_channel(channel_id: ChannelId, request: Request, caller: ApiKey) -> Response:
    """Delete a channel. Its messages stay in the list until they are forgotten."""
    store, channels = _parts(request)
    await store.write(lambda tx: channels.remove(tx, _find(tx, channels, channel_id, caller)))
    return as_json({"object": "message_channel", "id": channel_id, "deleted": True})


@router.post("/{channel_id}/try", responses={200: {"model": TrialShape}, **document(*EVERYWHERE, NotFound)})
async def try_message_channel(channel_id: ChannelId, body: Trial, request: Request, caller: ApiKey) -> Response:
    """Send a sample now, also where the channel is off, and say what came of it. It is real: it may cost money."""
    store, channels = _parts(request)
    row = await store.read(lambda tx: _find(tx, channels, channel_id, caller))
    recipient = read_recipient(body.recipient)
    if ("@" in recipient) != (row.kind == "email"):
        raise InvalidRequest(f"`recipient`: {row.kind} goes to another kind of address.", field="recipient")
    sample = sample_payment(body.type, row.mode, request.app.state.clock())
    name = request.app.state.accounts.get(row.account).shown_name
    language = body.language or row.language
    subject, text = compose(row, body.type, msgspec.convert(sample, Snapshot), language, name)
    fate = await request.app.state.postman.carry(row, Parcel(row.kind, recipient, subject, text))
    said = {name: value or None for name, value in fate._asdict().items()}
    return as_json({"object": "trial", "channel": row.id, **said, "subject": subject or None, "text": text})


async def _check_aside(kind: str, url: str) -> None:
    # In a thread, before the transaction: the first time, apprise takes most of a second to load.
    await asyncio.to_thread(check_url, kind, url)


def _find(tx: Transaction, channels: Channels, channel_id: str, caller: Caller) -> ChannelRow:
    if not re.fullmatch(CHANNEL_ID, channel_id):
        raise NotFound("There is no such channel: an id is `mch_` and 26 characters.")
    return channels.find(tx, channel_id, caller.mode)


def _show(row: ChannelRow, request: Request) -> dict[str, Any]:
    return show_channel(row, request.app.state.ledger.public_url)


def _parts(request: Request) -> tuple[Store, Channels]:
    return request.app.state.ledger.store, request.app.state.channels
