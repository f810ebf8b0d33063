"""One request and its answer: sent again where that is safe, read as what was asked for, or raised as its error."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from hakika.client import codes
from hakika.client.errors import HakikaError, NeverSent, NoAnswer, NotHakika
from hakika.client.retries import Retries, may_be_done, read_problem
from hakika.client.steps import Answer, Lost, Request, Steps, pause, send

T = TypeVar("T")
KEY = "Idempotency-Key"


class Exchange:
    """What all calls of a client share: how it retries, its clock (monotonic, in seconds), how it makes keys."""

    def __init__(self, retries: Retries, clock: Callable[[], float], make_key: Callable[[], str]) -> None:
        self.retries, self.clock, self._make_key = retries, clock, make_key

    def ask(self, request: Request, kind: type[T], until: float | None = None) -> Steps[T]:
        """Send, until an answer counts: as often as `retries` says, or with `until` as long as there is time."""
        tried, doubtful = 0, False
        while True:
            came = yield from send(request)
            tried += 1
            wait_s = self.retries.pause_s(tried, came, repeatable=request.repeatable)
            spent = tried >= self.retries.tries if until is None else self.clock() >= until
            if wait_s is None or spent:
                break
            doubtful = doubtful or may_be_done(came)
            yield from pause(wait_s if until is None else min(wait_s, max(until - self.clock(), 0.0)))
        if isinstance(came, Answer) and came.status < 300:
            return read(came, kind)
        error = error_of(came, repeated=doubtful)
        error.idempotency_key = request.headers.get(KEY, "")
        raise error

    def create(self, path: str, body: Mapping[str, Any], kind: type[T], key: str | None = None) -> Steps[T]:
        """Make something: the same key goes with each try of this one call, so that it is made once."""
        return self.ask(replace(post(path, body), headers=_json({KEY: key or self._make_key()})), kind)


def get(path: str, **params: object) -> Request:
    """A request to read; what is None is not asked for."""
    return Request("GET", path, {name: _worded(value) for name, value in params.items() if value is not None})


def post(path: str, body: Mapping[str, Any] | None = None, *, method: str = "POST", repeatable: bool = True) -> Request:
    """A request to do something; what is None is left out of its body."""
    if body is None:
        return Request(method, path, repeatable=repeatable)
    given = {name: value for name, value in body.items() if value is not None}
    return Request(method, path, body=json.dumps(given).encode(), headers=_json(), repeatable=repeatable)


def read(answer: Answer, kind: type[T]) -> T:
    """Read an answer as what it should be; fields that this version does not know are passed over."""
    try:
        if kind is type(None):
            return msgspec.convert(None, kind)
        return msgspec.json.decode(answer.body, type=kind)
    except msgspec.MsgspecError as error:
        raise NotHakika(f"The answer is no {kind.__name__}: {error}.", http_status=answer.status) from error


def error_of(came: Answer | Lost, *, repeated: bool = False) -> HakikaError:
    """Return the error that an answer, or the lack of one, stands for."""
    if isinstance(came, Lost):
        kind = NoAnswer if came.sent or repeated else NeverSent
        return kind(f"No answer: {came.reason.rstrip('.')}.", repeated=repeated)
    problem = read_problem(came)
    if not problem:
        return NotHakika(f"HTTP {came.status} without a problem document.", http_status=came.status, repeated=repeated)
    after = came.headers.get("retry-after", "")
    if "retry_after" not in problem and after.isascii() and after.isdigit():
        problem["retry_after"] = int(after)
    kind_ = codes.BY_CODE.get(problem["code"]) or _nearest(came.status)
    return kind_(str(problem.get("detail", "")), http_status=came.status, problem=problem, repeated=repeated)


def _nearest(status: int) -> type[HakikaError]:
    """Choose a class for a code that this version does not know, from a newer server: by its HTTP status."""
    nearest: dict[int, type[HakikaError]] = {401: codes.NotAuthenticated, 403: codes.NotAuthenticated}
    nearest |= {404: codes.NotFound, 409: codes.Conflict, 422: codes.InvalidRequest, 503: codes.Unavailable}
    return nearest.get(status, codes.CallerError if 400 <= status < 500 else HakikaError)


def _json(headers: dict[str, str] | None = None) -> dict[str, str]:
    return {"Content-Type": "application/json", **(headers or {})}


def _worded(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()  # without a zone it is the machine's own, as Python has it
    return str(value)
