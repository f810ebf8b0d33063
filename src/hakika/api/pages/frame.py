"""What all pages share: how they are rendered, their headers, their language, their forms, and what they say of errors.

No script or style stands in a page, nothing is loaded from elsewhere, and nothing is kept by caches.
"""

import functools
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import APIRouter
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hakika.api.guard import log_unplanned
from hakika.api.pages.words import LANGUAGES, choose_language, kes, speak, tell_wait
from hakika.domain.errors import (
    CallerError,
    HakikaError,
    InvalidAmount,
    InvalidPhone,
    LinkUsed,
    NotFound,
    PayerBusy,
    ReferenceInUse,
    RepeatedTooSoon,
    TooManyRequests,
)
from hakika.engine.checkout.checkouts import Checkouts
from hakika.engine.orders import LARGEST_AMOUNT

HERE = Path(__file__).parent
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
FIELDS, FIELD_LENGTH = 20, 200
A_YEAR_S = 365 * 24 * 3600
HELD_MS = 25_000  # how long a page waits for news: shorter than proxies' patience
REFRESH_S = 3  # without JavaScript
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_FILES = {file.name: file.read_bytes() for file in sorted((HERE / "static").iterdir())}
_VERSION = hashlib.sha256(b"".join(_FILES.values())).hexdigest()[:12]

Handler = Callable[[Request], Awaitable[Response]]
router = APIRouter(include_in_schema=False)


def asset(name: str) -> str:
    """Where a file of the pages is. Its address changes with it, so it may be kept for ever."""
    return f"/pages/{_VERSION}/{name}"


async def send_asset(request: Request) -> Response:
    """Send a file of the pages."""
    name = str(request.path_params["name"])
    if name not in _FILES or request.path_params["version"] != _VERSION:
        raise NotFound("There is no such file.")
    headers = {"Cache-Control": f"public, max-age={A_YEAR_S}, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(_FILES[name], headers=headers, media_type=TYPES[Path(name).suffix])


router.add_route("/pages/{version}/{name}", send_asset, methods=["GET"], include_in_schema=False)


def render(
    request: Request,
    template: str,
    language: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    refresh: str = "",
    trouble: HakikaError | None = None,
    bounds: tuple[int, int] = (1, LARGEST_AMOUNT),
    **values: Any,
) -> Response:
    """A page. `refresh`: for browsers without JavaScript, in how many seconds, and perhaps to where.

    `trouble`: what to say beside the form, and which field is to be corrected; `bounds` are those of an amount.
    """
    said = {"error": explain(trouble, language, *bounds) if trouble else "", "wrong": _field_of(trouble)}
    other = "sw" if language == "en" else "en"
    switch = dict(request.query_params) | {"lang": other}
    switch.pop("after", None)
    html = _TEMPLATES.get_template(template).render(
        say=speak(language),
        language=language,
        other=other,
        switch=f"{quote(request.url.path)}?{urlencode(switch)}",
        asset=asset,
        refresh=refresh,
        **(said | values),
    )
    told = {**HEADERS, "Content-Language": language, "Vary": "Accept-Language", **(headers or {})}
    if trouble:
        status = trouble.http_status
        told |= {"Retry-After": str(trouble.extra["retry_after"])} if "retry_after" in trouble.extra else {}
    return Response(html.encode("utf-8", "replace"), status, told, media_type="text/html; charset=utf-8")


def page(handler: Handler) -> Handler:
    """A handler whose errors are pages as well."""

    @functools.wraps(handler)
    async def safely(request: Request) -> Response:
        try:
            return await handler(request)
        except HakikaError as error:
            return _show_trouble(request, error)
        except Exception as error:  # noqa: BLE001 - a payer gets a page, whatever breaks
            log_unplanned(request.scope, error)
            return _show_trouble(request, HakikaError())

    return safely


def _show_trouble(request: Request, error: HakikaError) -> Response:
    language = read_language(request)
    title, text = _name_trouble(error, language)
    passes = isinstance(error, TooManyRequests) or not isinstance(error, CallerError)
    again = f"{quote(request.url.path)}?lang={language}" if passes else ""
    return render(request, "trouble.html", language, trouble=error, title=title, text=text, again=again)


def _name_trouble(error: HakikaError, language: str) -> tuple[str, str]:
    say = speak(language)
    if isinstance(error, NotFound):
        return say("no_page"), say("no_page_text")
    if isinstance(error, LinkUsed):
        return say("link_used"), say("link_used_text")
    if isinstance(error, TooManyRequests):
        return say("too_many_title"), say("too_many_text", wait=_tell_wait(error, language))
    return say("broken"), explain(error, language)


_EXPLAINED: tuple[tuple[type[HakikaError], str], ...] = (
    (InvalidPhone, "bad_phone"),
    (InvalidAmount, "bad_amount"),
    (PayerBusy, "busy"),
    (RepeatedTooSoon, "too_soon"),
    (TooManyRequests, "too_many"),
    (ReferenceInUse, "in_use"),
    (CallerError, "refused"),
)


def explain(error: HakikaError, language: str, least: int = 1, most: int = LARGEST_AMOUNT) -> str:
    """What went wrong, in a payer's words. That nothing was paid is said only where that is sure."""
    word = next((word for kind, word in _EXPLAINED if isinstance(error, kind)), "unsure")
    return speak(language)(word, wait=_tell_wait(error, language), least=kes(least), most=kes(most))


def _tell_wait(error: HakikaError, language: str) -> str:
    wait_s = error.extra.get("retry_after")
    return tell_wait(wait_s if isinstance(wait_s, int) else 60, language)


def _field_of(error: HakikaError | None) -> str:
    """Which field is to be corrected."""
    return "phone" if isinstance(error, InvalidPhone) else "amount" if isinstance(error, InvalidAmount) else ""


def read_language(request: Request, preset: str = "") -> str:
    """The language of a page."""
    return choose_language(request.query_params.get("lang", ""), preset, request.headers.get("accept-language", ""))


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, as lines of text."""
    body = (await request.body()).decode("utf-8", "replace")
    given = parse_qsl(body, keep_blank_values=True) if body.count("&") < FIELDS else []
    return {name: _CONTROLS.sub("", value)[:FIELD_LENGTH].strip() for name, value in given}


def read_typed_amount(text: str) -> int:
    """`1,500`, `KES 1500` or `1500.00` → `1500`. Raises InvalidAmount."""
    digits = re.sub(r"(?i)^(kes|ksh|sh)\.?|/=$|[\s,]", "", text.strip())
    plain = re.fullmatch(r"([0-9]{1,7})(?:\.0{1,2})?", digits)
    if not plain or not plain[1].isascii():
        raise InvalidAmount("The amount is not a whole number of shillings.", field="amount")
    return int(plain[1])


def checkouts_of(request: Request) -> Checkouts:
    """The verbs of checkouts and links."""
    checkouts: Checkouts = request.app.state.checkouts
    return checkouts


def read_id(request: Request, pattern: re.Pattern[str]) -> str:
    """The id in the path. Raises NotFound for what cannot be one."""
    given = str(request.path_params["id"])
    if not pattern.fullmatch(given):
        raise NotFound("There is no such page.")
    return given


def see_other(path: str, language: str = "") -> Response:
    """Send the browser on to a page of ours, in the language that it asked for, if it is one."""
    url = f"{path}{'&' if '?' in path else '?'}lang={language}" if language in LANGUAGES else path
    return RedirectResponse(url, 303, HEADERS)
