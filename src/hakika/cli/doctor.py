"""`hakika doctor`: what is wrong, with the cure; asked of the running server, else found out from here."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hakika.cli.app import FAILED, AsJson, Server, app, command
from hakika.cli.voice import Failure, console, say_json
from hakika.domain.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hakika.cli.connection import Remote
    from hakika.config import Settings
    from hakika.doctor.check import Check

LINES = "application/x-ndjson"
SILENCE_S = 30.0  # each check is bounded at 5 s


@command(
    app,
    "doctor",
    "hakika doctor",
    "hakika doctor callback-url inside.spool",
    "hakika doctor --callback",
    "hakika doctor --going-live",
    "hakika doctor settings --json",
)
def doctor(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Checks, or areas of them (docs/checks.md); all without."),
    ] = None,
    callback: Annotated[
        bool, typer.Option("--callback", help="Also post a probe callback through the public URL, and follow it.")
    ] = False,
    going_live: Annotated[
        bool,
        typer.Option(
            "--going-live", help="Also what only matters before real money, step by step (docs/going-live.md)."
        ),
    ] = False,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Find out what is wrong, what it means for the money, and the cure.

    It asks the running server, which knows most. Where none runs, it examines settings and database from here: also
    when they are such that no server would start. Each check is bounded at 5 seconds. The exit code is 1 if any check
    failed; a warning is no failure.
    """
    settings, trouble = _read_settings()
    found = _begin(settings, trouble, server, names or [], {"callback": callback, "going_live": going_live})
    if as_json:
        *_, shown = found
        say_json(shown)
    else:
        from hakika.cli.examination import show_live

        shown = show_live(console(), found)
    return FAILED if shown["status"] == "failed" else 0


def _read_settings() -> "tuple[Settings, SettingError | None]":
    """The settings; blank ones, and why, where they cannot be read."""
    from hakika.config import Settings, parse_settings

    try:
        return parse_settings(), None
    except SettingError as error:
        return Settings.model_construct(), error


def _begin(
    settings: "Settings", trouble: SettingError | None, server: str, names: list[str], asked: dict[str, bool]
) -> Iterator[dict[str, Any]]:
    """→ the plan, each finding as it comes, and in the end the whole."""
    from hakika.cli.connection import find_server, find_silent

    remote = find_server(settings, server)
    if remote is not None:
        return _ask(remote, names, asked)
    from hakika.doctor.registry import find_checks

    return _examine(settings, trouble, find_checks(names, **asked), find_silent(settings))


def _ask(remote: "Remote", names: list[str], asked: dict[str, bool]) -> Iterator[dict[str, Any]]:
    import httpx2

    given: dict[str, Any] = {"check": names} if names else {}
    given |= {name: "true" for name, wanted in asked.items() if wanted}
    try:
        for line in remote.stream("/v1/doctor", given, SILENCE_S, accept=LINES):
            yield json.loads(line)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Failure(
            "The server does not answer",
            f"{remote.url}: {str(error) or type(error).__name__}",
            money="This says nothing about money.",
            cure="Stop it and run this again: it then examines settings and database from here.",
            code="server_silent",
        ) from None


def _examine(
    settings: "Settings", trouble: SettingError | None, checks: "Sequence[Check]", silent: str
) -> Iterator[dict[str, Any]]:
    """The same, without a server. `silent`: of one that should run and does not answer."""
    from hakika.logs import configure_logs

    configure_logs("pretty", "error")
    with asyncio.Runner() as runner:
        lines = _tell(settings, trouble, checks, silent)
        while line := runner.run(_next(lines)):
            yield line


async def _next(lines: AsyncIterator[dict[str, Any]]) -> dict[str, Any] | None:
    return await anext(lines, None)


async def _tell(
    settings: "Settings", trouble: SettingError | None, checks: "Sequence[Check]", silent: str
) -> AsyncIterator[dict[str, Any]]:
    from hakika.doctor.alone import open_ground
    from hakika.doctor.telling import tell
    from hakika.engine.representation import mode_of

    async with open_ground(settings, os.environ, trouble, silent) as ground:
        async for line in tell(ground, checks, mode_of(settings.environment)):
            yield line
