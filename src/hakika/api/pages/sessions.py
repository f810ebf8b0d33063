"""The till's sessions: an API key, typed once on a device, and from then on a cookie that no script reads.

A session is sealed with the server's own key, so that every node knows it and a restart forgets none; it names the API
key by its hash, so that it ends when the key is revoked.
"""

import base64
import binascii
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hakika.api.access import Caller, Gate
from hakika.domain.errors import NotAuthenticated, SettingError
from hakika.engine.ids import hash_secret
from hakika.engine.vault import Vault

COOKIE, PATH = "hakika_till", "/till"
LIVES_S = 12 * 3600  # a long day in a shop


class _Session(msgspec.Struct, frozen=True):
    key_hash: str
    until_ms: int
    purpose: str = COOKIE  # other things are sealed with that key as well


class Sessions:
    """Opens, recognises and ends them."""

    def __init__(self, vault: Vault, gate: Gate, clock: Callable[[], int]) -> None:
        self._vault, self._gate, self._clock = vault, gate, clock

    async def open(self, key: str, response: Response, *, secure: bool) -> None:
        """Give a device a session. Raises NotAuthenticated."""
        await self._gate.recognise(hash_secret(key))
        session = _Session(hash_secret(key), self._clock() + LIVES_S * 1000)
        sealed = base64.urlsafe_b64encode(self._vault.seal(msgspec.json.encode(session))).decode()
        response.set_cookie(COOKIE, sealed, max_age=LIVES_S, path=PATH, secure=secure, httponly=True, samesite="strict")

    async def recognise(self, request: Request) -> Caller:
        """→ who sits at the till. Raises NotAuthenticated."""
        try:
            sealed = base64.urlsafe_b64decode(request.cookies.get(COOKIE, ""))
            session = msgspec.json.decode(self._vault.open(sealed), type=_Session)
        except (SettingError, binascii.Error, msgspec.DecodeError, ValueError):
            raise NotAuthenticated("There is no session.") from None
        if session.purpose != COOKIE or session.until_ms < self._clock():
            raise NotAuthenticated("The session is over.")
        return await self._gate.recognise(session.key_hash)

    @staticmethod
    def end(response: Response) -> None:
        """Take the session from a device."""
        response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="strict")


def is_own_form(request: Request) -> bool:
    """Whether a form was sent by a page of ours: browsers say where it came from."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")
