"""Errors as RFC 9457 problem documents, with what they mean for the money and what to do."""

import json
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from hakika.domain.errors import CallerError, HakikaError, InvalidRequest, NotAuthenticated, NotFound

MEDIA_TYPE = "application/problem+json"
PROBLEM_SCHEMA = "#/components/schemas/Problem"
RETRY_AFTER_S = {"store_unavailable": 2, "unavailable": 2, "idempotency_key_in_flight": 1}
FAULTS_SHOWN = 20
FIELD_LENGTH = 100


PROBLEM_EXAMPLE: dict[str, Any] = {
    "type": "/v1/errors/reference_in_use",
    "title": "This reference is already being charged, or paid",
    "status": 409,
    "detail": "'order-1042' is charged by payment pay_01m2x5h9q0d2n8r4t6v8y0a2c4.",
    "code": "reference_in_use",
    "money": "None moved by this request. The payment that is named may hold the money already.",
    "cure": "Read the payment that is named. For a second charge on purpose send `allow_repeat: true`.",
    "payment": "pay_01m2x5h9q0d2n8r4t6v8y0a2c4",
}


class Problem(BaseModel):
    """What went wrong, what it means for the money, and what to do."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"example": PROBLEM_EXAMPLE},
    )

    type: str = Field(description="A path of this server that describes the error.")
    title: str
    status: int
    detail: str = Field(description="What happened this time.")
    code: str = Field(description="Stable; the same in API, CLI and docs.")
    money: str = Field(description="What it means for the money.")
    cure: str = Field(description="What to do.")


class RequestTooLarge(InvalidRequest):
    """The request's body is larger than 64 KiB: nothing that this API takes is."""

    code = "request_too_large"
    http_status = 413
    title = "The request is too large"
    cure = "Send at most 64 KiB; keep large things elsewhere and their names in `metadata`."


class PromptRefused(HakikaError):
    """Daraja refused the prompt, or it could not be sent: the phone did not ring and the payment has ended."""

    code = "prompt_refused"
    http_status = 502
    title = "The phone was not prompted"
    money = "None moved: no prompt was sent."
    cure = "Read `errorCode` and `errorMessage`, correct what they name, and ask again."


class NotLocal(NotAuthenticated):
    """Only the command line on the server's own machine may do that: run it there."""

    code = "not_local"
    http_status = 403
    title = "Only from the server's own machine"
    cure = "Run `hakika` on the machine and as the user that the server runs as."


class InvalidCursor(CallerError):
    """The cursor names no place in this server's log of events: it is of another database, or of the future."""

    code = "invalid_cursor"
    title = "That cursor leads nowhere"
    money = "This answer says nothing about money."
    cure = "Read GET /v1/events from the last number that you have handled, or from 0; or follow from now, without any."


class ClientSecretRefused(CallerError):
    """A client_secret reads, waits for and streams its own payment, until a day after it ended; nothing else."""

    code = "client_secret_refused"
    http_status = 403
    title = "A client_secret does not open this"
    money = "This answer says nothing about money."
    cure = "Use it with GET on its payment, /wait or /stream; anything else is for your server, with an API key."


class MethodNotAllowed(NotFound):
    """The path exists, but not for that method: see `Allow` in the answer."""

    code = "method_not_allowed"
    http_status = 405
    title = "That method is not for this path"
    cure = "Use a method that the `Allow` header names."


class UnknownNonce(NotFound):
    """That echo was not asked for by this server within the last minute: only its own doctor can ask for one."""

    code = "unknown_nonce"
    title = "This server did not ask for that echo"
    cure = "Run `hakika doctor callback-url`: it makes a new one. Where it fails, another server answers at your URL."


def describe(error: HakikaError) -> dict[str, Any]:
    """The problem document of an error."""
    return {
        "type": f"/v1/errors/{error.code}",
        "title": error.title,
        "status": error.http_status,
        "detail": error.detail,
        "code": error.code,
        "money": error.money,
        "cure": error.cure,
        **error.extra,
    }


def answer(error: HakikaError, headers: dict[str, str] | None = None) -> JSONResponse:
    """The error as an HTTP answer."""
    headers = dict(headers or {})
    retry_after = error.extra.get("retry_after", RETRY_AFTER_S.get(error.code))
    if retry_after:
        headers["Retry-After"] = str(retry_after)
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return _ProblemResponse(describe(error), error.http_status, headers)


class _ProblemResponse(JSONResponse):
    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        """As JSON; half of a character that the caller sent comes back as a question mark."""
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def document(*kinds: type[HakikaError]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's responses of an endpoint that answers with these errors, each with an example."""
    documented: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        answers = documented.setdefault(kind.http_status, {"description": "", "content": {}})
        answers["description"] += f"{', ' if answers['description'] else ''}`{kind.code}`"
        media = answers["content"].setdefault(MEDIA_TYPE, {"schema": {"$ref": PROBLEM_SCHEMA}, "examples": {}})
        media["examples"][kind.code] = {"summary": kind.title, "value": describe(blank(kind))}
        if kind.http_status in {429, 503}:
            answers["headers"] = {"Retry-After": {"description": "In seconds.", "schema": {"type": "integer"}}}
    return documented


def blank(kind: type[HakikaError]) -> HakikaError:
    """An error of that kind which says what its kind means."""
    error = kind.__new__(kind)
    HakikaError.__init__(error, (kind.__doc__ or kind.title).strip())
    return error


def handle_errors(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Give every error of the application this shape."""

    @app.exception_handler(HakikaError)
    async def say_ours(_: Request, error: HakikaError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def say_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        faults = [_fault(fault) for fault in error.errors()[:FAULTS_SHOWN]]
        detail = "; ".join(f"`{fault['field']}`: {fault['message']}" for fault in faults)
        return answer(InvalidRequest(detail, errors=faults))

    @app.exception_handler(HTTPException)
    async def say_http(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 405:
            return answer(
                MethodNotAllowed(f"{request.method} {request.url.path}"), {"Allow": _allowed(routers, request)}
            )
        if error.status_code == 404:
            return answer(NotFound(f"There is no {request.url.path} here."))
        return answer(InvalidRequest(str(error.detail)))


def _fault(fault: dict[str, Any]) -> dict[str, str]:
    path = [str(part) for part in fault["loc"] if part not in {"body", "query", "path", "header"}]
    return {"field": ".".join(path)[:FIELD_LENGTH] or "body", "message": str(fault["msg"])[:FIELD_LENGTH]}


def _allowed(routers: Sequence[APIRouter], request: Request) -> str:
    """All methods of a path: the framework names those of the first route alone."""
    methods: set[str] = set()
    for router in routers:
        for route in router.routes:
            if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
                methods |= route.methods or set()
    return ", ".join(sorted(methods))
