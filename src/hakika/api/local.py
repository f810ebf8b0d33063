"""What the command line asks of the server on its own machine. No part of the public contract."""

from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from hakika.api.access import require_local
from hakika.engine.ids import system_entropy
from hakika.engine.keys import create_key, revoke_key, show_key
from hakika.engine.timeline import show_parked
from hakika.store.evidence import list_quarantine
from hakika.store.keys import list_api_keys

router = APIRouter(prefix="/local", dependencies=[Depends(require_local)], include_in_schema=False)


class NewKey(BaseModel):
    """A key to make."""

    name: str
    mode: str = ""  # that of the server's environment


@router.get("/keys")
async def list_keys(request: Request) -> dict[str, Any]:
    """List all keys, without the keys themselves."""
    rows = await request.app.state.ledger.store.read(list_api_keys)
    return {"object": "list", "data": [show_key(row) for row in rows]}


@router.post("/keys", status_code=201)
async def make_key(body: NewKey, request: Request) -> dict[str, Any]:
    """Make a key, shown this once."""
    state = request.app.state
    mode = body.mode or state.mode
    key, row = await state.ledger.store.write(lambda tx: create_key(tx, body.name, mode, state.clock, system_entropy))
    return {**show_key(row), "key": key}


@router.post("/keys/{key_id}/revoke")
async def end_key(key_id: str, request: Request) -> dict[str, Any]:
    """End a key's life."""
    state = request.app.state
    await state.ledger.store.write(lambda tx: revoke_key(tx, key_id, state.clock()))
    return {"object": "api_key", "id": key_id, "revoked": True}


@router.get("/quarantine")
async def show_quarantine(request: Request, limit: int = 50) -> dict[str, Any]:
    """List what is about no payment that we know, newest first."""
    rows = await request.app.state.ledger.store.read(lambda tx: list_quarantine(tx, limit))
    return {"object": "list", "data": [show_parked(row) for row in rows]}
