"""What stands in front hands the path on as it was asked for."""

import asyncio
from urllib.parse import urlsplit

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.front import Front, bar, is_callback_door, meet, meet_callbacks, problem_of, refer
from hakika.doctor.ground import Ground
from hakika.doctor.visit import Visit, quote

ASK_ROUND = "`hakika doctor --callback` posts one and tells for certain."


async def look(ground: Ground) -> list[Finding]:
    """An echo's path, and that on which callbacks come."""
    barred = bar(ground)
    if barred is not None:
        return [barred]
    met, door = await asyncio.gather(meet(ground), meet_callbacks(ground))  # one after the other would take too long
    if is_callback_door(door):
        return [Finding(Outcome.OK, f"/c/… arrives as it was asked for.{_note_unused(ground)}")]
    if met.front is Front.ASTRAY or (met.front in {Front.OURS, Front.ANOTHER} and problem_of(door)):
        lost = met.seen if met.front is Front.ASTRAY else door
        return [Finding(Outcome.FAILED, f"A Hakika answers, but was asked for another path: {_quote_problem(lost)}.")]
    if met.front not in {Front.OURS, Front.ANOTHER}:
        return [refer(met)]
    if door.status in {403, 405} or not door.status:
        said = quote(door) if door.status else door.error
        return [Finding(Outcome.UNKNOWN, f"A GET of /c/… is answered by somebody else: {said}. {ASK_ROUND}")]
    return [Finding(Outcome.FAILED, f"/doctor/echo/ is handed on, but /c/ is not: {quote(door)}.")]


def _quote_problem(seen: Visit) -> str:
    return quote(seen, 160)


def _note_unused(ground: Ground) -> str:
    path = urlsplit(ground.settings.callback_base_url).path.rstrip("/")
    return f" The path {path} in CALLBACK_BASE_URL is not used." if path else ""


CHECK = Check(
    name="callback-url.path",
    area=Area.CALLBACK_URL,
    title="The path of a callback arrives as it was asked for",
    meaning=(
        "The path of a callback names its payment and proves that it is genuine. Where a proxy strips or rewrites it, "
        "the result comes as nobody's, or meets a 404: it proves nothing, and is at best a reason to query."
    ),
    cure=(
        "Have the proxy hand the path on unchanged: in nginx `location / { proxy_pass http://127.0.0.1:8000; }` "
        "without a path behind the port, in Caddy `reverse_proxy`, not `handle_path`."
    ),
    look=look,
)
