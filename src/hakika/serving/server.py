"""The server as a process: bound, built, announced, and stopped gracefully."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType

import uvicorn

from hakika.api.callbacks import Asgi
from hakika.config import NOWHERE, Settings
from hakika.database_urls import sqlite_file
from hakika.domain.errors import SettingError
from hakika.engine.clock import Clock
from hakika.engine.stopping import Stopping
from hakika.engine.tunnel import Tunnel
from hakika.main import build_server
from hakika.serving.connections import (
    KEEP_ALIVE_S,
    PatientProtocol,
    close_overdue,
    load_what_requests_need,
    raise_file_limit,
)
from hakika.serving.presence import Presence, announce, hold_database, make_local_key
from hakika.serving.readers import ReaderSocket, drop_stalled
from hakika.serving.tunnels import make_tunnel

GRACE_S = 6  # for requests under way: longer than a write waits for the database (`store`)

TUNNEL_WITHIN_MS = 15_000  # cloudflared takes some five seconds to have an address

MESSAGE_BYTES = 16 * 1024  # of what a client says over a WebSocket: its key


@dataclass(frozen=True)
class Running:
    """A server that takes requests."""

    url: str
    settings: Settings
    tunnel: Tunnel | None = None

    @property
    def callback_origin(self) -> str:
        """The origin that the next push carries."""
        if self.tunnel is not None:
            return self.tunnel.origin or NOWHERE
        return self.settings.callback_origin(self.url)

    @property
    def callbacks_lead_nowhere(self) -> bool:
        """Whether pushes carry a callback URL that nobody answers."""
        return self.callback_origin == NOWHERE


def run_server(
    settings: Settings,
    host: str,
    port: int,
    *,
    ready: Callable[[Running], None] = lambda _: None,
    around: Callable[[Asgi, str], Asgi] = lambda app, _: app,
) -> None:
    """Run the server until it is told to stop (SIGINT, SIGTERM).

    `ready` is called once it takes requests; `around` may put an application around ours, and is given its URL.
    Port 0 takes any free port. Raises SettingError before anything is served.
    """
    with hold_database(settings.database_url), bind(host, port) as listening:
        url = address_of(listening)
        local_key, stopping = make_local_key(), Stopping()
        tunnel = make_tunnel(settings, url, Clock(settings.clock_speed, settings.clock_anchor_ms))
        app = around(build_server(settings, url, local_key, stopping, tunnel), url)
        running = Running(url, settings, tunnel)
        presence = make_presence(settings, url, local_key)
        server = _Server(app, lambda: ready(running), stopping, raise_file_limit(), tunnel)
        with _stopped_by_signals(), announce(settings.data_dir, presence):
            server.run([listening])


def make_presence(settings: Settings, url: str, local_key: str) -> Presence:
    """What this process says of the server that it runs."""
    file = sqlite_file(settings.database_url)
    database = str(file.resolve()) if file else "postgresql"  # never the URL: it holds a password
    return Presence(url, os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"), database, local_key)


class _Server(uvicorn.Server):
    """Uvicorn's, which says when it takes requests and when it stops, and lets no connection stand half-way."""

    def __init__(
        self,
        app: Asgi,
        ready: Callable[[], None],
        stopping: Stopping,
        connections: int,
        tunnel: Tunnel | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=PatientProtocol,
                ws=ReaderSocket,
                ws_max_size=MESSAGE_BYTES,
                ws_per_message_deflate=False,  # it costs 300 kB a connection
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=connections,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACE_S,
            )
        )
        self._ready, self._stopping, self._tunnel = ready, stopping, tunnel
        self._saying: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        self._loop = asyncio.get_running_loop()
        await load_what_requests_need()
        await super().startup(sockets)
        if self.started and self._tunnel is None:
            self._ready()
        elif self.started:
            self._saying = asyncio.create_task(self._say_ready(self._tunnel))

    async def _say_ready(self, tunnel: Tunnel | None) -> None:
        """Say so once the public address is known, which is part of it: requests are taken meanwhile."""
        if tunnel is not None:
            await tunnel.clock.wait_for(tunnel.settled, TUNNEL_WITHIN_MS)
        self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Every tenth of a second; in every tenth of them, look for connections that stand half-way."""
        if counter % 10 == 0:
            now_s = asyncio.get_running_loop().time()
            close_overdue(self.server_state.connections, now_s)
            drop_stalled(self.server_state.connections, now_s)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell the application first: it claims nothing more, and answers whoever waits."""
        self._stopping.ask()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal asks, the second hurries."""
        if self.should_exit:
            self.force_exit = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._stopping.hurry)
        super().handle_exit(sig, frame)


@contextlib.contextmanager
def bind(host: str, port: int) -> Iterator[socket.socket]:
    """Take a port before anything else is done. Raises SettingError where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, port))
        except (OSError, OverflowError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise SettingError(
                "PORT", f"{host}:{port} cannot be listened on ({why}).", "Choose another: --port 8001."
            ) from None
        yield bound


def address_of(bound: socket.socket) -> str:
    """The URL under which programs on this machine reach it."""
    host, port = bound.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """End the block on SIGINT and SIGTERM as by a return: uvicorn raises them again once it has stopped."""

    def stop(_: int, __: FrameType | None) -> None:
        sys.exit(0)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except SystemExit as end:
        if end.code:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
