"""How the portal's pages are made: one request a page, style and script inside it, named by their hashes.

A captive portal's little browser may load nothing else, drop cookies and run no script: each page works without any.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hakika_hotspot.config import Settings
from hakika_hotspot.portal.visit import COOKIE, Visit
from hakika_hotspot.portal.words import say

HERE = Path(__file__).parent
A_YEAR_S = 365 * 24 * 3600
CSS = (HERE / "inline/portal.css").read_text().strip()
SCRIPT = (HERE / "inline/portal.js").read_text().strip()


def hash_inline(text: str) -> str:
    """Name a style or script that stands in a page, for its Content-Security-Policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; style-src {hash_inline(CSS)}; script-src {hash_inline(SCRIPT)}; connect-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Target(NamedTuple):
    """The router's login page, and what it is sent."""

    action: str
    method: str
    fields: Mapping[str, str]


def find_target(visit: Visit, code: str, after: str) -> Target | None:
    """Where this device logs in. By its code where it has one; else by its MAC, which the router itself will say."""
    name = code or visit.mac
    if not visit.login or not name:
        return None
    if urlsplit(visit.login).path.endswith("/logon"):  # CoovaChilli
        return Target(visit.login, "get", {"username": name, "password": name, "userurl": after})
    return Target(visit.login, "post", {"username": name, "password": name, "dst": after})


def render(
    request: Request,
    settings: Settings,
    visit: Visit,
    template: str,
    *,
    status: int = 200,
    refresh: str = "",
    wait: str = "",
    target: Target | None = None,
    **values: Any,
) -> Response:
    """A page. `refresh` is for browsers without script, `wait` for those with."""
    kept = {name: "1" for name in ("go", "done") if name in request.query_params}
    other = "sw" if visit.language == "en" else "en"
    html = TEMPLATES.get_template(template).render(
        say=partial(say, visit.language),
        language=visit.language,
        other=other,
        switch=visit.link(request.url.path if request.method == "GET" else "/", **kept, lang=other),
        name=settings.name,
        support=settings.support,
        mode=settings.mode,
        css=_Inline(CSS),
        script=_Inline(SCRIPT) if wait or target else "",
        refresh=refresh,
        wait=wait,
        target=target,
        home=visit.link("/"),
        **values,
    )
    policy = POLICY + (f" {origin_of(target.action)}" if target else "")
    headers = {**HEADERS, "Content-Security-Policy": policy, "Content-Language": visit.language}
    response = Response(html.encode("utf-8", "replace"), status, headers, media_type="text/html; charset=utf-8")
    remember(response, settings, visit)
    return response


def see_other(settings: Settings, visit: Visit, path: str, **more: str) -> Response:
    """Send the browser on."""
    response = RedirectResponse(visit.link(path, **more), 303, HEADERS)
    remember(response, settings, visit)
    return response


def remember(response: Response, settings: Settings, visit: Visit) -> None:
    """Let the browser be known again, whichever MAC it comes with."""
    if not visit.has_cookie:
        secure = settings.public_url.startswith("https://")
        response.set_cookie(COOKIE, visit.browser, A_YEAR_S, httponly=True, samesite="lax", secure=secure)


def origin_of(url: str) -> str:
    """`http://10.5.50.1/login` → `http://10.5.50.1`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class _Inline(str):
    """Text of ours that stands in a page as it is: its hash names it."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)
