"""`/v1/doctor`: what is wrong, with the cure."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import WithJsonSchema

from hakika.api.doctor_shapes import NAMES, DoctorShape
from hakika.api.payments import EVERYWHERE, ApiKey
from hakika.api.problems import document
from hakika.doctor.ground import Ground
from hakika.doctor.registry import find_checks
from hakika.doctor.telling import tell
from hakika.domain.errors import InvalidRequest

LINES = "application/x-ndjson"
router = APIRouter(prefix="/v1", tags=["doctor"])

Names = Annotated[
    list[Annotated[str, WithJsonSchema({"type": "string", "enum": NAMES})]] | None,
    Query(max_length=50, description="Only these checks, or those of these areas."),
]


@router.get("/doctor", responses={200: {"model": DoctorShape}, **document(*EVERYWHERE)})
async def examine_server(
    request: Request,
    caller: ApiKey,
    check: Names = None,
    callback: Annotated[bool, Query(description="Also post a probe callback through the public URL.")] = False,
    going_live: Annotated[bool, Query(description="Also what only matters before real money, with its steps.")] = False,
) -> Response:
    """Examine settings, Daraja, the callback URL and what is inside: each check is bounded at 5 seconds.

    With `Accept: application/x-ndjson` the answer is a line with the plan, a line for each finding as soon as its
    check has ended, and a last one with the whole.
    """
    state = request.app.state
    if caller.mode not in {"", state.mode}:
        message = f"A key for {caller.mode} payments does not open the doctor of a {state.mode} server."
        raise InvalidRequest(message, field="mode")
    checks = find_checks(check or (), callback=callback, going_live=going_live)
    ground: Ground = state.lay_ground()
    lines = tell(ground, checks, state.mode)
    if LINES in request.headers.get("accept", ""):
        return StreamingResponse(_spell(lines), media_type=LINES)
    whole = [line async for line in lines][-1]
    return Response(msgspec.json.encode(whole), media_type="application/json")


async def _spell(lines: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    async for line in lines:
        yield _line(line)


def _line(shown: dict[str, Any]) -> bytes:
    return msgspec.json.encode(shown) + b"\n"
