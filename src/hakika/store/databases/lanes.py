"""Connections to PostgreSQL for which the event loop waits.

A job is ordinary code that asks and waits for the answer. In a thread each answer would wait for the interpreter as
well, which the event loop holds: up to 5 ms, several times a transaction, while rows are locked. So a job runs in a
fiber of the loop's own thread, and while it waits for the server the loop does whatever else there is to do.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.waiting import wait_async
from sqlalchemy import Connection, Engine, event

from hakika.domain.errors import StoreUnavailable
from hakika.store.databases.fibers import is_in_fiber, run_in_fiber, wait_for

T = TypeVar("T")

GIVES_UP_AFTER_S = 5.0  # what has not begun by then is not done
SILENT_AFTER_S = 60.0
"""Longer than any statement of ours takes with all the locks that it waits for. A server that hangs would keep the
lane, and whoever wants us to stop."""
PING_AFTER_S = 1.0


class LoopConnection(psycopg.Connection[Any]):
    """In a fiber it lets the event loop go on while it waits; elsewhere it waits like any other."""

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """See psycopg.Connection.wait."""
        if not is_in_fiber():
            return super().wait(gen, interval, timeout)
        return wait_for(wait_async(gen, self.pgconn.socket, interval, timeout or SILENT_AFTER_S))

    @contextlib.contextmanager
    def pipeline(self) -> Iterator[psycopg.Pipeline]:
        """See psycopg.Connection.pipeline. Here they do not nest."""
        self._pipeline = _Batch(self)
        try:
            with self._pipeline as pipeline:
                yield pipeline
        finally:
            self._pipeline = None


class _Batch(psycopg.Pipeline):
    """A pipeline that sends all at once: psycopg's sends each statement by itself, and wakes the server for each."""

    def _communicate_gen(self) -> PQGen[None]:
        last_is_statement = bool(self.result_queue) and self.result_queue[-1] is not None
        if last_is_statement:
            return  # the end of a batch is a Sync
        while self.command_queue:
            self.command_queue.popleft()()  # into the buffer
        yield from super()._communicate_gen()

    def _exit(self, exc: BaseException | None) -> None:
        with contextlib.suppress(psycopg.OperationalError):  # it would hide what happened: see `is_torn`
            super()._exit(exc)


def bare_of(connection: Connection) -> "psycopg.Connection[Any]":
    """The connection below SQLAlchemy's."""
    bare = connection.connection.dbapi_connection
    assert isinstance(bare, psycopg.Connection)
    return bare


def is_torn(connection: Connection) -> bool:
    """Whether it is broken, or was left while the server still had to answer: nothing more can be asked on it."""
    if connection.invalidated:
        return False  # and let go of
    status = bare_of(connection).info.transaction_status
    return status in {TransactionStatus.ACTIVE, TransactionStatus.UNKNOWN}


class Lanes:
    """Some connections, each for one job at a time. Made when they are first needed; who was last is next."""

    def __init__(self, engine: Engine, count: int) -> None:
        self._engine = engine
        self._turns, self._free = asyncio.Semaphore(count), list[tuple[Connection, float]]()
        self._connecting = ThreadPoolExecutor(count, "connect")  # what is not there may keep one waiting
        self._running: set[asyncio.Task[Any]] = set()
        _connect_for_loop(engine)

    async def run(self, job: Callable[[Connection], T]) -> T:
        """Run a job in a fiber. It runs to its end, also if nobody waits for it any more."""
        task = asyncio.create_task(self._run(job))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _run(self, job: Callable[[Connection], T]) -> T:
        await self._take_turn()
        try:
            connection = await self._take()
            try:
                return await run_in_fiber(job, connection)
            finally:
                self._give_back(connection)
        finally:
            self._turns.release()

    async def _take_turn(self) -> None:
        if not self._turns.locked():
            await self._turns.acquire()
            return
        try:
            async with asyncio.timeout(GIVES_UP_AFTER_S):
                await self._turns.acquire()
        except TimeoutError as error:
            raise StoreUnavailable(f"PostgreSQL: no connection was free for {GIVES_UP_AFTER_S:g} s.") from error

    async def _take(self) -> Connection:
        while self._free:
            connection, idle_since_s = self._free.pop()
            if time.monotonic() - idle_since_s < PING_AFTER_S or await run_in_fiber(_answers, connection):
                return connection
            _drop(connection)
        return await asyncio.get_running_loop().run_in_executor(self._connecting, self._engine.connect)

    def _give_back(self, connection: Connection) -> None:
        if not connection.invalidated and bare_of(connection).info.transaction_status == TransactionStatus.IDLE:
            self._free.append((connection, time.monotonic()))
        else:  # it broke, or was left amid something when its task was cancelled
            _drop(connection)

    async def close(self) -> None:
        """Finish what is under way, then let go of the connections."""
        await asyncio.gather(*self._running, return_exceptions=True)
        self._connecting.shutdown()
        while self._free:
            _drop(self._free.pop()[0])


def _connect_for_loop(engine: Engine) -> None:
    @event.listens_for(engine, "do_connect")
    def connect(_: object, __: object, arguments: Any, options: Any) -> LoopConnection:
        return LoopConnection.connect(*arguments, **options)


def _answers(connection: Connection) -> bool:
    try:
        bare_of(connection).execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


def _drop(connection: Connection) -> None:
    with contextlib.suppress(Exception):
        connection.invalidate()
        connection.close()
