"""Nothing redirects callbacks."""

from urllib.parse import urljoin, urlsplit

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.front import JSON, PROBE_BODY, Front, bar, meet, refer
from hakika.doctor.ground import Ground
from hakika.doctor.visit import Visit, visit

HOPS = 4


async def look(ground: Ground) -> list[Finding]:
    """A POST, as Safaricom makes it."""
    barred = bar(ground)
    if barred is not None:
        return [barred]
    met = await meet(ground)
    if met.front is Front.NOBODY:
        return [refer(met)]
    if met.front is not Front.REDIRECT:
        return [Finding(Outcome.OK, f"A POST is answered at once (HTTP {met.seen.status}).")]
    return [Finding(Outcome.FAILED, *await _follow(ground, met.seen))]


async def _follow(ground: Ground, first: Visit) -> tuple[str, str]:
    """→ where it leads, and what to do. Followed on the same host alone: elsewhere is nothing of ours."""
    seen, trail, home = first, [first.url], urlsplit(first.url).hostname
    while 300 <= seen.status < 400 and len(trail) <= HOPS:
        leads = _join(seen)
        if leads in trail:
            return f"HTTP {first.status}: a redirect loop ({_shorten(leads)} leads back to itself).", ""
        if not leads or urlsplit(leads).hostname != home:
            break
        trail.append(leads)
        seen = await visit(ground, "POST", leads, PROBE_BODY, JSON)
    if len(trail) > HOPS:
        return f"HTTP {first.status}: a redirect loop (after {HOPS} redirects there is another).", ""
    leads = _join(first)
    if not leads:
        return f"HTTP {first.status}: a POST is redirected, and no address is named to which.", ""
    return f"HTTP {first.status}: a POST is redirected to {_shorten(leads)}.", _advise(leads, first.url)


def _join(seen: Visit) -> str:
    """Where a redirect leads; `""` where it names no address: whoever answers there writes what he likes."""
    location = seen.headers.get("location", "")
    try:
        leads = urljoin(seen.url, location) if location else ""
        return leads if urlsplit(leads).hostname else ""
    except ValueError:
        return ""


def _advise(leads: str, asked: str) -> str:
    there, here = urlsplit(leads), urlsplit(asked)
    if any(word in leads.lower() for word in ("login", "signin", "sign-in", "cloudflareaccess", "/oauth", "/sso")):
        return "A login stands in front: let /c/ and /doctor/echo/ pass without it."
    if there.hostname != here.hostname:
        return f"Set CALLBACK_BASE_URL to https://{there.hostname}, if that is this server, or stop the redirect."
    return ""


def _shorten(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path[:40]}"


CHECK = Check(
    name="callback-url.redirect",
    area=Area.CALLBACK_URL,
    title="Callbacks are not redirected",
    meaning=(
        "A POST that is redirected loses its body or its method on the way, if it is followed at all: the result is "
        "lost, and Safaricom does not post it again. Payments still end, by queries, without receipt numbers."
    ),
    cure=(
        "Have the proxy hand /c/ on as it comes: no redirect to www, to a slash at the end, to a language or to a "
        "login."
    ),
    look=look,
)
