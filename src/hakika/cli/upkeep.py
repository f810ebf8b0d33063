"""`hakika migrate`, `verify`, `settings`, `quarantine list`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hakika.cli.app import AsJson, Server, app, command, group_of
from hakika.cli.reach import reach
from hakika.cli.voice import console, say_json

if TYPE_CHECKING:
    from hakika.engine.verification import Report


@command(app, "migrate", "hakika migrate", "DATABASE_URL=postgresql://localhost/hakika hakika migrate --json")
def migrate(as_json: AsJson = False) -> int:
    """Bring the database to the newest schema.

    `hakika serve` does so by itself. It changes nothing where the schema is new already, and says its version.
    """
    from hakika.config import parse_settings
    from hakika.database_urls import sqlite_file
    from hakika.serving.presence import hold_database
    from hakika.store.migrations import find_version, newest_version, upgrade

    url = parse_settings().database_url
    file, newest = sqlite_file(url), newest_version()
    before = after = None if file and not file.exists() else find_version(url)
    if before != newest:
        with hold_database(url), console(error=True).status("Migrating"):
            upgrade(url)
        after = find_version(url)
    if as_json:
        say_json({"object": "migration", "before": before, "after": after, "newest": newest})
    elif before == after:
        console().print(f"The schema is the newest already: {after}.")
    else:
        console().print(f"The schema went from {before or 'nothing'} to {after}.")
    return 0 if after == newest else 1


@command(app, "verify", "hakika verify", "hakika verify --json")
def verify(
    warnings: Annotated[bool, typer.Option("--warnings", help="Also list what may have changed rightly.")] = False,
    as_json: AsJson = False,
) -> int:
    """Replay all evidence of every payment and compare it with what is stored.

    It reads only, and may run while the server runs. A payment that is not what its evidence says, an event path that
    the table does not allow, a receipt with two owners or none, anything unprocessed: each is a difference, and the
    exit code is then 1. Readings that today's reader would read otherwise are warnings.
    """
    from hakika.cli.direct import opened
    from hakika.config import parse_settings
    from hakika.engine.verification import verify_all

    settings = parse_settings()
    with opened(settings) as store:
        if as_json:
            report = verify_all(store, settings.data_dir / "callbacks.spool")
        else:
            from rich.progress import Progress

            with Progress(console=console(error=True), transient=True) as progress:
                task = progress.add_task("replaying", total=None)
                report = verify_all(
                    store,
                    settings.data_dir / "callbacks.spool",
                    lambda done, total: progress.update(task, completed=done, total=total),
                )
    _print_report(report, warnings=warnings, as_json=as_json)
    return 1 if report.differences else 0


def _print_report(report: "Report", *, warnings: bool, as_json: bool) -> None:
    if as_json:
        import json

        import msgspec

        say_json({"object": "verification", "holds": not report.differences, **json.loads(msgspec.json.encode(report))})
        return
    from rich.text import Text

    out = console()
    listed = [(one, "red") for one in report.differences]
    listed += [(one, "yellow") for one in report.warnings] if warnings else []
    for one, colour in listed:
        out.print(Text.assemble((f"{one.rule}  ", colour), (f"{one.payment or 'the store'}  ", "bold"), one.detail))
    mark = "[bold red]✗[/]" if report.differences else "[bold green]✓[/]"
    out.print(
        f"{mark} {report.payments} payments, {report.evidence} pieces of evidence, {report.events} events: "
        f"{len(report.differences)} differences, {len(report.warnings)} warnings."
    )


@command(app, "settings", "hakika settings", "hakika settings --json")
def settings(as_json: AsJson = False) -> int:
    """List every setting: its names in the environment, its value, where that comes from, and what it is for.

    Secrets are masked. Settings come from the environment, `.env` or `hakika.toml`, in this order.
    """
    from hakika.serving.settings import list_settings

    rows = list_settings()
    if as_json:
        say_json({"object": "list", "data": rows})
        return 0
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("setting", "value", "from", "what it is"):
        table.add_column(heading)
    for row in rows:
        style = "dim" if row["source"] == "default" else "bold"
        names = Text("\n".join(row["names"]), style)
        table.add_row(names, Text(row["value"], style), Text(row["source"], "dim"), Text(row["doc"]))
    console().print(table)
    return 0


quarantine = group_of("quarantine", "What came and is about no payment that is known.")


@command(quarantine, "list", "hakika quarantine list", "hakika quarantine list --limit 5 --json")
def list_quarantine(
    limit: Annotated[int, typer.Option("--limit", help="How many, newest first.", min=1, max=1000)] = 50,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """List what came and is about no payment that is known: kept, and believed by nobody.

    A push that another program made is followed with POST /v1/payments/register; what waits here is then adopted.
    """
    rows: list[dict[str, Any]] = reach(server).list_quarantine(limit)
    if as_json:
        say_json({"object": "list", "data": rows})
        return 0
    from hakika.cli.show import tabulate

    out = console()
    if not rows:
        out.print("Nothing is quarantined.")
        return 0
    shown = [{**row, "from": row["origin"].get("remote"), "raw": row["raw"][:80]} for row in rows]
    out.print(tabulate(shown, "at", "reason", "checkout_request_id", "from", "copies", "raw"))
    return 0
