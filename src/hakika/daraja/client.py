"""The one file that talks to Daraja.

What a broken exchange means is decided by one question: can bytes of the request have left? Where no
connection was ever opened the push is refused and may be sent again; in every other case it is lost, and
never is. `push` therefore never raises; `prepare` and `query` raise what the vault raises, and then nothing was sent.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypedDict
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import msgspec
import structlog
from yarl import URL

from hakika.daraja.answers import read_push_answer, read_query_answer, read_token_answer
from hakika.daraja.errors import TokenUnavailable
from hakika.daraja.protocol import (
    Answer,
    PushOrder,
    PushOutcome,
    QueryOutcome,
    Request,
    Shortcode,
    Token,
)
from hakika.daraja.requests import build_push, build_query, build_token_request
from hakika.daraja.tokens import TokenKeeper, TokenVault
from hakika.daraja.tolerance import clean_text
from hakika.domain.evidence import PushLost, PushRefused, QueryUnanswered

log = structlog.get_logger("hakika.daraja")

_ANSWER_LOGGED_BYTES: Final = 4096
# No answer of Daraja comes near it; a page of HTML that does is not worth the memory.
_ANSWER_LIMIT_BYTES: Final = 64 * 1024
_ERROR_TEXT_LIMIT: Final = 200
_USER_IN_URL = re.compile(r"//[^/@\s]*@")

# aiohttp raises these only before a connection for the request exists: names, TCP, TLS, a proxy's tunnel.
_NEVER_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)


class Timeouts(msgspec.Struct, frozen=True):
    """How long each exchange may take, from the first look for a connection to the answer's last byte."""

    connect_s: float = 10
    push_s: float = 30
    query_s: float = 15
    token_s: float = 12  # less than a token lease (`tokens.LEASE_MS`)


class _NotConnected(Exception):
    """No connection was opened: nothing was sent."""


class _AnswerLost(Exception):
    """Bytes may have left, and no whole answer came."""


class DarajaClient:
    """Pushes, queries and tokens for any number of accounts. Open one with `open_client`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        push_session: aiohttp.ClientSession,
        clock: Callable[[], int],
        vault: TokenVault,
        *,
        timeouts: Timeouts | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`session` may reuse connections, `push_session` may not. `clock` in UTC ms."""
        # A pooled connection that Daraja closed meanwhile would make a push lost that was never read.
        connector = push_session.connector
        assert connector is not None
        assert connector.force_close, "pushes need a connection each"
        self._session, self._push_session, self._clock = session, push_session, clock
        self._timeouts = timeouts or Timeouts()
        self._tokens = TokenKeeper(vault, clock, self._request_token, pause)
        self._proxies: dict[str, _Proxy] = {}

    async def prepare(self, account_id: str, shortcode: Shortcode, attempt: int) -> PushOutcome | None:
        """Have a token at hand, so that a push leaves at once. → what stands in the way of it.

        Raises what the vault raises.
        """
        try:
            await self._tokens.take(account_id, shortcode)
        except TokenUnavailable as error:
            return self._not_sent(attempt, error)
        return None

    async def push(self, account_id: str, shortcode: Shortcode, order: PushOrder, attempt: int) -> PushOutcome:
        """Send one STK push, once more only where its token was refused, which is before any processing."""
        spoiled = ""
        while True:
            try:
                token = await self._tokens.take(account_id, shortcode, spoiled)
            except Exception as error:  # noqa: BLE001 - whatever it was, nothing of this push was processed
                return self._not_sent(attempt, error)
            if order.leave_by_ms and self._clock() > order.leave_by_ms:
                reading = PushRefused(self._clock(), attempt, "too_late", "Its token came too late.", resend=True)
                return PushOutcome(reading)
            outcome = await self._send_push(shortcode, token, order, attempt)
            if spoiled or not outcome.token_invalid:
                return outcome
            spoiled = token.access_token

    def _not_sent(self, attempt: int, error: Exception) -> PushOutcome:
        if not isinstance(error, TokenUnavailable):
            error = TokenUnavailable(f"No token could be had: {_describe(error)}")
        reading = PushRefused(self._clock(), attempt, error.code, error.detail, error.resend)
        return PushOutcome(reading, pressure=error.pressure, retry_after_s=error.retry_after_s)

    async def query(
        self, account_id: str, shortcode: Shortcode, checkout_request_id: str, last_word: bool
    ) -> QueryOutcome:
        """Ask what became of a push. `last_word`: its prompt's life is over."""
        try:
            token = await self._tokens.take(account_id, shortcode)
            outcome = await self._send_query(shortcode, token, checkout_request_id, last_word)
            if outcome.token_invalid:
                token = await self._tokens.take(account_id, shortcode, token.access_token)
                outcome = await self._send_query(shortcode, token, checkout_request_id, last_word)
        except TokenUnavailable as error:
            reading = QueryUnanswered(self._clock(), error.detail, error.code)
            return QueryOutcome(reading, pressure=error.pressure, retry_after_s=error.retry_after_s)
        return outcome

    async def fetch_token(self, account_id: str, shortcode: Shortcode, spoiled: str = "") -> Token:
        """Return a usable token other than `spoiled`. Raises TokenUnavailable or WrongKeyOrSecret."""
        return await self._tokens.take(account_id, shortcode, spoiled)

    async def aclose(self) -> None:
        """End token fetches under way; the sessions are their opener's."""
        await self._tokens.aclose()

    async def _send_push(self, shortcode: Shortcode, token: Token, order: PushOrder, attempt: int) -> PushOutcome:
        request = build_push(shortcode, token, order, self._clock())
        try:
            answer = await self._exchange(self._push_session, request, self._timeouts.push_s)
        except _NotConnected as error:
            return PushOutcome(PushRefused(self._clock(), attempt, "not_connected", str(error), resend=True))
        except _AnswerLost as error:
            return PushOutcome(PushLost(self._clock(), attempt, str(error)))
        return read_push_answer(answer, attempt, self._clock())

    async def _send_query(
        self, shortcode: Shortcode, token: Token, checkout_request_id: str, last_word: bool
    ) -> QueryOutcome:
        asked_at_ms = self._clock()
        request = build_query(shortcode, token, checkout_request_id, asked_at_ms)
        try:
            answer = await self._exchange(self._session, request, self._timeouts.query_s)
        except _NotConnected as error:
            return QueryOutcome(QueryUnanswered(asked_at_ms, str(error), "not_connected"))
        except _AnswerLost as error:
            return QueryOutcome(QueryUnanswered(asked_at_ms, str(error)))
        return read_query_answer(answer, checkout_request_id, asked_at_ms, last_word)

    async def _request_token(self, shortcode: Shortcode) -> Token:
        asked_at_ms = self._clock()
        request = build_token_request(shortcode)
        try:
            answer = await self._exchange(self._session, request, self._timeouts.token_s)
        except (_NotConnected, _AnswerLost) as error:
            raise TokenUnavailable(f"No answer to the request for a token: {error}") from None
        return read_token_answer(answer, asked_at_ms)

    async def _exchange(self, session: aiohttp.ClientSession, request: Request, total_s: float) -> Answer:
        # Errors are raised `from None`: aiohttp's carry the request's headers, and so the token, with them.
        try:
            async with session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body or None,
                allow_redirects=False,
                **self._proxy_for(request.url),
                timeout=aiohttp.ClientTimeout(total=total_s, connect=self._timeouts.connect_s),
            ) as response:
                body = await _read_body(response)
                _note(request, response.status, body)
                return Answer(response.status, response.headers, body)
        except _NEVER_SENT as error:
            raise _NotConnected(_describe(error)) from None
        except TimeoutError:
            raise _AnswerLost(f"no whole answer within {total_s:g} s") from None
        except Exception as error:  # noqa: BLE001 - whatever breaks once bytes may have left is a loss, and told so
            raise _AnswerLost(f"no whole answer: {_describe(error)}") from None

    def _proxy_for(self, url: str) -> "_Proxy":
        # Once a host: aiohttp would read the environment and look for a .netrc at every request.
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._proxies:
            self._proxies[origin] = find_proxy(parts.scheme, parts.hostname or "")
        return self._proxies[origin]


class _Proxy(TypedDict, total=False):
    """How a host is reached, as aiohttp is told."""

    proxy: URL
    proxy_headers: dict[str, str]


def find_proxy(scheme: str, host: str) -> _Proxy:
    """The proxy that the environment names for a host (`https_proxy`, `no_proxy` …); empty where it names none."""
    named = getproxies().get(scheme, "")
    if not named or proxy_bypass(host):
        return {}
    proxy = URL(named)
    if proxy.user is None:
        return {"proxy": proxy}
    allowed = aiohttp.encode_basic_auth(proxy.user, proxy.password or "")
    return {"proxy": proxy.with_user(None), "proxy_headers": {"Proxy-Authorization": allowed}}


def _note(request: Request, status: int, answer: bytes) -> None:
    """Log what was asked and answered, where somebody debugs: without headers, which hold the token and the secret."""
    if not log.is_enabled_for(logging.DEBUG):
        return
    with contextlib.suppress(Exception):  # a log that cannot be written must not make an answer a lost one
        asked, said = request.body.decode("utf-8", "replace"), answer[:_ANSWER_LOGGED_BYTES].decode("utf-8", "replace")
        log.debug("daraja", method=request.method, url=request.url, asked=asked, status=status, answer=said)


@asynccontextmanager
async def open_client(
    clock: Callable[[], int], vault: TokenVault, timeouts: Timeouts | None = None
) -> AsyncIterator[DarajaClient]:
    """Open a client with its two sessions: one that keeps connections, one that opens one for each push."""
    async with _open_session() as session, _open_session(force_close=True) as push_session:
        client = DarajaClient(session, push_session, clock, vault, timeouts=timeouts)
        try:
            yield client
        finally:
            await client.aclose()


def _open_session(*, force_close: bool = False) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=force_close),
        cookie_jar=aiohttp.DummyCookieJar(),  # accounts share the sessions and must not share cookies
        trust_env=False,  # see `_proxy_for`; and what a .netrc says of Daraja's host is not for us
    )


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    while len(body) < _ANSWER_LIMIT_BYTES:
        chunk = await response.content.read(_ANSWER_LIMIT_BYTES - len(body))
        if not chunk:
            break
        body += chunk
    return bytes(body)


def _describe(error: Exception) -> str:
    # A proxy's address may carry its password.
    text = clean_text(_USER_IN_URL.sub("//", str(error)), _ERROR_TEXT_LIMIT)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
