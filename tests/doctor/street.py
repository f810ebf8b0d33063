"""A street for the doctor's tests: a house, what stands in front of it on the internet, and a Daraja. All real sockets.

All is well in it until a test breaks one thing.
"""

import asyncio
import dataclasses
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import trustme

from hakika.config import Settings
from hakika.doctor.check import Check, Finding, Outcome
from hakika.doctor.examination import examine
from hakika.doctor.ground import Ground
from hakika.doctor.registry import find_checks
from tests.api.house import Open, StillClock, open_house, settings_for
from tests.daraja.loopback import QUERY_PATH, TOKEN_PATH, Loopback, open_loopback, spell
from tests.daraja.recordings import load

HOST = "pay.duka.example"
ORIGIN = f"https://{HOST}"
PUBLIC_ADDRESS = "41.90.64.10"
AREAS = ("daraja", "callback-url")
TOKEN = b'{"access_token": "the-access-token-of-the-doctor", "expires_in": "3599"}'


class Asked(NamedTuple):
    """One request as it came to what stands in front."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Answer = Callable[[Asked], Awaitable[bytes | None]]


class Front:
    """What answers at the public URL: hands all on to the house, or does as a test says."""

    def __init__(self, asgi: Any) -> None:
        self._asgi = asgi
        self.port = 0
        self.asked: list[Asked] = []
        self.answer: Answer = self.hand_on
        self._writers: set[asyncio.StreamWriter] = set()

    async def hand_on(self, asked: Asked) -> bytes | None:
        """Hand a request on, as a good proxy does."""
        transport = httpx2.ASGITransport(self._asgi, client=(PUBLIC_ADDRESS, 4711))
        async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            reply = await client.request(asked.method, asked.path, content=asked.body, headers=dict(asked.headers))
        return spell(reply.status_code, reply.content, f"Content-Type: {reply.headers['content-type']}")

    def hand_on_as(self, rewrite: Callable[[str], str]) -> None:
        """Hand requests on to another path than was asked for."""

        async def answer(asked: Asked) -> bytes | None:
            return await self.hand_on(asked._replace(path=rewrite(asked.path)))

        self.answer = answer

    def say(self, status: int, body: bytes = b"", *headers: str) -> None:
        """Answer everything so."""

        async def answer(_: Asked) -> bytes | None:
            return spell(status, body, *headers)

        self.answer = answer

    def hang(self) -> None:
        """Take every request and never answer."""

        async def answer(_: Asked) -> bytes | None:
            await asyncio.Event().wait()
            return None

        self.answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, of one request."""
        self._writers.add(writer)
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:]) if name}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            method, path, _ = lines[0].split(" ")
            self.asked.append(Asked(method, path, headers, body))
            reply = await self.answer(self.asked[-1])
            if reply is not None:
                writer.write(reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def hang_up(self) -> None:
        """End all connections."""
        for writer in self._writers:
            writer.transport.abort()


class Street:
    """All of it, and what a test may do."""

    def __init__(self, house: Open, front: Front, daraja: Loopback, authority: "Authority") -> None:
        self.house, self.front, self.daraja, self.authority = house, front, daraja, authority
        self.clock = house.clock
        self.mend()

    def mend(self) -> None:
        """Make all well again, but for what a test wrote into the database."""
        house, front = self.house, self.front
        self.clock.pass_s(60)  # so that the account's budget has a query again
        front.answer = front.hand_on
        front.asked.clear()
        self.daraja.requests.clear()
        self.daraja.replies.clear()
        tell_time(self.daraja, self.clock())
        self.daraja.reply(QUERY_PATH, spell(500, load("query_no_such.json")))
        self.ground = Ground(
            settings=house.house.settings,
            environ={},
            clock=house.clock,
            store=house.house.store,
            accounts=house.house.accounts,
            callback_origin=ORIGIN,
            certificates=self.authority.bundle,
            look_up=finding(PUBLIC_ADDRESS),
            resolve={HOST: f"127.0.0.1:{front.port}"},
            vault=house.house.vault,
        )

    def change(self, **fields: Any) -> None:
        """Change the ground."""
        self.ground = dataclasses.replace(self.ground, **fields)

    def set(self, **settings: Any) -> None:
        """Change settings."""
        self.change(settings=self.ground.settings.model_copy(update=settings))

    async def look(self, name: str) -> Finding:
        """Run one check that has one finding."""
        (check,) = find_checks([name])
        (finding,) = await self.run([check])
        return finding

    async def run(self, checks: Sequence[Check]) -> list[Finding]:
        """Run checks, as the doctor does."""
        return [finding async for report in examine(self.ground, checks) for finding in report.findings]

    async def examine(self) -> dict[str, Finding]:
        """Run all checks of the two areas. → the gravest finding of each."""
        checks = [check for check in find_checks(AREAS) if not check.asked]
        return {
            report.check.name: next(found for found in report.findings if found.outcome is report.outcome)
            async for report in examine(self.ground, checks)
        }


class Authority:
    """A certificate authority with one intermediate, and the file in which callers find its root."""

    def __init__(self, folder: Path) -> None:
        self.root = trustme.CA(organization_name="Test Root")
        self.intermediate = self.root.create_child_ca()
        self.bundle = folder / "authorities.pem"
        self.root.cert_pem.write_to_path(str(self.bundle))

    def serve(self, *hosts: str, chain: bool = True, **validity: Any) -> ssl.SSLContext:
        """Make what a server needs; without `chain` it sends its own certificate alone."""
        leaf = self.intermediate.issue_cert(*(hosts or (HOST, "mpesa.duka.example")), **validity)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        blobs = leaf.cert_chain_pems if chain else leaf.cert_chain_pems[:1]
        pem = leaf.private_key_pem.bytes() + b"".join(blob.bytes() for blob in blobs)
        with trustme.Blob(pem).tempfile() as file:
            context.load_cert_chain(file)
        return context


def finding(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """Make a DNS that knows every name."""

    async def look_up(_: str, __: int) -> Sequence[str]:
        return addresses

    return look_up


async def find_nothing(host: str, _: int) -> Sequence[str]:
    """Be a DNS that knows no name."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def tell_time(daraja: Loopback, at_ms: float, status: int = 200, body: bytes = TOKEN) -> None:
    """Have Daraja's answers to a request for a token say that time."""
    date = formatdate(at_ms / 1000, usegmt=True)
    daraja.reply(TOKEN_PATH, spell(status, body, f"Date: {date}", "Content-Type: application/json"))


@asynccontextmanager
async def open_street(
    database_url: str, folder: Path, authority: Authority, tls: ssl.SSLContext | None = None, **given: Any
) -> AsyncIterator[Street]:
    """Open a street in which all is well."""
    clock = StillClock()
    clock.now_ms = time.time_ns() // 1_000_000  # certificates are judged by the wall's clock
    async with open_loopback() as daraja:
        settings: Settings = settings_for(
            database_url,
            folder / "data",
            **{
                "shortcode": "600000",
                "base_url": f"http://127.0.0.1:{daraja.port}",
                "callback_base_url": ORIGIN,
                **given,
            },
        )
        async with open_house(settings, clock) as house:
            front = Front(house.asgi)
            server = await asyncio.start_server(front.serve, "127.0.0.1", 0, ssl=tls or authority.serve())
            front.port = server.sockets[0].getsockname()[1]
            try:
                yield Street(house, front, daraja, authority)
            finally:
                server.close()
                front.hang_up()
                await server.wait_closed()


def failed(found: Mapping[str, Finding]) -> set[str]:
    """The checks that failed."""
    return {name for name, finding in found.items() if finding.outcome is Outcome.FAILED}
