"""Access tokens: who gets one, for how long it works, and what a request without a good one is told.

A new token leaves the older ones working until they expire; only the fault `token_revoked` ends them early.
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from hakika.simulator.kenya import ALPHABET
from hakika.simulator.settings import Account, Settings
from hakika.simulator.wire import Answer, Refused, RefusedRaw, Request, reply

TOKEN_LENGTH = 28


@dataclass(frozen=True, slots=True)
class Token:
    """What one access token opens, and until when."""

    key: str
    expires_ms: int


class Tokens:
    """The access tokens that still work."""

    def __init__(self, chance: Random, life_s: int) -> None:
        self._chance = chance
        self._life_s = life_s
        self._tokens: dict[str, Token] = {}

    def issue(self, key: str, now_ms: int) -> str:
        """Make a token for an app, forgetting those that expired."""
        self._tokens = {text: token for text, token in self._tokens.items() if now_ms < token.expires_ms}
        text = "".join(self._chance.choices(ALPHABET + ALPHABET[10:].lower(), k=TOKEN_LENGTH))
        self._tokens[text] = Token(key, now_ms + self._life_s * 1000)
        return text

    def revoke_all(self) -> None:
        """End every token at once."""
        self._tokens.clear()

    def key_of(self, text: str, now_ms: int) -> str | None:
        """Say which app a token belongs to, if it works."""
        token = self._tokens.get(text)
        return token.key if token and now_ms < token.expires_ms else None


def generate(request: Request, settings: Settings, tokens: Tokens) -> Answer:
    """Answer `GET /oauth/v1/generate`."""
    scheme, _, proof = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic" or not proof:
        raise Refused("400.008.01", "Invalid Authentication passed")
    if request.query.get("grant_type") != "client_credentials":
        raise Refused("400.008.02", "Invalid grant type passed")
    account = account_of(proof, settings)
    if account is None:
        raise RefusedRaw(Answer(400))
    token = tokens.issue(account.key, request.now_ms)
    return reply({"access_token": token, "expires_in": str(settings.token_life_s)})


def account_of(proof: str, settings: Settings) -> Account | None:
    """Find an account whose key and secret the Basic header proves."""
    try:
        key, _, secret = b64decode(proof, validate=True).decode().partition(":")
    except ValueError:
        return None
    return next((each for each in settings.accounts if (each.key, each.secret) == (key, secret)), None)


def authorize(headers: Mapping[str, str], tokens: Tokens, now_ms: int) -> str:
    """Check the Bearer header and say which app asks."""
    header = headers.get("authorization")
    if header is None:
        raise Refused("401.002.01", "Error Occurred - Invalid Access Token -")
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise Refused("404.001.04", "Invalid Authentication Header")
    key = tokens.key_of(text, now_ms)
    if key is None:
        raise Refused("404.001.03", "Invalid Access Token")
    return key
