"""The command `hakika-hotspot`."""

import asyncio
from pathlib import Path
from typing import Annotated, NoReturn

import typer
import uvicorn

from hakika.client import AsyncHakika, HakikaError
from hakika_hotspot.app import Hotspot, read_clock
from hakika_hotspot.config import Settings, SettingsWrong, load_settings
from hakika_hotspot.ids import new_token, show_code
from hakika_hotspot.logs import configure_logs
from hakika_hotspot.owner.figures import read_sales
from hakika_hotspot.store import Store, open_store
from hakika_hotspot.store.upgrades import NewerSchema
from hakika_hotspot.vouchers import MOST_AT_ONCE, make_vouchers

DAY_MS = 86_400_000
Config = Annotated[Path | None, typer.Option("--config", help="The settings; hotspot.toml where not given.")]
app = typer.Typer(no_args_is_help=True, add_completion=False, help="WiFi billing on Hakika: docs/hotspot.md.")


def main() -> None:
    """Run the command."""
    app()


@app.command()
def serve(config: Config = None) -> None:
    """Run the portal, the owner's pages, and what routers ask."""
    configure_logs()
    settings = _load(config)
    if not settings.packages:
        _fail("There is nothing to sell: write [[packages]] into the settings (docs/hotspot.md).")
    try:
        client = AsyncHakika(settings.hakika_api_key, settings.hakika_server)
    except HakikaError as error:
        _fail(f"{error.detail} What to do: set HAKIKA_API_KEY (hakika keys create hotspot).")
    hotspot = Hotspot(settings, _open(settings), client)
    typer.echo(f"Portal: {settings.public_url}/  Owner: {settings.public_url}/owner  ({settings.mode} mode)")
    uvicorn.run(
        hotspot.create_app(),
        host=settings.host,
        port=settings.port,
        access_log=False,
        proxy_headers=False,
        log_level="warning",
        ws="none",
    )


@app.command()
def check(config: Config = None) -> None:
    """Read the settings and the database, ask Hakika, and say what is there."""
    settings = _load(config)
    asyncio.run(_open(settings).close())
    for package in settings.packages:
        typer.echo(f"package {package.id}: {package.name}, KES {package.price}, {package.seconds // 60} min")
    for router in settings.routers:
        typer.echo(f"router {router.name}: {router.kind} at {router.address or 'no address'}, site {router.site}")
    try:
        asyncio.run(_ask(settings))
    except HakikaError as error:
        _fail(f"Hakika at {settings.hakika_server}: {error.detail} What to do: {error.cure}")
    typer.echo(f"Hakika at {settings.hakika_server} answers ({settings.mode} mode).")


@app.command()
def vouchers(
    package: Annotated[str, typer.Argument(help="The package's id.")],
    count: Annotated[int, typer.Argument(min=1, max=MOST_AT_ONCE)] = 20,
    days: Annotated[int, typer.Option(min=1, help="To be used within so many days.")] = 365,
    config: Config = None,
) -> None:
    """Make vouchers, and print their codes."""
    settings = _load(config)
    sold = settings.find_package(package)
    if sold is None:
        _fail(f"No package is called {package}: there are {', '.join(one.id for one in settings.packages) or 'none'}.")
    now_ms = read_clock()
    use_by_ms = now_ms + days * DAY_MS
    codes = _open(settings).write_now(lambda tx: make_vouchers(tx, sold, count, new_token(), now_ms, use_by_ms))
    for code in codes:
        typer.echo(show_code(code))


@app.command()
def sales(days: Annotated[int, typer.Option(min=1)] = 1, config: Config = None) -> None:
    """Print what was sold in the last days, by site and package."""
    now_ms = read_clock()
    found = _open(_load(config)).read_now(lambda tx: read_sales(tx, now_ms - days * DAY_MS, now_ms))
    for one in found:
        typer.echo(f"{one.site or '-'}\t{one.package}\t{one.sold} sold\tKES {one.shillings}\t{one.vouchers} vouchers")
    typer.echo(f"Total: KES {sum(one.shillings for one in found)}")


async def _ask(settings: Settings) -> None:
    async with AsyncHakika(settings.hakika_api_key, settings.hakika_server) as client:
        await client.events.list(limit=1)


def _load(config: Path | None) -> Settings:
    try:
        return load_settings(config)
    except SettingsWrong as error:
        _fail(str(error))


def _open(settings: Settings) -> Store:
    try:
        return open_store(settings.database_url)
    except NewerSchema as error:
        _fail(str(error))


def _fail(text: str) -> NoReturn:
    typer.secho(text, fg="red", err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    main()
