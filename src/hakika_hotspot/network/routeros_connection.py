"""One connection to a router's API: log in, ask several things at once, each answer to who asked (by its tag)."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from hakika_hotspot.network.router import RouterRefused, RouterUnreachable
from hakika_hotspot.network.routeros_wire import (
    Reply,
    SentenceReader,
    WireError,
    answer_challenge,
    build_command,
    encode_sentence,
    read_reply,
)

PATIENCE_SECONDS = 5.0  # for one answer: a small router under load takes a second or two
READ_BYTES = 65_536


class Door(NamedTuple):
    """Where a router's API is and who we are there."""

    host: str
    port: int
    username: str
    password: str
    tls: ssl.SSLContext | None = None
    patience_seconds: float = PATIENCE_SECONDS


class RouterOSConnection:
    """What `connect` gives: `call` runs a command and returns its rows."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience_seconds: float) -> None:
        self._reader = reader
        self._writer = writer
        self._patience_seconds = patience_seconds
        self._waiting: dict[str, tuple[asyncio.Future[list[dict[str, str]]], list[Reply]]] = {}
        self._last_tag = 0
        self._over: Exception | None = None
        self._listener = asyncio.create_task(self._listen())

    async def call(
        self, command: str, attributes: dict[str, str] | None = None, queries: dict[str, str] | None = None
    ) -> list[dict[str, str]]:
        """Run a command; return its rows, and last what `!done` brought, if anything. A trap is RouterRefused."""
        if self._over:
            raise RouterUnreachable(str(self._over))
        self._last_tag += 1
        tag = str(self._last_tag)
        answer: asyncio.Future[list[dict[str, str]]] = asyncio.get_running_loop().create_future()
        self._waiting[tag] = (answer, [])
        try:
            self._writer.write(encode_sentence(build_command(command, attributes or {}, queries, tag)))
            async with asyncio.timeout(self._patience_seconds):
                return await answer
        except TimeoutError:
            raise RouterUnreachable(f"no answer to {command} in {self._patience_seconds:g} s") from None
        finally:
            self._waiting.pop(tag, None)

    async def log_in(self, username: str, password: str) -> None:
        """Log in as RouterOS 6.43 and later want it; an older one answers with a challenge, and gets its digest."""
        rows = await self.call("/login", {"name": username, "password": password})
        challenge = next((row["ret"] for row in rows if "ret" in row), "")
        if challenge:
            await self.call("/login", {"name": username, "response": answer_challenge(password, challenge)})

    async def close(self) -> None:
        """Hang up."""
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)
        self._writer.close()
        with suppress(OSError):  # it was gone already
            await self._writer.wait_closed()

    async def _listen(self) -> None:
        sentences = SentenceReader()
        try:
            while data := await self._reader.read(READ_BYTES):
                for words in sentences.feed(data):
                    self._hear(read_reply(words))
            self._end(ConnectionError("the router hung up"))
        except (OSError, WireError) as error:
            self._end(error)

    def _hear(self, reply: Reply) -> None:
        if reply.kind == "fatal":
            self._end(ConnectionError(reply.text or "the router ended the connection"))
            return
        answer, heard = self._waiting.get(reply.tag, (None, []))
        if answer is None or answer.done():
            return  # an answer that came too late: nobody waits for it
        if reply.kind != "done":
            heard.append(reply)
            return
        refusals = [row.attributes.get("message", "refused") for row in heard if row.kind == "trap"]
        if refusals:
            answer.set_exception(RouterRefused("; ".join(refusals)))
        else:
            rows = [row.attributes for row in heard if row.kind == "re"]
            answer.set_result([*rows, reply.attributes] if reply.attributes else rows)

    def _end(self, why: Exception) -> None:
        self._over = why
        for answer, _ in self._waiting.values():
            if not answer.done():
                answer.set_exception(RouterUnreachable(str(why)))


@asynccontextmanager
async def connect(door: Door) -> AsyncIterator[RouterOSConnection]:
    """Open a connection and log in; hang up at the end. Raises RouterUnreachable, RouterRefused."""
    try:
        async with asyncio.timeout(door.patience_seconds):
            reader, writer = await asyncio.open_connection(door.host, door.port, ssl=door.tls)
    except (OSError, TimeoutError) as error:
        raise RouterUnreachable(f"{door.host}:{door.port}: {str(error) or 'no connection'}") from error
    connection = RouterOSConnection(reader, writer, door.patience_seconds)
    try:
        await connection.log_in(door.username, door.password)
        yield connection
    finally:
        await connection.close()
