"""One token for many: within a process, and between nodes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from hakika.daraja.client import DarajaClient, open_client
from hakika.daraja.errors import TokenUnavailable
from hakika.daraja.protocol import Shortcode, Token
from hakika.daraja.tokens import LEASE_MS, TokenKeeper
from hakika.domain.evidence import PushAccepted, PushRefused
from tests.daraja.loopback import PUSH_PATH, TOKEN_PATH, Clock, Loopback, Vault, open_loopback, spell
from tests.daraja.recordings import ORDER, PAYBILL

pytestmark = pytest.mark.anyio


class Fetcher:
    """Fetches when it is let, and counts."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.calls, self.failing = clock, 0, False
        self.gate = asyncio.Event()

    async def __call__(self, _: Shortcode) -> Token:
        """Wait for the gate, then fail or fetch."""
        self.calls += 1
        await self.gate.wait()
        if self.failing:
            raise TokenUnavailable("down")
        return Token(f"token-{self.calls}", self.clock() + 3_599_000)


@pytest.fixture
def clock() -> Clock:
    """Time in the test's hand."""
    return Clock()


@pytest.fixture
def vault(clock: Clock) -> Vault:
    """An empty vault."""
    return Vault(clock)


@pytest.fixture
async def fetch(clock: Clock, anyio_backend: str) -> Fetcher:
    """The only door to Daraja."""
    return Fetcher(clock)


@pytest.fixture
async def daraja(anyio_backend: str) -> AsyncIterator[Loopback]:
    """A server on loopback."""
    async with open_loopback() as daraja:
        yield daraja


async def _let_run() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def _keeper(vault: Vault, clock: Clock, fetch: Fetcher) -> TokenKeeper:
    return TokenKeeper(vault, clock, fetch, clock.pause)


async def test_twenty_pushes_one_token(clock: Clock, vault: Vault, daraja: Loopback) -> None:
    """Twenty pushes at once need one token request, over real connections."""
    async with open_client(clock, vault) as client:
        outcomes = await asyncio.gather(*(client.push("till-1", daraja.shortcode, ORDER, n) for n in range(20)))
    assert all(isinstance(outcome.reading, PushAccepted) for outcome in outcomes)
    assert (daraja.count(TOKEN_PATH), daraja.count(PUSH_PATH)) == (1, 20)


async def test_two_nodes_one_token(clock: Clock, vault: Vault, daraja: Loopback) -> None:
    """Two nodes on one vault fetch one token between them."""

    async def push_ten(client: DarajaClient) -> None:
        await asyncio.gather(*(client.push("till-1", daraja.shortcode, ORDER, n) for n in range(10)))

    async with open_client(clock, vault) as one, open_client(clock, vault) as other:
        await asyncio.gather(push_ten(one), push_ten(other))
    assert (daraja.count(TOKEN_PATH), daraja.count(PUSH_PATH)) == (1, 20)


async def test_twenty_refused_tokens_one_new_one(clock: Clock, vault: Vault, daraja: Loopback) -> None:
    """When a token is revoked under twenty pushes, it is replaced once."""
    vault.tokens["till-1"] = Token("token-0", clock() + 3_000_000)
    daraja.revoked = {"token-0"}
    async with open_client(clock, vault) as client:
        outcomes = await asyncio.gather(*(client.push("till-1", daraja.shortcode, ORDER, n) for n in range(20)))
    assert all(isinstance(outcome.reading, PushAccepted) for outcome in outcomes)
    assert daraja.count(TOKEN_PATH) == 1


async def test_a_failure_is_shared_and_not_kept(clock: Clock, vault: Vault, daraja: Loopback) -> None:
    """All who waited hear of the failure; who comes later asks anew."""
    daraja.reply(TOKEN_PATH, spell(500, b""))
    async with open_client(clock, vault) as client:
        outcomes = await asyncio.gather(*(client.push("till-1", daraja.shortcode, ORDER, n) for n in range(20)))
        assert all(isinstance(outcome.reading, PushRefused) for outcome in outcomes)
        assert daraja.count(TOKEN_PATH) == 1
        daraja.replies.clear()
        later = await client.push("till-1", daraja.shortcode, ORDER, 1)
        assert isinstance(later.reading, PushAccepted)
    assert vault.leases == {}


async def test_a_waiter_that_leaves_takes_nothing_along(clock: Clock, vault: Vault, fetch: Fetcher) -> None:
    """The first to ask is cancelled; the others still get the token of the one fetch."""
    keeper = _keeper(vault, clock, fetch)
    first, *others = [asyncio.create_task(keeper.take("till-1", PAYBILL)) for _ in range(5)]
    await _let_run()
    first.cancel()
    await _let_run()
    fetch.gate.set()
    assert {token.access_token for token in await asyncio.gather(*others)} == {"token-1"}
    assert first.cancelled()
    assert fetch.calls == 1


async def test_a_failure_that_nobody_waits_for_is_quiet(clock: Clock, vault: Vault, fetch: Fetcher) -> None:
    """When every waiter has left, a failing fetch troubles nobody, and the next one asks anew."""
    keeper = _keeper(vault, clock, fetch)
    waiter = asyncio.create_task(keeper.take("till-1", PAYBILL))
    await _let_run()
    waiter.cancel()
    fetch.failing = True
    fetch.gate.set()
    await _let_run()
    fetch.failing = False
    assert (await keeper.take("till-1", PAYBILL)).access_token == "token-2"


async def test_accounts_do_not_wait_for_each_other(clock: Clock, vault: Vault, fetch: Fetcher) -> None:
    """Each account has its own token and its own fetch."""
    keeper = _keeper(vault, clock, fetch)
    both = asyncio.gather(keeper.take("till-1", PAYBILL), keeper.take("till-2", PAYBILL))
    await _let_run()
    assert fetch.calls == 2
    fetch.gate.set()
    await both


async def test_new_credentials_do_not_meet_the_old_token(clock: Clock, vault: Vault, fetch: Fetcher) -> None:
    """What this process remembers is bound to the credentials that it was fetched with."""
    fetch.gate.set()
    keeper = _keeper(vault, clock, fetch)
    await keeper.take("till-1", PAYBILL)
    vault.tokens.clear()
    changed = Shortcode(PAYBILL.base_url, "another-key", "another-secret", "the-passkey", "174379")
    assert (await keeper.take("till-1", changed)).access_token == "token-2"


async def test_the_other_nodes_token_arrives(clock: Clock, vault: Vault, fetch: Fetcher) -> None:
    """While another node fetches, this one waits briefly, reads again, and fetches nothing."""
    await vault.lease("till-1", clock() + LEASE_MS)
    waiter = asyncio.create_task(_keeper(vault, clock, fetch).take("till-1", PAYBILL))
    await asyncio.sleep(0)
    await vault.write("till-1", Token("of-another-node", clock() + 3_000_000))
    assert (await waiter).access_token == "of-another-node"
    assert fetch.calls == 0


async def test_a_node_that_died_holds_nobody_up_for_long(clock: Clock, vault: Vault, fetch: Fetcher) -> None:
    """A lease that nobody gives back ends by itself."""
    began_ms = clock()
    await vault.lease("till-1", clock() + LEASE_MS)
    fetch.gate.set()
    assert (await _keeper(vault, clock, fetch).take("till-1", PAYBILL)).access_token == "token-1"
    assert LEASE_MS <= clock() - began_ms <= LEASE_MS + 1_000
    assert vault.leases == {}


async def test_a_lease_that_never_ends_is_an_outage(clock: Clock, vault: Vault, fetch: Fetcher) -> None:
    """After twenty seconds the waiting ends: nothing was sent, worth another try."""
    vault.leases["till-1"] = clock() + 10**9
    with pytest.raises(TokenUnavailable, match="Another node"):
        await _keeper(vault, clock, fetch).take("till-1", PAYBILL)


async def test_a_fetch_finished_between_look_and_lease(clock: Clock, vault: Vault, fetch: Fetcher) -> None:
    """The vault is read again under the lease, so that a token just fetched is not ended by another."""
    fetch.gate.set()

    async def lease(account_id: str, until_ms: int) -> bool:
        await vault.write(account_id, Token("just-fetched", clock() + 3_000_000))
        return True

    vault.lease = lease  # type: ignore[method-assign]
    assert (await _keeper(vault, clock, fetch).take("till-1", PAYBILL)).access_token == "just-fetched"
    assert fetch.calls == 0


async def test_a_flight_from_before_the_refusal_is_not_enough(clock: Clock, vault: Vault, fetch: Fetcher) -> None:
    """Who joins a fetch that brings the very token just refused asks once more."""
    keeper = _keeper(vault, clock, fetch)
    first = asyncio.create_task(keeper.take("till-1", PAYBILL))
    await _let_run()
    second = asyncio.create_task(keeper.take("till-1", PAYBILL, "token-1"))
    await _let_run()
    fetch.gate.set()
    assert (await first).access_token == "token-1"
    assert (await second).access_token == "token-2"


async def test_closing_ends_fetches_under_way(clock: Clock, vault: Vault, fetch: Fetcher) -> None:
    """A server that stops leaves no task behind."""
    keeper = _keeper(vault, clock, fetch)
    waiter = asyncio.create_task(keeper.take("till-1", PAYBILL))
    await _let_run()
    await keeper.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert vault.leases == {}
