"""What answers at the public URL: asked once for all checks, as Safaricom does, by POST, with a nonce of ours.

One visit has one meaning, and each meaning is one check's matter; the others then say that they cannot tell.
"""

import json
import re
from enum import StrEnum
from typing import Any, NamedTuple

from hakika.config import NOWHERE, Environment
from hakika.doctor.check import Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import DAY_MS, Unseen, look_in
from hakika.doctor.visit import Trouble, Visit, host_of, quote, visit
from hakika.domain.schedule import HOUR_MS, MINUTE_MS
from hakika.engine.watching.nonces import Nonces
from hakika.store.alerts.signs import count_called_back

NEVER_GIVEN = "0" * 32
"""A callback path that no payment has; asking for it by GET records nothing."""

PROBE_BODY = b'{"Body":{"stkCallback":{}}}'
JSON = {"Content-Type": "application/json;charset=UTF-8"}


class Front(StrEnum):
    """What answered."""

    OURS = "this server"
    ANOTHER = "another Hakika"
    ASTRAY = "a Hakika, but on another path than was asked for"
    REDIRECT = "a redirect"
    CHALLENGE = "a challenge for browsers"
    LOGIN = "a login"
    GATEWAY = "a proxy that does not reach its server"
    STRANGER = "somebody else's server"
    NOBODY = "nobody"


ELSEWHERE = {
    Front.REDIRECT: "callback-url.redirect",
    Front.CHALLENGE: "callback-url.challenge",
    Front.LOGIN: "callback-url.challenge",
    Front.ASTRAY: "callback-url.path",
}
"""Which check speaks of what answered."""

_BY_TROUBLE = {Trouble.NAME: "callback-url.address", Trouble.TLS: "callback-url.certificate"}


class Met(NamedTuple):
    """Who answered a visit."""

    front: Front
    seen: Visit

    @property
    def elsewhere(self) -> str:
        """The check that this is the matter of; `callback-url.reaches-us` where it is no other's."""
        found = _BY_TROUBLE.get(self.seen.trouble) if self.front is Front.NOBODY else ELSEWHERE.get(self.front)
        return found or "callback-url.reaches-us"


def bar(ground: Ground) -> Finding | None:
    """Why there is nothing to look at, if so."""
    if ground.callback_origin != NOWHERE:
        return None
    return Finding(
        Outcome.SKIPPED, "There is no callback URL: pushes carry one that leads nowhere, queries do the work."
    )


def bar_plain(ground: Ground) -> Finding | None:
    """The same, and where the simulator calls back over plain http."""
    barred = bar(ground)
    if barred is None and ground.callback_origin.startswith("http://"):
        return Finding(Outcome.SKIPPED, f"{ground.callback_origin} is plain http: see callback-url.https.")
    return barred


def is_simulated(ground: Ground) -> bool:
    """Whether callbacks come from the simulator, which reaches what the internet does not."""
    return ground.settings.environment is Environment.SIMULATOR


async def meet(ground: Ground) -> Met:
    """Who answers an echo at the public URL."""
    return await ground.shared.once("echo", lambda: _ask_echo(ground))


async def meet_callbacks(ground: Ground) -> Visit:
    """What answers where callbacks come in, asked in a way that records nothing."""
    url = f"{ground.callback_origin}/c/{NEVER_GIVEN}"
    return await ground.shared.once("callbacks", lambda: visit(ground, "GET", url))


async def _ask_echo(ground: Ground) -> Met:
    nonces = Nonces(ground.vault, ground.clock) if ground.vault else None
    nonce = nonces.make("echo") if nonces else NEVER_GIVEN
    seen = await visit(ground, "POST", f"{ground.callback_origin}/doctor/echo/{nonce}", PROBE_BODY, JSON)
    said = _read_object(seen)
    if nonces and said.get("object") == "echo" and said.get("answer") == nonces.answer(nonce):
        return Met(Front.OURS, seen)
    return Met(recognise(seen), seen)


def recognise(seen: Visit) -> Front:
    """What answered, where it was not this server."""
    if not seen.status:
        return Front.NOBODY
    code = problem_of(seen)
    if code:
        return Front.ANOTHER if code == "unknown_nonce" else Front.ASTRAY
    if 300 <= seen.status < 400:
        return Front.REDIRECT
    if _is_challenge(seen):
        return Front.CHALLENGE
    if _is_login(seen):
        return Front.LOGIN
    # A tunnel that lost its other end answers 404 (ngrok) or 530 (Cloudflare).
    if seen.status in {502, 503, 504} or 520 <= seen.status <= 530 or "ngrok-error-code" in seen.headers:
        return Front.GATEWAY
    return Front.STRANGER


def problem_of(seen: Visit) -> str:
    """The code of an error in Hakika's own shape, or `""`."""
    said = _read_object(seen)
    ours = {"code", "money", "cure", "detail"} <= said.keys() and str(said.get("type", "")).startswith("/v1/errors/")
    return str(said["code"]) if ours else ""


def is_callback_door(seen: Visit) -> bool:
    """Whether that is how Hakika answers a GET where callbacks are posted."""
    return seen.status == 405 and problem_of(seen) == "method_not_allowed"


def _read_object(seen: Visit) -> dict[str, Any]:
    try:
        said = json.loads(seen.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


_CHALLENGE_HEADERS = ("cf-mitigated", "x-amzn-waf-action", "x-datadome", "x-sucuri-block")
_CHALLENGE_WORDS = re.compile(
    r"just a moment\.\.\.|attention required! \| cloudflare|cf-chl|/cdn-cgi/challenge-platform|checking your browser"
    r"|verify (that )?you are (a )?human|incapsula incident|_incapsula_resource|ddos protection by|px-captcha"
    r"|captcha-delivery|hcaptcha\.com|google\.com/recaptcha|challenges\.cloudflare\.com|akamai.{0,80}access denied"
    r"|access denied.{0,400}errors\.edgesuite|enable javascript and cookies to continue|err_ngrok_6024"
    r"|you are about to visit|tunnel password",
    re.IGNORECASE | re.DOTALL,
)
_LOGIN_WORDS = re.compile(
    r"""<input[^>]+type\s*=\s*["']?password|<title>[^<]*(log ?in|sign ?in|anmelden|connexion)[^<]*</title>""",
    re.IGNORECASE,
)


def _is_challenge(seen: Visit) -> bool:
    if any(name in seen.headers for name in _CHALLENGE_HEADERS):
        return True
    return bool(_CHALLENGE_WORDS.search(seen.text))


def _is_login(seen: Visit) -> bool:
    # Hakika's own 401 has Hakika's shape, and was recognised before.
    return seen.status in {401, 407, 511} or bool(_LOGIN_WORDS.search(seen.text))


async def tell_arrivals(ground: Ground, hours: int = 24) -> tuple[int, int] | None:
    """(prompts, those of them that were called back) lately, or None where the database cannot be asked."""
    now_ms = ground.clock()
    since_ms = now_ms - (DAY_MS if hours >= 24 else hours * HOUR_MS)
    try:
        called = await look_in(ground, lambda tx: count_called_back(tx, since_ms, now_ms - MINUTE_MS))
    except Unseen:
        return None
    return sum(one.prompted for one in called), sum(one.called_back for one in called)


def refer(met: Met) -> Finding:
    """That nothing can be told, because another check's matter stands in the way."""
    what = met.seen.error if met.front is Front.NOBODY else f"{met.front} answers ({quote(met.seen)})"
    return Finding(Outcome.UNKNOWN, f"It cannot be told: {what}. See {met.elsewhere}.")


def where(ground: Ground) -> str:
    """The host that is asked."""
    return host_of(ground.callback_origin)[0]
