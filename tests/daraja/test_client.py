"""The client against a server that behaves badly."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest

from hakika.daraja.client import DarajaClient, Timeouts, open_client
from hakika.daraja.protocol import PushOutcome, Shortcode, Token
from hakika.domain.evidence import PushAccepted, PushLost, PushRefused, QueryAnswered, QueryUnanswered
from tests.daraja.loopback import (
    PUSH_PATH,
    QUERY_PATH,
    TOKEN_PATH,
    Clock,
    Loopback,
    Reply,
    Vault,
    open_loopback,
    spell,
)
from tests.daraja.recordings import ASKED_ID, CHECKOUT_REQUEST_ID, ORDER, load

pytestmark = pytest.mark.anyio

# Short, where a test has to see a time-out happen; never waited for elsewhere.
_IMPATIENT = Timeouts(connect_s=0.3, push_s=0.3, query_s=0.3, token_s=0.3)


@pytest.fixture
def clock() -> Clock:
    """Time in the test's hand."""
    return Clock()


@pytest.fixture
def vault(clock: Clock) -> Vault:
    """A vault that already holds a token, as in the middle of a day."""
    vault = Vault(clock)
    vault.tokens["till-1"] = Token("token-0", clock() + 3_000_000)
    return vault


@pytest.fixture
async def daraja(anyio_backend: str) -> AsyncIterator[Loopback]:
    """A server on loopback."""
    async with open_loopback() as daraja:
        yield daraja


@pytest.fixture
async def client(clock: Clock, vault: Vault) -> AsyncIterator[DarajaClient]:
    """A client as the server runs it."""
    async with open_client(clock, vault) as client:
        yield client


async def _push(client: DarajaClient, shortcode: Shortcode) -> PushOutcome:
    return await client.push("till-1", shortcode, ORDER, 1)


async def _push_impatiently(clock: Clock, vault: Vault, shortcode: Shortcode) -> PushOutcome:
    async with open_client(clock, vault, _IMPATIENT) as client:
        return await _push(client, shortcode)


async def test_a_push_end_to_end(client: DarajaClient, daraja: Loopback, clock: Clock) -> None:
    """One request with the shared token, one reading, and the bytes that it was read from."""
    outcome = await _push(client, daraja.shortcode)
    assert outcome.reading == PushAccepted(clock(), 1, CHECKOUT_REQUEST_ID, "29115-34620561-1")
    assert (outcome.http_status, outcome.raw) == (200, load("push_accepted.json"))
    [(target, headers, body)] = daraja.requests
    assert target == PUSH_PATH
    assert headers["Authorization"] == "Bearer token-0"
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body)["Amount"] == 100


async def test_a_query_end_to_end(client: DarajaClient, daraja: Loopback, clock: Clock) -> None:
    """A query names the push and is dated when it was asked."""
    outcome = await client.query("till-1", daraja.shortcode, ASKED_ID, last_word=True)
    assert isinstance(outcome.reading, QueryAnswered)
    assert (outcome.reading.at_ms, outcome.reading.code, outcome.reading.last_word) == (clock(), "0", True)
    assert outcome.raw == load("query_paid.json")


async def test_each_push_has_a_connection_of_its_own(client: DarajaClient, daraja: Loopback) -> None:
    """A stale pooled connection can lose no push; queries may share one."""
    for _ in range(3):
        await _push(client, daraja.shortcode)
    assert daraja.connections == 3
    for _ in range(3):
        await client.query("till-1", daraja.shortcode, ASKED_ID, last_word=False)
    assert daraja.connections == 4


async def test_a_session_that_pools_is_no_session_for_pushes(clock: Clock, vault: Vault) -> None:
    """The rule is checked where the client is made."""
    async with aiohttp.ClientSession() as pooling:
        with pytest.raises(AssertionError, match="a connection each"):
            DarajaClient(pooling, pooling, clock, vault)


async def test_a_port_that_nobody_listens_on(client: DarajaClient) -> None:
    """No connection, nothing sent: refused, and worth sending again."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        base_url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        shortcode = Shortcode(base_url, "the-key", "the-secret", "the-passkey", "174379")
        reading = (await _push(client, shortcode)).reading
        unanswered = (await client.query("till-1", shortcode, ASKED_ID, last_word=False)).reading
    assert isinstance(reading, PushRefused)
    assert (reading.code, reading.resend) == ("not_connected", True)
    assert isinstance(unanswered, QueryUnanswered)
    assert unanswered.code == "not_connected"


@pytest.mark.parametrize("base_url", ["http://daraja.invalid", "http://", "ftp://127.0.0.1", "daraja"])
async def test_a_host_that_does_not_exist(client: DarajaClient, base_url: str) -> None:
    """A name without an address, or an address that is none: nothing was sent."""
    shortcode = Shortcode(base_url, "the-key", "the-secret", "the-passkey", "174379")
    reading = (await _push(client, shortcode)).reading
    assert isinstance(reading, PushRefused)
    assert reading.code == "not_connected"


async def test_tls_that_fails(client: DarajaClient) -> None:
    """A handshake that breaks ends before the request: nothing was sent."""

    async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 X\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(speak_plainly, "127.0.0.1", 0) as server:
        base_url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        shortcode = Shortcode(base_url, "the-key", "the-secret", "the-passkey", "174379")
        reading = (await _push(client, shortcode)).reading
    assert isinstance(reading, PushRefused)
    assert (reading.code, reading.resend) == ("not_connected", True)
    assert "SSL" in reading.message


async def test_a_connection_that_does_not_open_in_time(clock: Clock, vault: Vault) -> None:
    """A listener that never finishes the handshake: the connect time-out, nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        base_url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        patient = msgspec.structs.replace(_IMPATIENT, push_s=30)
        shortcode = Shortcode(base_url, "the-key", "the-secret", "the-passkey", "174379")
        async with open_client(clock, vault, patient) as client:
            reading = (await _push(client, shortcode)).reading
    assert isinstance(reading, PushRefused)
    assert (reading.code, reading.resend) == ("not_connected", True)


_CUT_SHORT: list[Reply] = [
    None,
    b"",
    b"HTTP/1.1 200",
    spell(200, b"{", length=500),
    spell(400, load("error_invalid_phone.json")[:40], length=500),
]


@pytest.mark.parametrize("reply", _CUT_SHORT)
async def test_a_connection_cut_before_the_whole_answer(client: DarajaClient, daraja: Loopback, reply: Reply) -> None:
    """Cut after the request was read, at whatever point of the answer: sent once, and never again."""

    async def cut() -> Reply:
        asyncio.get_running_loop().call_later(0.01, daraja.hang_up)
        return reply

    daraja.replies[PUSH_PATH] = cut
    outcome = await _push(client, daraja.shortcode)
    assert isinstance(outcome.reading, PushLost)
    assert outcome.reading.reason.startswith("no whole answer")
    assert daraja.count(PUSH_PATH) == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"nonsense\r\n\r\n",
        spell(200, b"\x1f\x8b nonsense", "Content-Encoding: gzip"),
        spell(302, b"", "Location: /elsewhere"),
        spell(308, b"", "Location: /elsewhere"),
        spell(503, load("incapsula.html"), "Content-Type: text/html"),
        spell(500, load("error_internal.json")),
        spell(200, b"[" + b" " * 70_000 + load("push_accepted.json") + b"]"),
    ],
    ids=["no HTTP", "bad gzip", "redirect", "permanent redirect", "firewall", "5xx", "too long"],
)
async def test_an_answer_that_is_no_answer(client: DarajaClient, daraja: Loopback, reply: Reply) -> None:
    """Garbled, redirected, a page, too long: lost, sent once, never followed elsewhere."""
    daraja.reply(PUSH_PATH, reply)
    outcome = await _push(client, daraja.shortcode)
    assert isinstance(outcome.reading, PushLost)
    assert len(outcome.raw) <= 4096
    assert [target for target, _, _ in daraja.requests] == [PUSH_PATH]


async def test_an_answer_that_does_not_come(clock: Clock, vault: Vault, daraja: Loopback) -> None:
    """A slow answer is a lost push and an unanswered query."""

    async def never() -> Reply:
        await asyncio.Event().wait()
        return None

    daraja.replies = {PUSH_PATH: never, QUERY_PATH: never}
    async with open_client(clock, vault, _IMPATIENT) as client:
        lost = (await _push(client, daraja.shortcode)).reading
        unanswered = (await client.query("till-1", daraja.shortcode, ASKED_ID, last_word=False)).reading
    assert lost == PushLost(clock(), 1, "no whole answer within 0.3 s")
    assert unanswered == QueryUnanswered(clock(), "no whole answer within 0.3 s")


async def test_a_query_cut_off_teaches_nothing(client: DarajaClient, daraja: Loopback) -> None:
    """A connection that breaks is no verdict."""
    daraja.reply(QUERY_PATH, None)
    outcome = await client.query("till-1", daraja.shortcode, ASKED_ID, last_word=True)
    assert isinstance(outcome.reading, QueryUnanswered)


async def test_a_token_revoked_midway(client: DarajaClient, vault: Vault, daraja: Loopback) -> None:
    """A refused token is replaced once and the push sent again: it was refused before processing."""
    daraja.revoked = {"token-0"}
    outcome = await _push(client, daraja.shortcode)
    assert isinstance(outcome.reading, PushAccepted)
    assert [target for target, _, _ in daraja.requests] == [PUSH_PATH, TOKEN_PATH, PUSH_PATH]
    assert vault.tokens["till-1"].access_token == "token-1"
    daraja.revoked.add("token-1")
    answered = await client.query("till-1", daraja.shortcode, ASKED_ID, last_word=False)
    assert isinstance(answered.reading, QueryAnswered)
    assert daraja.count(TOKEN_PATH) == 2


async def test_a_token_that_is_never_good(client: DarajaClient, daraja: Loopback) -> None:
    """One fresh token, no more: then the push is refused, and may be tried later."""
    daraja.revoked = {"token-0", "token-1"}
    outcome = await _push(client, daraja.shortcode)
    assert isinstance(outcome.reading, PushRefused)
    assert (outcome.reading.code, outcome.reading.resend, outcome.token_invalid) == ("404.001.03", True, True)
    assert (daraja.count(PUSH_PATH), daraja.count(TOKEN_PATH)) == (2, 1)


async def test_another_nodes_token_is_taken_over(
    client: DarajaClient, vault: Vault, daraja: Loopback, clock: Clock
) -> None:
    """Where another node has already replaced the token, nothing is fetched."""
    await _push(client, daraja.shortcode)
    daraja.revoked = {"token-0"}
    vault.tokens["till-1"] = Token("token-of-another-node", clock() + 3_000_000)
    assert isinstance((await _push(client, daraja.shortcode)).reading, PushAccepted)
    assert daraja.count(TOKEN_PATH) == 0


@pytest.mark.parametrize(("left_ms", "fetched"), [(60_000, 0), (59_999, 1), (-1, 1)])
async def test_a_token_is_not_used_in_its_last_minute(
    client: DarajaClient, vault: Vault, daraja: Loopback, clock: Clock, left_ms: int, fetched: int
) -> None:
    """Refreshed at least 60 s early (daraja.md §1, OAuth)."""
    vault.tokens["till-1"] = Token("token-0", clock() + left_ms)
    await _push(client, daraja.shortcode)
    assert daraja.count(TOKEN_PATH) == fetched


async def test_a_wrong_key_sends_nothing(client: DarajaClient, vault: Vault, daraja: Loopback) -> None:
    """An empty 400 for the token: refused for good, explained, and no push was sent."""
    vault.tokens.clear()
    daraja.reply(TOKEN_PATH, spell(400, b""))
    outcome = await _push(client, daraja.shortcode)
    assert isinstance(outcome.reading, PushRefused)
    assert (outcome.reading.code, outcome.reading.resend) == ("wrong_key_or_secret", False)
    assert "other environment" in outcome.reading.message
    assert daraja.count(PUSH_PATH) == 0
    unanswered = await client.query("till-1", daraja.shortcode, ASKED_ID, last_word=False)
    assert isinstance(unanswered.reading, QueryUnanswered)
    assert unanswered.reading.code == "wrong_key_or_secret"


@pytest.mark.parametrize("reply", [None, spell(503, b""), spell(429, load("fault_spike_arrest.json"))])
async def test_no_token_for_now_sends_nothing(
    client: DarajaClient, vault: Vault, daraja: Loopback, reply: Reply
) -> None:
    """A token that could not be fetched: nothing was sent, worth another try."""
    vault.tokens.clear()
    daraja.reply(TOKEN_PATH, reply)
    outcome = await _push(client, daraja.shortcode)
    assert isinstance(outcome.reading, PushRefused)
    assert (outcome.reading.code, outcome.reading.resend) == ("no_token", True)
    assert outcome.pressure == (reply is not None)
    assert daraja.count(PUSH_PATH) == 0


async def test_a_vault_that_fails_means_that_nothing_was_sent(
    client: DarajaClient, vault: Vault, daraja: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`push` calls it a refusal that may be sent again, never a loss; `prepare` and `query` raise what it raised."""

    async def fail(account_id: str) -> Token | None:
        raise ConnectionError(account_id)

    monkeypatch.setattr(vault, "read", fail)
    reading = (await _push(client, daraja.shortcode)).reading
    assert isinstance(reading, PushRefused)
    assert (reading.code, reading.resend) == ("no_token", True)
    with pytest.raises(ConnectionError):
        await client.prepare("till-1", daraja.shortcode, 1)
    assert daraja.requests == []


async def test_a_push_is_prepared_by_its_token(client: DarajaClient, vault: Vault, daraja: Loopback) -> None:
    """What takes long is done before: afterwards the push alone leaves. Without a token it says why."""
    vault.tokens.clear()
    assert await client.prepare("till-1", daraja.shortcode, 1) is None
    assert daraja.count(TOKEN_PATH) == 1
    await _push(client, daraja.shortcode)
    assert [target for target, _, _ in daraja.requests] == [TOKEN_PATH, PUSH_PATH]
    daraja.reply(TOKEN_PATH, spell(503, b"down"))
    obstacle = await client.prepare("till-2", daraja.shortcode, 3)
    assert obstacle is not None
    assert isinstance(obstacle.reading, PushRefused)
    assert (obstacle.reading.attempt, obstacle.reading.resend) == (3, True)


async def test_a_push_whose_second_token_comes_late_is_not_sent_again(
    client: DarajaClient, clock: Clock, daraja: Loopback
) -> None:
    """Its token was refused and the new one took too long: it is refused, and the phone does not ring that late."""
    daraja.revoked = {"token-0"}
    order = msgspec.structs.replace(ORDER, leave_by_ms=clock() + 1_000)

    async def give_slowly() -> Reply:
        clock.now_ms += 1_001
        return spell(200, b'{"access_token":"token-1","expires_in":"3599"}')

    daraja.replies[TOKEN_PATH] = give_slowly
    outcome = await client.push("till-1", daraja.shortcode, order, 1)
    assert outcome.reading == PushRefused(clock(), 1, "too_late", "Its token came too late.", resend=True)
    assert daraja.count(PUSH_PATH) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_from_the_environment(
    clock: Clock, vault: Vault, daraja: Loopback, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """The environment's proxy is used; one that opens no tunnel has sent nothing, and its password stays in."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(f"{scheme}_proxy", f"http://user:pa55@127.0.0.1:{daraja.port}")
    monkeypatch.setenv(f"{scheme}_proxy".upper(), f"http://user:pa55@127.0.0.1:{daraja.port}")
    daraja.reply("daraja.invalid:443", spell(403, b""))
    shortcode = msgspec.structs.replace(daraja.shortcode, base_url=f"{scheme}://daraja.invalid")
    reading = (await _push_impatiently(clock, vault, shortcode)).reading
    if scheme == "http":
        assert isinstance(reading, PushAccepted)
        return
    assert isinstance(reading, PushRefused)
    assert (reading.code, reading.resend) == ("not_connected", True)
    assert "pa55" not in reading.message
    headers = {name.lower(): value for name, value in daraja.requests[-1][1].items()}
    assert headers["proxy-authorization"] == aiohttp.encode_basic_auth("user", "pa55")


@pytest.mark.parametrize("reply", [None, spell(400, b""), spell(404, load("error_invalid_access_token.json"))])
async def test_no_secret_is_told(client: DarajaClient, vault: Vault, daraja: Loopback, reply: Reply) -> None:
    """No key, token, passkey, phone or callback path stands in what a failure says."""
    daraja.replies = {}
    daraja.reply(PUSH_PATH, reply)
    first = await _push(client, daraja.shortcode)
    vault.tokens.clear()
    daraja.reply(TOKEN_PATH, reply)
    second = await client.push("till-2", daraja.shortcode, ORDER, 1)
    told = repr((first.reading, second.reading))
    secrets = ("the-key", "the-secret", "the-passkey", "token-0", ORDER.phone, "s3cr3t", "Bearer", "Basic")
    assert not [secret for secret in secrets if secret in told]
