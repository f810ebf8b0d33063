"""`hakika mcp`: the tools for AI agents, as a server of the Model Context Protocol."""

import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hakika.cli.app import AsJson, Server, app, command
from hakika.cli.voice import Failure, console

if TYPE_CHECKING:
    from hakika.agent.grants import Grant
    from hakika.agent.tools import Toolbox


@command(
    app,
    "mcp",
    "hakika mcp",
    "hakika mcp --grant grant.toml",
    "hakika mcp --mode test --per-payment 1000 --per-day 5000 --payer 0712345678 --confirm-above 500",
    "hakika mcp --http --port 8011 --grant grant.toml",
)
def mcp(
    http: Annotated[bool, typer.Option("--http", help="Serve streamable HTTP at /mcp, not stdin and stdout.")] = False,
    port: Annotated[int, typer.Option("--port", "-p", help="With --http; 0 takes any free port.")] = 8011,
    host: Annotated[str, typer.Option("--host", help="With --http: the address to listen on.")] = "127.0.0.1",
    token: Annotated[
        str, typer.Option("--token", envvar="HAKIKA_MCP_TOKEN", help="With --http: what clients must bear.")
    ] = "",
    grant: Annotated[Path | None, typer.Option("--grant", metavar="FILE", help="A spending grant, in TOML.")] = None,
    mode: Annotated[str, typer.Option("--mode", help="A grant in options: test or live.")] = "",
    per_payment: Annotated[int, typer.Option("--per-payment", help="The most of one payment, in shillings.")] = 0,
    per_day: Annotated[int, typer.Option("--per-day", help="The most of a day.")] = 0,
    payer: Annotated[list[str] | None, typer.Option("--payer", help="A phone that may be charged; * is any.")] = None,
    confirm_above: Annotated[
        int | None, typer.Option("--confirm-above", help="A person confirms anything larger; 0 is everything.")
    ] = None,
    name: Annotated[str, typer.Option("--grant-name", help="Each name has a day's limit of its own.")] = "",
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Give AI agents tools for payments, by the Model Context Protocol.

    It only reads, unless a spending grant comes with it: what may be asked of whose phone, and when a person must say
    yes. The grant holds whatever the model says. It talks to a running server, and needs the extra `hakika[mcp]`.
    See docs/agents.md.
    """
    _require_extra()
    given: dict[str, Any] = {
        "mode": mode,
        "per_payment": per_payment,
        "per_day": per_day,
        "payers": payer,
        "name": name,
    }
    options = {field: value for field, value in given.items() if value}
    options |= {} if confirm_above is None else {"confirm_above": confirm_above}
    granted = _read_grant(grant, options)
    toolbox = _assemble(granted, server)
    if http:
        _serve_http(toolbox, (host, port), token, as_json=as_json)
    else:
        _serve_stdio(toolbox)
    return 0


def _require_extra() -> None:
    try:
        import mcp  # noqa: F401
    except ModuleNotFoundError:
        raise Failure(
            "The package `mcp` is not installed",
            "`hakika mcp` needs it, and the server does not.",
            cure=f"{sys.executable} -m pip install 'hakika[mcp]'",
            code="missing_extra",
            exit_code=2,
        ) from None


def _read_grant(file: Path | None, options: dict[str, Any]) -> "Grant | None":
    from hakika.agent.grants import check_grant, read_grant

    if file is not None and options:
        raise Failure(
            "A grant is a file or options, not both",
            f"--grant {file} came with {', '.join(sorted(options))}.",
            cure="Write all of it into the file.",
            code="usage",
            exit_code=2,
        )
    if file is not None:
        return read_grant(file)
    return check_grant(options) if options else None


def _assemble(grant: "Grant | None", named: str) -> "Toolbox":
    from hakika.agent.assembly import build_toolbox, query_of
    from hakika.cli.connection import data_dir_for, find_server
    from hakika.client import AsyncHakika
    from hakika.client.clients import SERVER
    from hakika.config import parse_settings

    settings = parse_settings()
    remote = find_server(settings, named)
    url, key = (remote.url, remote.key) if remote else (settings.server or SERVER, settings.api_key)
    if not key:
        raise Failure(
            "There is no API key",
            f"No server was found on this machine, and there is no key for {url}.",
            cure="Start `hakika serve` (or `hakika demo`) first, or set HAKIKA_API_KEY and HAKIKA_SERVER.",
            code="no_key",
            exit_code=2,
        )
    kept = data_dir_for(settings, url)
    return build_toolbox(AsyncHakika(key, url), grant, data_dir=kept, query=query_of(settings))


def _serve_stdio(toolbox: "Toolbox") -> None:
    import asyncio

    from hakika.agent.mcp import build_mcp, serve_stdio

    _say_code(toolbox)
    asyncio.run(serve_stdio(build_mcp(toolbox), toolbox))


def _serve_http(toolbox: "Toolbox", place: tuple[str, int], token: str, *, as_json: bool) -> None:
    import contextlib
    import json

    import uvicorn

    from hakika.agent.mcp import build_http, build_mcp, configure
    from hakika.hosts import is_loopback
    from hakika.serving.server import address_of, bind

    needed = toolbox.spender is not None or not is_loopback(place[0])
    made = secrets.token_urlsafe(24) if needed and not token else ""
    app = build_http(build_mcp(toolbox), toolbox, place[0], token or made)
    with bind(*place) as listening, contextlib.suppress(KeyboardInterrupt):
        listening.listen()  # who reads the address may call at once
        url = address_of(listening)
        if toolbox.consents is not None:
            toolbox.consents.origin = url
        if as_json:
            typer.echo(json.dumps({"object": "mcp", "url": f"{url}/mcp", "token": made or None}))
        else:
            bearing = f"   Authorization: Bearer {made}" if made else ""
            console(error=True).print(f"MCP at {url}/mcp{bearing}")
        _say_code(toolbox)
        uvicorn.Server(configure(app)).run([listening])


def _say_code(toolbox: "Toolbox") -> None:
    """Show the person's code where no model reads; one of the grant's own is known already."""
    if toolbox.spender is not None and toolbox.consents is not None and not toolbox.spender.grant.code:
        console(error=True).print(f"The code for confirmation pages, for people alone: {toolbox.consents.code}")
