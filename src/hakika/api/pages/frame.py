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

from hakika.api.pages.words import choose_language, kes, speak
from hakika.domain.errors import (
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

HERE = Path(__file__).parent
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
FIELDS, FIELD_LENGTH = 20, 200
A_YEAR_S = 365 * 24 * 3600
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
    **values: Any,
) -> Response:
    """A page. `refresh`: for browsers without JavaScript, in how many seconds, and perhaps to where."""
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
        **values,
    )
    told = {**HEADERS, "Content-Language": language, "Vary": "Accept-Language", **(headers or {})}
    return Response(html.encode("utf-8", "replace"), status, told, media_type="text/html; charset=utf-8")


def page(handler: Handler) -> Handler:
    """A handler whose errors are pages as well."""

    @functools.wraps(handler)
    async def safely(request: Request) -> Response:
        try:
            return await handler(request)
        except HakikaError as error:
            return _show_trouble(request, error)

    return safely


def _show_trouble(request: Request, error: HakikaError) -> Response:
    language = read_language(request)
    say = speak(language)
    title, text = say("broken"), say("refused")
    if isinstance(error, NotFound):
        title, text = say("no_page"), say("no_page_text")
    elif isinstance(error, LinkUsed):
        title, text = say("link_used"), say("link_used_text")
    elif isinstance(error, TooManyRequests):
        title, text = say("too_many_title"), explain(error, language)
    return render(
        request,
        "trouble.html",
        language,
        status=error.http_status,
        headers=retry_after(error),
        title=title,
        text=text,
    )


def retry_after(error: HakikaError) -> dict[str, str]:
    """The header that says when to come back."""
    return {"Retry-After": str(error.extra["retry_after"])} if "retry_after" in error.extra else {}


_EXPLAINED: tuple[tuple[type[HakikaError], str], ...] = (
    (InvalidPhone, "bad_phone"),
    (InvalidAmount, "bad_amount"),
    (PayerBusy, "busy"),
    (RepeatedTooSoon, "too_soon"),
    (TooManyRequests, "too_many"),
    (ReferenceInUse, "in_use"),
)


def explain(error: HakikaError, language: str, least: int = 1, most: int = 250_000) -> str:
    """What went wrong, in a payer's words."""
    word = next((word for kind, word in _EXPLAINED if isinstance(error, kind)), "refused")
    return speak(language)(word, seconds=error.extra.get("retry_after", 60), least=kes(least), most=kes(most))


def field_of(error: HakikaError | None) -> str:
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


def see_other(path: str, language: str = "") -> Response:
    """Send the browser on to a page of ours."""
    url = f"{path}{'&' if '?' in path else '?'}lang={language}" if language else path
    return RedirectResponse(url, 303, HEADERS)
