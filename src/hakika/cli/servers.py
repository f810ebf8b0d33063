"""`hakika demo`, `serve`, `simulate`."""

from typing import TYPE_CHECKING, Annotated

import typer

from hakika.cli.app import AsJson, app, command
from hakika.cli.voice import Failure, console

if TYPE_CHECKING:
    from hakika.config import Settings
    from hakika.serving.server import Running

LAST_PORT = 65535
BREAKS = ("callback-url", "redirect", "login", "path", "credentials", "passkey", "product", "till", "clock", "daraja")
"""What `hakika demo --break` can break (demo/breaking.py, which is not imported for the sake of a help text)."""
Host = Annotated[str, typer.Option("--host", help="The address to listen on.")]
LogFormat = Annotated[str, typer.Option("--log-format", help="pretty or json (HAKIKA_LOG_FORMAT).")]
LogLevel = Annotated[str, typer.Option("--log-level", help="debug, info, warning or error (HAKIKA_LOG_LEVEL).")]


@command(
    app,
    "demo",
    "hakika demo",
    "hakika demo --port 9000",
    "hakika demo --break callback-url",
    "hakika demo --scenarios",
    "hakika demo --scenarios --database-url postgresql://localhost/hakika_demo",
)
def demo(
    port: Annotated[int, typer.Option("--port", "-p", envvar="PORT", help="Where the demo listens.")] = 8000,
    host: Host = "127.0.0.1",
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
    broken: Annotated[
        str, typer.Option("--break", metavar="KIND", help=f"Begin with one thing broken: {', '.join(BREAKS)}.")
    ] = "",
    scenarios: Annotated[
        bool, typer.Option("--scenarios", help="Run everything that can go wrong, by itself.")
    ] = False,
    database_url: Annotated[str, typer.Option("--database-url", help="For --scenarios: a database to use.")] = "",
    speed: Annotated[float, typer.Option("--speed", help="For --scenarios: how fast time passes.")] = 0,
    only: Annotated[list[str] | None, typer.Option("--only", help="For --scenarios: only these.")] = None,
    as_json: AsJson = False,
) -> int:
    """Run server, simulator and a small shop, with no configuration and no internet.

    Pay with the phone on the screen. With --scenarios everything that can go wrong is shown in a table; the exit
    code is 0 only if every row holds. With --break exactly one thing is broken: watch `hakika doctor` find it.
    """
    if scenarios:
        from hakika.demo import run_scenarios

        return int(run_scenarios(database_url or None, speed or None, only or [], as_json))
    from hakika.demo import run_demo
    from hakika.domain.errors import SettingError

    if not 0 <= port < LAST_PORT:
        rule = f"the demo takes two ports in a row, from 1 to {LAST_PORT}: {port} is not the first of such."
        raise SettingError("PORT", rule, "Choose another: --port 8000.")
    if broken and broken not in BREAKS:
        kinds = f"There are {', '.join(BREAKS)}."
        raise Failure("Nothing is called so that could be broken", repr(broken), cure=kinds, code="usage", exit_code=2)
    run_demo(port, host, open_browser, broken)
    return 0


@command(
    app,
    "serve",
    "hakika serve",
    "hakika serve --host 0.0.0.0 --port 8080 --log-format json",
    "hakika serve --tunnel auto",
    "hakika serve --log-file logs/hakika.log --debug",
    "MPESA_ENVIRONMENT=simulator hakika serve  # with `hakika simulate` beside it",
)
def serve(
    port: Annotated[int, typer.Option("--port", "-p", envvar="PORT", help="0 takes any free port.")] = 8000,
    host: Host = "127.0.0.1",
    tunnel: Annotated[
        str, typer.Option("--tunnel", help="auto, ngrok, cloudflared or a URL: how callbacks reach it (HAKIKA_TUNNEL).")
    ] = "",
    log_format: LogFormat = "",
    log_level: LogLevel = "",
    log_file: Annotated[str, typer.Option("--log-file", help="A file for the log, besides (HAKIKA_LOG_FILE).")] = "",
    debug: Annotated[
        bool, typer.Option("--debug", help="Log what passes between us, Daraja and callers, masked: --log-level debug.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Run the server.

    It brings the database to its newest schema, checks the settings, and says what it runs with. Stop it with
    Ctrl-C or SIGTERM: it finishes what is under way, for 40 seconds at most. A second one ends it at once.
    """
    from hakika.config import read_settings

    log_level = "debug" if debug else log_level
    given = {"HAKIKA_LOG_FORMAT": log_format, "HAKIKA_LOG_LEVEL": log_level, "HAKIKA_LOG_FILE": log_file}
    given["HAKIKA_TUNNEL"] = tunnel
    settings = read_settings(**{name: value for name, value in given.items() if value})
    begin_log(settings)
    from hakika.serving.server import run_server

    run_server(settings, host, port, ready=lambda running: _say_running(running, as_json=as_json))
    return 0


@command(
    app, "simulate", "hakika simulate", "hakika simulate --port 8790 --seed 7 --strict", "hakika simulate --speed 10"
)
def simulate(
    port: Annotated[int, typer.Option("--port", "-p", help="Where it listens.")] = 8790,
    host: Host = "127.0.0.1",
    seed: Annotated[
        int | None, typer.Option("--seed", help="The same seed gives the same faults and receipts, in every run.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Apply Daraja's own rules to callback URLs.")] = False,
    speed: Annotated[float, typer.Option("--speed", help="How fast time passes.", min=0.001)] = 1.0,
    query_limit: Annotated[int, typer.Option("--query-limit", help="Queries a minute; 0 is no limit.", min=0)] = 0,
    as_json: AsJson = False,
) -> int:
    """Run a Daraja of our own, which behaves as badly as the real one.

    Its phones ring on the page /simulator. It knows key sim-key, secret sim-secret, shortcode 174379 and the public
    sandbox passkey. Without --seed no receipt ever comes again, in this run or another.
    """
    import contextlib

    from hakika.serving.server import address_of, bind
    from hakika.simulator import Clock, Network, Settings, build_server, receipts_from_now

    settings = Settings(
        seed=seed or 0,
        first_receipt=receipts_from_now() if seed is None else None,
        strict=strict,
        query_limit_per_minute=query_limit or None,
    )
    server = build_server(Network(settings), Clock(speed), log_level="info")
    with bind(host, port) as listening, contextlib.suppress(KeyboardInterrupt):
        listening.listen()  # who reads the address may call at once
        url = address_of(listening)
        if as_json:
            _say_line({"object": "simulator", "url": url, "phones": f"{url}/simulator", "seed": seed})
        else:
            console().print(f"A simulated Daraja: {url}   its phones: {url}/simulator")
        server.run([listening])
    return 0


def begin_log(settings: "Settings") -> None:
    """Log as the settings say. Raises SettingError where the file cannot be written."""
    from hakika.domain.errors import SettingError
    from hakika.logs import configure_logs

    try:
        configure_logs(settings.log_format, settings.log_level, settings.log_file)
    except OSError as error:
        rule = f"{settings.log_file} cannot be written ({error.strerror})."
        raise SettingError("HAKIKA_LOG_FILE", rule, "Name a file that this user may write, or leave it out.") from None


def _say_running(running: "Running", *, as_json: bool) -> None:
    from hakika.serving.summary import summarize

    summary = summarize(running)
    if as_json:
        _say_line({"object": "server", **summary})
        return
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for name, value in summary.items():
        table.add_row(Text(f"  {name.replace('_', ' ')}", "dim"), Text(value))
    out = console()
    out.print(Text(f"Hakika is running at {running.url}", "bold green"))
    out.print(table)


def _say_line(document: dict[str, object]) -> None:
    """Print a document on one line, now: whoever started us waits for it."""
    import json

    typer.echo(json.dumps(document))
