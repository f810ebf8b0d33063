"""What Daraja says when it is asked politely: one token, and one query about a prompt that never was, an account.

Both are shared by all checks of an examination, so that the doctor costs an account two calls. The token is kept for
all nodes, because some say that each new one ends the one before it (daraja.md §1, OAuth).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import msgspec

from hakika.config import Settings
from hakika.daraja.answers import read_query_answer, read_token_answer
from hakika.daraja.errors import TokenUnavailable
from hakika.daraja.protocol import Answer, QueryOutcome, Request, Shortcode, Token
from hakika.daraja.requests import build_query, build_token_request
from hakika.doctor.check import Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import Unseen, look_in
from hakika.doctor.visit import WITHIN_S, Visit, host_of, visit
from hakika.domain.errors import HakikaError, SettingError, StoreUnavailable
from hakika.domain.evidence import QueryAnswered
from hakika.engine.accounts import Account, StoredTokens
from hakika.engine.budgets import Budgets

NEVER_PROMPTED = "ws_CO_010120200000000000000000"
"""The CheckoutRequestID of no prompt: well formed, and of a second in which none of ours was sent."""


LEAST_S = 0.5  # for a query after a token that took nearly all of a check's time


class Asked(NamedTuple):
    """An account that is asked about; `id` is `""` where it stands in the settings alone."""

    id: str
    name: str
    environment: str
    shortcode: Shortcode

    @property
    def host(self) -> str:
        """Where its Daraja is."""
        return host_of(self.shortcode.base_url)[0]


class Talk(NamedTuple):
    """An exchange: what came, and the ground's time in the middle of it."""

    seen: Visit
    asked_at_ms: int
    middle_ms: float
    token: Token | None = None
    error: TokenUnavailable | None = None

    @property
    def date_ms(self) -> int:
        """Daraja's time by its Date header, in ms; 0 where there is none."""
        try:
            return int(parsedate_to_datetime(self.seen.headers.get("date", "")).timestamp() * 1000)
        except (TypeError, ValueError):
            return 0


class NotAsked(Exception):
    """Daraja was not asked, and why."""


async def each_account(ground: Ground, look: Callable[[Asked], Awaitable[Finding]]) -> list[Finding]:
    """Look at every account at once; the finding is about it where there are several. Raises Unseen."""
    asked = await list_asked(ground)
    findings = await asyncio.gather(*map(look, asked))
    if len(asked) == 1:
        return list(findings)
    return [msgspec.structs.replace(found, subject=one.name) for one, found in zip(asked, findings, strict=True)]


async def list_asked(ground: Ground) -> Sequence[Asked]:
    """The active accounts; where there is no database, that of the settings. Raises Unseen."""
    known: Sequence[Account] = ()
    if ground.accounts is not None and ground.store is not None:
        try:
            known = await look_in(ground, ground.accounts.load)
        except SettingError as error:
            raise Unseen(f"The accounts' credentials cannot be read: {error.detail}") from error
        except Unseen:
            known = ()
    active = [Asked(one.id, one.name, one.environment, one.shortcode) for one in known if one.active]
    if active:
        return active
    settings = ground.settings
    if ground.settings_trouble or not (settings.consumer_key and settings.consumer_secret and settings.shortcode):
        raise Unseen("There is no account to ask for: see settings.complete.")
    return [Asked("", "default", settings.environment, own_shortcode(settings))]


def own_shortcode(settings: Settings) -> Shortcode:
    """The shortcode of the settings' own account."""
    return Shortcode(
        base_url=settings.daraja_url,
        consumer_key=settings.consumer_key,
        consumer_secret=settings.consumer_secret,
        passkey=settings.passkey,
        shortcode=settings.shortcode,
        till=settings.till,
    )


async def ask_token(ground: Ground, account: Asked) -> Talk:
    """Ask for a token, once an examination."""
    return await ground.shared.once(f"token {account.name}", lambda: _ask_token(ground, account))


async def _ask_token(ground: Ground, account: Asked) -> Talk:
    talk = await _exchange(ground, build_token_request(account.shortcode))
    if not talk.seen.status:
        return talk
    try:
        token = read_token_answer(as_answer(talk.seen), talk.asked_at_ms)
    except TokenUnavailable as error:
        return talk._replace(error=error)
    await _keep(ground, account, token)
    return talk._replace(token=token)


async def _keep(ground: Ground, account: Asked, token: Token) -> None:
    if not account.id or ground.store is None or ground.vault is None:
        return
    with contextlib.suppress(HakikaError):  # a token that is not kept costs another call, nothing else
        await StoredTokens(ground.store, ground.vault, ground.clock).write(account.id, token)


async def _exchange(ground: Ground, request: Request, within_s: float = 0) -> Talk:
    asked_at_ms = ground.clock()
    seen = await visit(
        ground, request.method, request.url, request.body, request.headers, verified=True, within_s=within_s
    )
    return Talk(seen, asked_at_ms, (asked_at_ms + ground.clock()) / 2)


def as_answer(seen: Visit) -> Answer:
    """A visit as the readers of Daraja's answers take it."""
    return Answer(seen.status, seen.headers, seen.body)


async def ask_query(ground: Ground, account: Asked) -> QueryOutcome:
    """Ask about a prompt that never was, once an examination. Raises NotAsked."""
    return await ground.shared.once(f"query {account.name}", lambda: _ask_query(ground, account))


async def _ask_query(ground: Ground, account: Asked) -> QueryOutcome:
    talk = await ask_token(ground, account)
    if talk.token is None:
        raise NotAsked("Without an access token nothing can be asked: see daraja.credentials.")
    await _spend(ground, account)
    request = build_query(account.shortcode, talk.token, NEVER_PROMPTED, ground.clock())
    asked = await _exchange(ground, request, max(LEAST_S, WITHIN_S - talk.seen.took_ms / 1000))
    if not asked.seen.status:
        raise NotAsked(f"A query was not answered: {asked.seen.error}. See daraja.reachable.")
    return read_query_answer(as_answer(asked.seen), NEVER_PROMPTED, asked.asked_at_ms, last_word=False)


async def _spend(ground: Ground, account: Asked) -> None:
    """Take a query from the account's budget: payments that wait for one come first. Raises NotAsked."""
    if not account.id or ground.store is None or ground.accounts is None:
        return
    budgets = Budgets(ground.store, ground.accounts, ground.clock)
    try:
        grant = await ground.store.write(lambda tx: budgets.grant(tx, account.id, 0, 1))
    except StoreUnavailable:
        return  # payments cannot be asked about either, so nobody is kept waiting
    if not grant.queries:
        raise NotAsked("The account's budget has no query left for the moment: ask again in a minute.")


def tell_not_asked(error: NotAsked) -> Finding:
    """That it cannot be told, and why."""
    return Finding(Outcome.UNKNOWN, str(error))


def quote_query(outcome: QueryOutcome) -> str:
    """Daraja's answer to a query, in a line."""
    reading = outcome.reading
    if isinstance(reading, QueryAnswered):
        return f"ResultCode {reading.code} “{reading.description}”"
    code = f" {reading.code}" if reading.code else ""
    said = reading.reason.removeprefix(f"HTTP {outcome.http_status}: ")
    return f"HTTP {outcome.http_status}{code} “{said}”"


def said_in(outcome: QueryOutcome) -> str:
    """The words of an answer to a query, in small letters."""
    return quote_query(outcome).lower()
