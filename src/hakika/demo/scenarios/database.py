"""The database under the server, and an honest way to take each kind away from it while it runs.

SQLite      another process holds the file's write lock for longer than the server is willing to wait
PostgreSQL  the server reaches it through a proxy of ours, which cuts all connections and takes no new ones:
            what is seen of a database whose machine has gone
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from sqlalchemy.engine import URL, make_url

from hakika.demo.surroundings import LOOPBACK
from hakika.store.opening import driver_url

CHUNK_BYTES = 65_536
LOCK_WITHIN_S = 5.0


class Database(Protocol):
    """A database that can be taken away."""

    url: str
    """How the server reaches it."""
    name: str
    """What it is, for people."""
    how_it_goes: str
    """What `outage` does, for people."""

    def outage(self) -> AbstractAsyncContextManager[None]:
        """Take it away for as long as the block lasts."""


@contextlib.asynccontextmanager
async def open_database(database_url: str | None, directory: Path) -> AsyncIterator[Database]:
    """Get a database ready: the one at `database_url`, or a new SQLite file in `directory`."""
    url = make_url(driver_url(database_url or f"sqlite:///{directory / 'hakika.db'}"))
    if url.get_backend_name() == "sqlite":
        yield LockedFile(url.database or "")
        return
    async with Proxy(url) as proxied:
        yield proxied


class LockedFile:
    """SQLite."""

    name = "SQLite"
    how_it_goes = "another process holds the write lock"

    def __init__(self, path: str) -> None:
        self._path = Path(path).absolute()
        self.url = f"sqlite:///{self._path}"

    @contextlib.asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        """Hold the write lock."""
        connection = sqlite3.connect(self._path, timeout=LOCK_WITHIN_S, isolation_level=None, check_same_thread=False)
        try:
            await asyncio.to_thread(connection.execute, "BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")
        finally:
            connection.close()


class Proxy:
    """PostgreSQL, behind a port of ours."""

    name = "PostgreSQL"
    how_it_goes = "all its connections are cut and new ones refused"

    def __init__(self, url: URL) -> None:
        self.url, self._real = "", url
        self._server: asyncio.Server | None = None
        self._port = 0
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Proxy":
        """Start to listen."""
        await self._listen()
        query = {name: value for name, value in self._real.query.items() if name not in {"host", "port"}}
        url = self._real.set(host=LOOPBACK, port=self._port, query=query)
        self.url = url.render_as_string(hide_password=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cut everything."""
        await self._cut()

    @contextlib.asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        """Cut all connections and refuse new ones."""
        await self._cut()
        try:
            yield
        finally:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._join, LOOPBACK, self._port)
        self._port = int(self._server.sockets[0].getsockname()[1])

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            far_reader, far_writer = await self._connect()
            try:
                await _first_to_end(_pump(reader, far_writer), _pump(far_reader, writer))
            finally:
                far_writer.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass  # either side has gone, or we cut it: the other side is told by the lines below
        finally:
            writer.transport.abort()
            self._open.discard(task)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host = str(self._real.query.get("host") or self._real.host or "/var/run/postgresql")
        port = int(str(self._real.query.get("port") or self._real.port or 5432))
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()


async def _first_to_end(*jobs: Coroutine[None, None, None]) -> None:
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
