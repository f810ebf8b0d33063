"""The demo for people: server, simulator and shop in one process, fresh each time, until Ctrl-C."""

import asyncio
import contextlib
import os
import shutil
import socket
import sys
import webbrowser
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Literal

import aiohttp
import uvicorn
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from rich.console import Console
from rich.table import Table
from starlette.types import ASGIApp, Receive, Scope, Send

from hakika.api.callbacks import Asgi
from hakika.config import Settings
from hakika.demo.breaking import KINDS, NONE, Break
from hakika.demo.hosted import hosting, stop_on_signals
from hakika.demo.shop.app import Shop, create_shop
from hakika.demo.surroundings import (
    LOOPBACK,
    PortTaken,
    around_proxies,
    listen,
    make_api_key,
    port_of,
    settings_for_simulator,
)
from hakika.domain.errors import SettingError
from hakika.logs import configure_logs
from hakika.main import build_server
from hakika.serving.presence import announce, hold_database, make_local_key
from hakika.serving.server import make_presence
from hakika.simulator import Clock, Network, receipts_from_now
from hakika.simulator import Settings as SimulatorSettings
from hakika.simulator import build_server as build_simulator
from hakika.simulator import create_app as create_simulator

DIRECTORY = Path(".hakika/demo")
EVERYWHERE = {"", "0.0.0.0"}  # noqa: S104 - read, not bound


class DemoSettings(Settings):
    """Settings that hear nothing of the environment, of `.env` or of `hakika.toml`: a demo is never for real."""

    model_config = SettingsConfigDict(env_file=None, toml_file=None)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the base class hands these in
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what the demo says."""
        return (init_settings,)


def run_demo(port: int, host: str = LOOPBACK, open_browser: bool = False, broken: str = "") -> None:
    """Run the demo on `port`, and its simulator on the next one, until Ctrl-C. Exits 1 where a port is taken.

    `broken`: the name of what is broken on purpose.
    """
    try:
        opened, opened_for_simulator = listen(host, port), listen(host, port + 1 if port else 0)
    except PortTaken as error:
        Console(stderr=True).print(
            f"[red]{error}[/red] The demo needs two ports in a row: choose others with "
            f"[bold]make demo PORT={port + 100}[/bold] or [bold]hakika demo --port {port + 100}[/bold]."
        )
        sys.exit(1)
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(_exhibit(host, opened, opened_for_simulator, KINDS.get(broken), open_browser=open_browser))
    Console().print("Stopped.")


async def _exhibit(
    host: str,
    opened: socket.socket,
    opened_for_simulator: socket.socket,
    broken: Break | None,
    *,
    open_browser: bool,
) -> None:
    stop_on_signals()
    port, simulator_port = port_of(opened), port_of(opened_for_simulator)
    directory = await asyncio.to_thread(make_fresh, DIRECTORY / str(port))
    async with exhibiting(host, opened, opened_for_simulator, directory, broken) as api_key:
        greet(_shown(host), port, simulator_port, api_key, broken)
        if open_browser:
            await asyncio.to_thread(webbrowser.open, f"http://{_shown(host)}:{port}/shop")
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def exhibiting(
    host: str,
    opened: socket.socket,
    opened_for_simulator: socket.socket,
    directory: Path,
    broken: Break | None = None,
) -> AsyncIterator[str]:
    """Run server, shop and simulator on opened ports for as long as the block lasts. → the API key."""
    os.environ.update(around_proxies())  # else our own calls could leave the machine
    api_key, local_key = make_api_key(), make_local_key()
    own_url, simulator_url = (f"http://{_inside(host)}:{port_of(one)}" for one in (opened, opened_for_simulator))
    changes, front = dict(broken.settings) if broken else {}, None
    if broken and broken.front:
        front = listen(host, 0)
        changes["CALLBACK_BASE_URL"] = f"http://{_inside(host)}:{port_of(front)}"
    settings = furnish(directory, simulator_url, api_key, changes)
    configure_logs(settings.log_format, settings.log_level, settings.log_file)
    known = announce(directory, make_presence(settings, own_url, local_key))
    with hold_database(settings.database_url):
        async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as hosted:
            shop = Shop(session, own_url, api_key, port_of(opened_for_simulator))
            app = with_shop(build_server(settings, own_url, local_key), create_shop(shop))
            await hosted.enter_async_context(hosting(_simulate(broken), opened_for_simulator))
            await hosted.enter_async_context(hosting(_config(app), opened))
            if front and broken and broken.front:
                await hosted.enter_async_context(hosting(_config(broken.front(app), lifespan="off"), front))
            await shop.listen(own_url)
            with known:
                yield api_key


def _simulate(broken: Break | None) -> uvicorn.Config:
    """The simulator, with what is broken on its side."""
    network = Network(SimulatorSettings(first_receipt=receipts_from_now()))
    if broken:
        network.set_faults(dict(broken.faults))
    config = build_simulator(network, Clock()).config
    if broken and broken.bend:
        config.app, config.date_header = broken.bend(create_simulator(network, Clock())), False
    return config


def make_fresh(directory: Path) -> Path:
    """Empty the directory of an earlier demo on this port. Raises SettingError where nothing can be written."""
    shutil.rmtree(directory, ignore_errors=True)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "writable").touch()
        (directory / "writable").unlink()
    except OSError as error:
        raise SettingError(
            "the current directory",
            f"the demo keeps its database in {directory}, which cannot be written ({error.strerror}).",
            "Run it in a directory that you may write, such as your home.",
        ) from None
    return directory.absolute()


def furnish(directory: Path, simulator_url: str, api_key: str, changes: Mapping[str, str] = NONE) -> Settings:
    """The settings of a server that knows the simulator alone. `changes`: what is broken on purpose."""
    return DemoSettings.model_validate(
        settings_for_simulator(simulator_url)
        | {
            "DATABASE_URL": f"sqlite:///{directory / 'hakika.db'}",
            "HAKIKA_DATA_DIR": str(directory),
            "HAKIKA_API_KEY": api_key,
            "HAKIKA_LOG_LEVEL": "warning",
            "HAKIKA_DISPLAY_NAME": "Hakika Demo Shop",
            "HAKIKA_CORS_ORIGINS": "*",  # the examples' pages are served elsewhere; their payments' secrets guard them
        }
        | dict(changes)
    )


def with_shop(app: Asgi, shop: ASGIApp) -> ASGIApp:
    """The shop under its own path, the server under all others."""

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        ours = scope["type"] == "http" and (path in {"/", "/shop"} or path.startswith("/shop/"))
        await (shop if ours else app)(scope, receive, send)

    return choose


def greet(host: str, port: int, simulator_port: int, api_key: str, broken: Break | None = None) -> None:
    """Say where everything is, and what is broken on purpose."""
    table = Table.grid(padding=(0, 2))
    table.add_row("Shop, with a phone beside it", f"[bold]http://{host}:{port}/shop[/bold]")
    table.add_row("All phones of the simulator", f"http://{host}:{simulator_port}/simulator")
    table.add_row("API and its documentation", f"http://{host}:{port}/docs")
    table.add_row("API key of this demo", api_key)
    console = Console(soft_wrap=True, highlight=False)
    console.print("[bold green]Hakika is running.[/bold green] No real money moves here.", table, sep="\n")
    console.print("Ask the first phone for money, then answer on the phones page:")
    console.print(
        f"""curl http://{host}:{port}/v1/payments -H 'Authorization: Bearer {api_key}' """
        """-H 'Content-Type: application/json' -d '{"amount": 10, "phone": "0712345678", "reference": "first"}'""",
        markup=False,
    )
    if broken:
        console.print(f"[bold red]Broken on purpose ({broken.name}):[/bold red] {broken.told} {broken.shown}")
        console.print("Watch it being found, in another terminal in this directory: [bold]hakika doctor[/bold]")
        console.print("What it does to the payment above: [bold]hakika explain first[/bold]")
    console.print("Ctrl-C stops it.")


def _config(app: ASGIApp, lifespan: Literal["auto", "off"] = "auto") -> uvicorn.Config:
    return uvicorn.Config(
        app, access_log=False, log_level="warning", ws="none", timeout_graceful_shutdown=1, lifespan=lifespan
    )


def _inside(host: str) -> str:
    """Where this machine reaches what listens on `host`."""
    return f"[{host}]" if ":" in host else LOOPBACK if host in EVERYWHERE else host


def _shown(host: str) -> str:
    return "localhost" if host in {LOOPBACK, *EVERYWHERE} else _inside(host)
