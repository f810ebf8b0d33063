"""Errors as RFC 9457 problem documents, with what they mean for the money and what to do."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from hakika.domain.errors import CallerError, HakikaError, InvalidRequest, NotFound

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What went wrong, what it means for the money, and what to do."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "type": "/v1/errors/reference_in_use",
                "title": "This reference is already being charged, or paid",
                "status": 409,
                "detail": "'order-1042' is charged by payment pay_01m2x5h9q0d2n8r4t6v8y0a2c4.",
                "code": "reference_in_use",
                "money": "None moved by this request. The payment that is named may hold the money already.",
                "cure": "Read the payment that is named. For a second charge on purpose send `allow_repeat: true`.",
                "payment": "pay_01m2x5h9q0d2n8r4t6v8y0a2c4",
            }
        },
    )

    type: str = Field(description="A path of this server that describes the error.")
    title: str
    status: int
    detail: str = Field(description="What happened this time.")
    code: str = Field(description="Stable; the same in API, CLI and docs.")
    money: str = Field(description="What it means for the money.")
    cure: str = Field(description="What to do.")


class MethodNotAllowed(CallerError):
    """The path exists, but not for that method: see `Allow` in the answer."""

    code = "method_not_allowed"
    http_status = 405
    title = "That method is not for this path"
    cure = "Use a method that the `Allow` header names."


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
    if "retry_after" in error.extra:
        headers["Retry-After"] = str(error.extra["retry_after"])
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(describe(error), error.http_status, headers, media_type=MEDIA_TYPE)


def handle_errors(app: FastAPI) -> None:
    """Give every error of the application this shape."""

    @app.exception_handler(HakikaError)
    async def say_ours(_: Request, error: HakikaError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def say_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        faults = [_fault(fault) for fault in error.errors()]
        detail = "; ".join(f"`{fault['field']}`: {fault['message']}" for fault in faults)
        return answer(InvalidRequest(detail, errors=faults))

    @app.exception_handler(HTTPException)
    async def say_http(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 405:
            return answer(MethodNotAllowed(f"{request.method} {request.url.path}"), dict(error.headers or {}))
        if error.status_code == 404:
            return answer(NotFound(f"There is no {request.url.path} here."))
        return answer(InvalidRequest(str(error.detail)))

    @app.exception_handler(Exception)
    async def say_unplanned(_: Request, __: Exception) -> JSONResponse:
        return answer(HakikaError())


def _fault(fault: dict[str, Any]) -> dict[str, str]:
    path = [str(part) for part in fault["loc"] if part not in {"body", "query", "path", "header"}]
    return {"field": ".".join(path) or "body", "message": str(fault["msg"])}
