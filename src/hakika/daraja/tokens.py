"""One access token per account, shared by every push, query and node (daraja.md §1, OAuth).

Some say that each new token ends the one before it, others that old ones keep working. What is safe in
both worlds: inside this process one fetch at a time per account, whose result or failure all waiters
share; across processes a lease in the vault; and a token that Daraja refused is replaced only if nobody
has done so already.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Protocol, TypeAlias

from hakika.daraja.errors import TokenUnavailable
from hakika.daraja.protocol import Shortcode, Token

# Not used in its last minute, so that none dies between being read here and being read by Daraja.
EARLY_MS: Final = 60_000
# Longer than a token request may take, so that a lease ends by itself only where its holder has died.
LEASE_MS: Final = 15_000
_PATIENCE_MS: Final = 20_000
_PAUSE_S: Final = 0.2

_Key: TypeAlias = tuple[str, str, str, str]


class TokenVault(Protocol):
    """Where all nodes keep an account's token. Forget it there when the account's credentials change."""

    async def read(self, account_id: str) -> Token | None:
        """Return the last token written, if any."""
        ...

    async def lease(self, account_id: str, until_ms: int) -> bool:
        """Take the right to fetch, unless somebody else holds it and his time is not over."""
        ...

    async def write(self, account_id: str, token: Token) -> None:
        """Keep a fresh token for all."""
        ...

    async def release(self, account_id: str) -> None:
        """Give the lease back, taken by us; no error if it has ended."""
        ...


class TokenKeeper:
    """Hands out tokens; `fetch` is the only thing that it cannot do itself."""

    def __init__(
        self,
        vault: TokenVault,
        clock: Callable[[], int],
        fetch: Callable[[Shortcode], Awaitable[Token]],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`clock` in UTC ms; `pause` waits while another node fetches."""
        self._vault, self._clock, self._fetch, self._pause = vault, clock, fetch, pause
        self._known: dict[_Key, Token] = {}
        self._flights: dict[_Key, asyncio.Task[Token]] = {}

    async def take(self, account_id: str, shortcode: Shortcode, spoiled: str = "") -> Token:
        """Return a token with a minute to live at least, and not the `spoiled` one. Raises TokenUnavailable.

        The fetch is a task of its own: a waiter that is cancelled takes nothing away from the others.
        """
        key = (account_id, shortcode.base_url, shortcode.consumer_key, shortcode.consumer_secret)
        while True:
            token = self._known.get(key)
            if token is not None and self._is_usable(token, spoiled):
                return token
            flight = self._flights.get(key)
            ours = flight is None
            if flight is None:
                flight = asyncio.create_task(self._renew(key, account_id, shortcode, spoiled))
                self._flights[key] = flight
                flight.add_done_callback(partial(self._land, key))
            token = await asyncio.shield(flight)
            # A flight that began before our token was refused may bring that very one.
            if ours or token.access_token != spoiled:
                return token

    async def aclose(self) -> None:
        """End fetches under way."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _is_usable(self, token: Token, spoiled: str) -> bool:
        return token.access_token != spoiled and token.expires_at_ms - self._clock() >= EARLY_MS

    def _land(self, key: _Key, flight: asyncio.Task[Token]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # seen, also where every waiter has gone: a failure is shared, never kept

    async def _renew(self, key: _Key, account_id: str, shortcode: Shortcode, spoiled: str) -> Token:
        give_up_ms = self._clock() + _PATIENCE_MS
        while True:
            token = await self._vault.read(account_id)
            if token is None or not self._is_usable(token, spoiled):
                token = await self._fetch_under_lease(account_id, shortcode, spoiled)
            if token is not None:
                self._known[key] = token
                return token
            if self._clock() >= give_up_ms:
                raise TokenUnavailable("Another node holds the right to fetch the token and does not finish.")
            await self._pause(_PAUSE_S)

    async def _fetch_under_lease(self, account_id: str, shortcode: Shortcode, spoiled: str) -> Token | None:
        """Fetch and share a token; None while another node does so."""
        if not await self._vault.lease(account_id, self._clock() + LEASE_MS):
            return None
        try:
            # Another node may have finished between our look and our lease.
            token = await self._vault.read(account_id)
            if token is not None and self._is_usable(token, spoiled):
                return token
            token = await self._fetch(shortcode)
            await self._vault.write(account_id, token)
            return token
        finally:
            await self._vault.release(account_id)
