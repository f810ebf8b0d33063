"""A merchant's receiver on loopback, scripted byte by byte, and the whole of delivering to it."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from hakika.engine.live.notices import Notices
from hakika.engine.vault import Vault
from hakika.engine.webhooks.addresses import AddressRule, read_rule
from hakika.engine.webhooks.deliver import Deliverer
from hakika.engine.webhooks.endpoints import Endpoints
from hakika.engine.webhooks.outbound import Resolve, open_sender
from hakika.engine.webhooks.outbox import Outbox
from hakika.store import open_store
from hakika.store.events import EventRow, EventStatements, publish
from hakika.store.webhooks.deliveries import AttemptRow, DeliveryFilter, Told, list_attempts, list_deliveries
from hakika.store.webhooks.endpoints import EndpointRow, find_endpoint
from hakika.store.webhooks.resending import Resend
from tests.engine.till import VAULT_KEY, HeldClock

LOOPBACK = read_rule((), loopback=True)
WITHIN_S = 15.0  # longer than a busy machine takes to answer itself
SHORTLY_S = 1.0  # a real time-out, so short that a test can wait for it
Answer = Callable[["Received"], Awaitable[bytes | None]]


class Received(msgspec.Struct, frozen=True):
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """What it says."""
        document: dict[str, Any] = msgspec.json.decode(self.body)
        return document


def spell(status: int, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """Spell an HTTP answer."""
    stated = len(body) if length is None else length
    return "\r\n".join([f"HTTP/1.1 {status} X", f"Content-Length: {stated}", *headers]).encode() + b"\r\n\r\n" + body


class Receiver:
    """Answers 200, or as a test scripts it; keeps all that it got."""

    def __init__(self) -> None:
        self.got: list[Received] = []
        self.script: list[bytes | None] = []  # None: hang up
        self.answer: Answer | None = None
        self.status = 200
        self.hangs_up = False  # after each answer
        self.port, self.sent_bytes = 0, 0
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def ids(self) -> list[str]:
        """The ids of the events that came, in their order."""
        return [one.headers["webhook-id"] for one in self.got]

    @property
    def numbers(self) -> list[int]:
        """The numbers of the events that came, in their order."""
        return [one.event["number"] for one in self.got]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        self._writers.add(writer)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        received = Received(first.split()[1], headers, body)
        self.got.append(received)
        if self.script:
            reply = self.script.pop(0)
        else:
            reply = await self.answer(received) if self.answer else spell(self.status, b"thanks")
        if reply is None:
            return False
        for start in range(0, len(reply), 65_536):
            writer.write(reply[start : start + 65_536])
            await writer.drain()
            self.sent_bytes += len(reply[start : start + 65_536])
        return not self.hangs_up

    def hang_up(self) -> None:
        """End all connections."""
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        receiver.hang_up()
        await server.wait_closed()


class Post:
    """Delivering, on a real store, with the time handed in."""

    def __init__(self, database_url: str, clock: HeldClock, rule: AddressRule) -> None:
        self.store, self.clock, self.rule = open_store(database_url), clock, rule
        self.entropy = random.Random(7).randbytes  # noqa: S311 - the same in every run
        self.endpoints = Endpoints(Vault(VAULT_KEY), rule, clock, self.entropy)
        self.events = EventStatements(self.store.dialect)
        self.announced: list[EventRow] = []
        self.deliverer: Deliverer
        self._number = 0

    def hurry(self) -> None:
        """Give up on a receiver after SHORTLY_S."""
        self.deliverer._sender._within_s = SHORTLY_S

    async def add(self, url: str, *event_types: str, mode: str = "test") -> tuple[str, EndpointRow]:
        """Add an endpoint. → its secret and its row."""
        return await self.store.write(lambda tx: self.endpoints.create(tx, mode, url, event_types, ""))

    async def publish(self, count: int = 1, event_type: str = "payment.completed", **changes: Any) -> list[EventRow]:
        """Publish events."""
        rows = []
        for _ in range(count):
            self._number += 1
            row = EventRow(0, f"evt_{self._number}", "pay_1", event_type, 1, self.clock(), '{"id":"pay_1"}', "test")
            rows.append(row._replace(**changes))
        return await self.store.write(lambda tx: publish(tx, self.events, rows))

    async def work(self, *, after_s: float = 0) -> dict[str, int]:
        """Let time pass and send what is due then."""
        self.clock.pass_s(after_s)
        return dict(await self.deliverer.run_once())

    async def resend(self, wanted: Resend) -> int:
        """Owe again what fits."""
        outbox = Outbox(self.store, self.endpoints, Notices(), self.clock, self.entropy)
        return await outbox.resend(wanted)

    async def drain(self) -> None:
        """Send until nothing is due."""
        while await self.work():
            pass

    async def endpoint(self, row: EndpointRow) -> EndpointRow:
        """The endpoint as it now is."""
        found = await self.store.read(lambda tx: find_endpoint(tx, row.id))
        assert found is not None
        return found

    async def deliveries(self, **wanted: Any) -> list[Told]:
        """Deliveries, the oldest event first."""
        found = await self.store.read(lambda tx: list_deliveries(tx, DeliveryFilter(limit=1000, **wanted)))
        return found[::-1]

    async def statuses(self) -> list[str]:
        """The statuses of all deliveries, the oldest event first."""
        return [told.delivery.status for told in await self.deliveries()]

    async def attempts(self, number: int = 1) -> list[AttemptRow]:
        """The attempts to deliver an event."""
        return list(await self.store.read(lambda tx: list_attempts(tx, number)))


@asynccontextmanager
async def posting(
    database_url: str,
    clock: HeldClock,
    *,
    rule: AddressRule = LOOPBACK,
    resolve: Resolve | None = None,
    tls: ssl.SSLContext | bool = True,
    within_s: float = WITHIN_S,
) -> AsyncIterator[Post]:
    """Open everything that delivering needs."""
    post = Post(database_url, clock, rule)
    try:
        async with open_sender(rule, resolve=resolve, tls=tls, within_s=within_s) as sender:
            announce = post.announced.extend
            post.deliverer = Deliverer(post.store, post.endpoints, sender, clock, post.entropy, announce)
            yield post
    finally:
        await post.store.close()


def resolving(*answers: Sequence[str]) -> Resolve:
    """A name server that gives one answer after the other, and then the last one for ever."""
    left = list(answers)

    async def resolve(_: str, __: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve
