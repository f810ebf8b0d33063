"""A demo that is broken on purpose, in exactly one way: so that a newcomer watches `hakika doctor` find it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hakika.simulator import TILL

NONE: Mapping[str, Any] = MappingProxyType({})
AHEAD = timedelta(minutes=10)


class Break(NamedTuple):
    """One thing that is broken: how, and which checks of the doctor find it."""

    name: str
    told: str  # in the demo's greeting
    shown: str  # what payments do meanwhile
    finds: tuple[str, ...]
    settings: Mapping[str, str] = NONE
    faults: Mapping[str, Any] = NONE  # of the simulator: name → rates
    front: Callable[[ASGIApp], ASGIApp] | None = None  # what stands at the callback URL, before the server
    bend: Callable[[ASGIApp], ASGIApp] | None = None  # what stands before the simulator


def _answer(make: Callable[[], Response]) -> Callable[[ASGIApp], ASGIApp]:
    """Something that stands in front and answers by itself."""

    def stand(_: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await make()(scope, receive, send)

        return answer

    return stand


def _close_tunnel() -> Response:
    """What ngrok answers at an address that it had given to somebody yesterday."""
    said = "The endpoint yesterdays-tunnel.ngrok-free.app is offline. ERR_NGROK_3200"
    return PlainTextResponse(said, 404, {"ngrok-error-code": "ERR_NGROK_3200"})


def _ask_to_log_in() -> Response:
    return PlainTextResponse("Who are you?", 401, {"WWW-Authenticate": 'Basic realm="staff only"'})


def _send_to_www() -> Response:
    return RedirectResponse("https://www.shop.example/", 301)


def _strip_path(app: ASGIApp) -> ASGIApp:
    """Like `location /c/ { proxy_pass http://127.0.0.1:8000/; }` in nginx, whose last slash does it."""

    async def strip(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.startswith("/c/"):
            scope = {**scope, "path": path.removeprefix("/c"), "raw_path": path.removeprefix("/c").encode()}
        await app(scope, receive, send)

    return strip


def _run_ahead(app: ASGIApp) -> ASGIApp:
    """A Daraja whose clock is ahead: as it looks to whoever's own clock is behind."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Date"] = format_datetime(datetime.now(UTC) + AHEAD, usegmt=True)
            await send(message)

        await app(scope, receive, dated)

    return run


def _always(fault: str, *requests: str) -> Mapping[str, Any]:
    return {fault: [{"rate": 1, "on": request} for request in requests]}


BREAKS = (
    Break(
        "callback-url",
        "The callback URL is that of yesterday's tunnel.",
        "Phones ring, no callback comes; payments end all the same, because Daraja is asked.",
        ("callback-url.reaches-us",),
        front=_answer(_close_tunnel),
    ),
    Break(
        "redirect",
        "What stands in front of the server redirects callbacks to another name.",
        "Phones ring, no callback comes; payments end all the same, because Daraja is asked.",
        ("callback-url.redirect",),
        front=_answer(_send_to_www),
    ),
    Break(
        "login",
        "What stands in front of the server asks Safaricom to log in.",
        "Phones ring, no callback comes; payments end all the same, because Daraja is asked.",
        ("callback-url.challenge",),
        front=_answer(_ask_to_log_in),
    ),
    Break(
        "path",
        "The proxy in front of the server strips the callbacks' path.",
        "Phones ring, callbacks get lost; payments end all the same, because Daraja is asked.",
        ("callback-url.path",),
        front=_strip_path,
    ),
    Break(
        "credentials",
        "The consumer secret is another app's.",
        "No phone rings: payments fail at once, and say why.",
        ("daraja.credentials",),
        {"MPESA_CONSUMER_SECRET": "the-secret-of-another-app"},
    ),
    Break(
        "passkey",
        "The passkey is another shortcode's.",
        "No phone rings: payments fail at once, and say why.",
        ("daraja.passkey",),
        {"MPESA_PASSKEY": "0123456789abcdef" * 4},
    ),
    Break(
        "product",
        "The app on the portal lacks the product M-Pesa Express.",
        "No phone rings: payments fail at once, and say why.",
        ("daraja.product",),
        faults=_always("no_such_product", "push", "query"),
    ),
    Break(
        "till",
        "The till's number stands where its store's number belongs.",
        "No phone rings: payments fail at once, and say why.",
        ("settings.till", "daraja.passkey"),
        {"MPESA_SHORTCODE": str(TILL.till), "MPESA_TILL": str(TILL.till)},
    ),
    Break(
        "clock",
        "This machine's clock is ten minutes behind Daraja's.",
        "Payments work; receivers with a right clock would refuse webhooks, and times do not fit.",
        ("daraja.clock",),
        bend=_run_ahead,
    ),
    Break(
        "daraja",
        "Daraja's firewall answers everything with a page of HTML.",
        "No phone rings: payments are not sent, and fail within a minute.",
        ("daraja.reachable",),
        faults=_always("html_503", "any"),
    ),
)
KINDS: Mapping[str, Break] = {broken.name: broken for broken in BREAKS}
