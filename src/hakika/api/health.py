"""Whether the server lives, whether it can work, and what each error means."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import func, select

from hakika import __version__
from hakika.api.problems import Problem, blank, describe, document
from hakika.api.shapes import CallbackHealthShape, ErrorList, HealthShape, ReadinessShape
from hakika.domain.errors import HakikaError, InvalidRequest, NotFound, StoreUnavailable
from hakika.engine.desk import Desk
from hakika.store.evidence import count_quarantine
from hakika.store.tables import payments
from hakika.store.transaction import Transaction

router = APIRouter(tags=["health"])
WORKER_LATE_MS = 30_000
READS_WITHIN_S = 2.0
PUBLIC = ("hakika.domain.", "hakika.api.")  # others, like the client's, never leave the server


@router.get("/health", responses={200: {"model": HealthShape}})
async def show_health() -> dict[str, str]:
    """Answer as long as the process lives."""
    return {"status": "ok", "version": __version__}


@router.get(
    "/ready", responses={200: {"model": ReadinessShape}, 503: {"model": ReadinessShape, "description": "Not ready."}}
)
async def show_readiness(request: Request) -> Response:
    """Answer 200 when the database takes writes, the spool has room and the worker goes round, else 503."""
    state = request.app.state
    worker_late = state.clock() - state.worker.beat_at_ms > WORKER_LATE_MS * state.clock.speed
    checks: dict[str, Any] = {"worker": "late" if worker_late else "ok"}
    checks |= await _look_at_spool(state.desk)
    checks["database"] = await state.probe.look()
    try:
        async with asyncio.timeout(READS_WITHIN_S):
            checks |= await state.ledger.store.read(_count)
    except (StoreUnavailable, TimeoutError) as error:
        said = str(error) or f"It did not answer within {READS_WITHIN_S:g} s."
        checks["database"] = said if checks["database"] == "ok" else checks["database"]
    ready = checks["worker"] == checks["database"] == checks["spool"] == "ok"
    return JSONResponse({"status": "ready" if ready else "not_ready", "checks": checks}, 200 if ready else 503)


async def _look_at_spool(desk: Desk) -> dict[str, Any]:
    counted = {"spoiled_callbacks": desk.spoiled, "lost_callbacks": desk.lost}
    try:
        waiting, full = await desk.waiting(), desk.is_full()
    except OSError as error:  # no file can be opened: nothing could be spooled either
        return {"spool": f"It cannot be read: {error.strerror}."} | counted
    return {"spool": "full" if full else "ok", "spooled_callbacks": waiting} | counted


@router.get("/mpesa/callback/health", responses={200: {"model": CallbackHealthShape}})
async def show_callback_health() -> dict[str, str]:
    """Answer as integrations' own callback health routes do."""
    return {"status": "healthy", "endpoint": "/mpesa/callback", "timestamp": datetime.now(UTC).isoformat()}


@router.get("/v1/errors", responses={200: {"model": ErrorList}})
async def list_errors() -> dict[str, Any]:
    """List every error that this API answers with."""
    return {"object": "list", "data": [describe(blank(kind)) for kind in error_kinds()]}


@router.get("/v1/errors/{code}", responses={200: {"model": Problem}, **document(NotFound, InvalidRequest)})
async def read_error(code: str) -> dict[str, Any]:
    """Describe one error."""
    for kind in error_kinds():
        if kind.code == code:
            return describe(blank(kind))
    raise NotFound(f"There is no error {code!r}.")


def error_kinds(root: type[HakikaError] = HakikaError) -> list[type[HakikaError]]:
    """All errors of the tree that a person or a program can meet."""
    kinds = [root] if "code" in vars(root) and root.__module__.startswith(PUBLIC) else []
    for kind in root.__subclasses__():
        kinds += error_kinds(kind)
    return kinds


def _count(tx: Transaction) -> dict[str, int]:
    rows = tx.all(
        select(payments.c.status, func.count().label("amount"))
        .where(payments.c.status.in_(["pending", "unresolved", "mispaid"]))
        .group_by(payments.c.status)
    )
    frozen = tx.one(select(func.count()).select_from(payments).where(payments.c.frozen != ""))
    return {
        **{str(row.status): int(row.amount) for row in rows},
        "frozen": int(frozen[0]) if frozen else 0,
        "quarantined": count_quarantine(tx),
    }
