"""Who may see the owner's pages: who knows the password. A session is a signed cookie; a new password ends them all."""

import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from hakika_hotspot.config import Settings

COOKIE, PATH = "wifi_owner", "/owner"
LIVES_S = 12 * 3600


class Door:
    """Lets the owner in."""

    def __init__(self, settings: Settings, clock: Callable[[], int]) -> None:
        self._password, self._clock = settings.owner_password, clock
        self._secure = settings.public_url.startswith("https://")
        self._key = hashlib.scrypt(self._password.encode(), salt=b"hakika-hotspot owner", n=2**14, r=8, p=1)

    @property
    def is_closed(self) -> bool:
        """Whether no password is set: then nobody is let in."""
        return not self._password

    def knows(self, password: str) -> bool:
        """Whether a password is right."""
        return not self.is_closed and hmac.compare_digest(password.encode(), self._password.encode())

    def open(self, response: Response) -> None:
        """Give a browser a session."""
        until = str(self._clock() // 1000 + LIVES_S)
        value = f"{until}.{self._sign(until)}"
        response.set_cookie(COOKIE, value, LIVES_S, path=PATH, httponly=True, samesite="strict", secure=self._secure)

    def is_open_for(self, request: Request) -> bool:
        """Whether a browser has a session."""
        until, _, signature = request.cookies.get(COOKIE, "").partition(".")
        right = hmac.compare_digest(signature.encode(), self._sign(until).encode())
        return not self.is_closed and right and until.isdigit() and int(until) > self._clock() // 1000

    @staticmethod
    def close(response: Response) -> None:
        """Take the session from a browser."""
        response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="strict")

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def is_own_form(request: Request) -> bool:
    """Whether a form was sent by a page of ours: browsers say where it came from."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")
