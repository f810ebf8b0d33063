"""A Daraja of a few lines on loopback, that a test scripts byte by byte, and a vault in memory."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from hakika.daraja.protocol import Shortcode, Token
from tests.daraja.recordings import load

TOKEN_PATH = "/oauth/v1/generate?grant_type=client_credentials"
PUSH_PATH = "/mpesa/stkpush/v1/processrequest"
QUERY_PATH = "/mpesa/stkpushquery/v1/query"

# What a script gives back: bytes for the wire, or None to hang up without a word.
Reply = bytes | None


def spell(status: int, body: bytes, *headers: str, length: int | None = None) -> bytes:
    """Spell an HTTP answer."""
    stated = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {stated}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Clock:
    """Time that moves only when it is told to."""

    def __init__(self) -> None:
        self.now_ms = 1_763_370_000_000

    def __call__(self) -> int:
        """Tell the time."""
        return self.now_ms

    async def pause(self, seconds: float) -> None:
        """Let time pass, and the others run."""
        self.now_ms += round(seconds * 1000)
        await asyncio.sleep(0)


class Vault:
    """What the database does, in memory."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.tokens: dict[str, Token] = {}
        self.leases: dict[str, int] = {}

    async def read(self, account_id: str) -> Token | None:
        """Return the token that was written."""
        return self.tokens.get(account_id)

    async def lease(self, account_id: str, until_ms: int) -> bool:
        """Grant it where nobody holds it any more."""
        if self.leases.get(account_id, 0) > self.clock():
            return False
        self.leases[account_id] = until_ms
        return True

    async def write(self, account_id: str, token: Token) -> None:
        """Keep the token."""
        self.tokens[account_id] = token

    async def release(self, account_id: str) -> None:
        """Forget who held the lease."""
        self.leases.pop(account_id, None)


class Loopback:
    """Answers by path; by default as Daraja does when all is well. Keeps all that it was sent."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0
        self.tokens_given = 0
        self.revoked: set[str] = set()
        self.replies: dict[str, Callable[[], Awaitable[Reply]]] = {}
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def shortcode(self) -> Shortcode:
        """Credentials that lead here."""
        return Shortcode(f"http://127.0.0.1:{self.port}", "the-key", "the-secret", "the-passkey", "174379")

    def reply(self, path: str, reply: Reply) -> None:
        """Answer that path so from now on."""

        async def give() -> Reply:
            return reply

        self.replies[path] = give

    def count(self, path: str) -> int:
        """How often that path was asked."""
        return sum(target == path for target, _, _ in self.requests)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        self.connections += 1
        self._writers.add(writer)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def hang_up(self) -> None:
        """Cut every connection that is open."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        raw_headers = dict(line.split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        target = head[0].split(" ")[1]
        self.requests.append((target, raw_headers, body))
        give = self.replies.get(target)
        reply = await give() if give else self._answer(target, raw_headers)
        if reply is None:
            return False
        writer.write(reply)
        await writer.drain()
        return True

    def _answer(self, target: str, headers: dict[str, str]) -> bytes:
        if target == TOKEN_PATH:
            self.tokens_given += 1
            token = {"access_token": f"token-{self.tokens_given}", "expires_in": "3599"}
            return spell(200, json.dumps(token).encode())
        if headers.get("Authorization", "").removeprefix("Bearer ") in self.revoked:
            return spell(404, load("error_invalid_access_token.json"))
        return spell(200, load("query_paid.json" if target == QUERY_PATH else "push_accepted.json"))


@asynccontextmanager
async def open_loopback() -> AsyncIterator[Loopback]:
    """Open a server on a free port."""
    daraja = Loopback()
    server = await asyncio.start_server(daraja.serve, "127.0.0.1", 0)
    daraja.port = server.sockets[0].getsockname()[1]
    try:
        yield daraja
    finally:
        daraja.hang_up()
        server.close()
        await server.wait_closed()
