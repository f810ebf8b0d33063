"""`hakika alerts list`, `show`, `rules`, `rule`."""

from typing import Annotated, Any

import typer

from hakika.cli.app import MISUSED, AsJson, Server, command, group_of
from hakika.cli.reach import reach_server
from hakika.cli.voice import Failure, console, say_json

group = group_of("alerts", "What is wrong now, and what you are told of.")

EXAMPLE = "alr_01m2x5h9q0d2n8r4t6v8y0a2c7"
Mode = Annotated[str, typer.Option("--mode", help="`test` or `live`; without it, as the server is.")]


@command(group, "list", "hakika alerts list", "hakika alerts list --all", "hakika alerts list --rule pending-long")
def list_alerts(
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    rule: Annotated[str, typer.Option("--rule", help="Only this rule's.")] = "",
    limit: Annotated[int, typer.Option("--limit", help="At most so many.", min=1, max=100)] = 20,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """List the alerts that are open, the newest first."""
    wanted: dict[str, Any] = {"limit": limit} | ({} if every else {"status": "open"}) | ({"rule": rule} if rule else {})
    page = reach_server(server).call("GET", "/v1/alerts", params=wanted)
    if as_json:
        say_json(page)
        return 0
    from hakika.cli.show import tabulate

    if not page["data"]:
        console().print("[bold green]✓[/] No alert." if every else "[bold green]✓[/] No alert is open.")
        return 0
    rows = [{**row, "since": row["opened_at"]} for row in page["data"]]
    console().print(tabulate(rows, "id", "mode", "status", "severity", "rule", "since", "summary"))
    return 0


@command(group, "show", f"hakika alerts show {EXAMPLE}")
def show(
    alert_id: Annotated[str, typer.Argument(metavar="ID", help="The alert's id.")],
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Show an alert: what it means for the money, and what to do first."""
    alert = reach_server(server).call("GET", f"/v1/alerts/{alert_id}")
    if as_json:
        say_json(alert)
        return 0
    from rich.table import Table
    from rich.text import Text

    out = console()
    out.print(Text.assemble((alert["title"], "bold"), (f"  {alert['rule']}, {alert['mode']}", "dim")))
    table = Table.grid(padding=(0, 2))
    told = "once" if alert["told"] == 1 else f"{alert['told']} times, last {alert['told_at']}"
    for name, text in (
        ("what", alert["summary"]),
        ("the money", alert["meaning"]),
        ("first", alert["cure"]),
        ("see", alert["hint"]),
        ("payments", ", ".join(alert["evidence"].get("first") or [])),
        ("open since", alert["opened_at"]),
        ("told", told),
        ("over since", alert["closed_at"] or ""),
    ):
        if text:
            table.add_row(Text(f"  {name}", "dim"), Text(text))
    out.print(table)
    return 0


@command(group, "rules", "hakika alerts rules", "hakika alerts rules --mode live --json")
def rules(mode: Mode = "", server: Server = "", as_json: AsJson = False) -> int:
    """List the rules as they are set."""
    page = reach_server(server).call("GET", "/v1/alert-rules", params={"mode": mode} if mode else {})
    if as_json:
        say_json(page)
        return 0
    from hakika.cli.show import tabulate

    rows = [{**row, "active": "on" if row["active"] else "off", "thresholds": _spell(row)} for row in page["data"]]
    console().print(tabulate(rows, "name", "mode", "active", "severity", "thresholds", "title"))
    return 0


@command(
    group,
    "rule",
    "hakika alerts rule pending-long --set minutes=10",
    "hakika alerts rule successes-few --set successes=5 --set minutes=5 --set asked=0",
    "hakika alerts rule success-rate --off",
    "hakika alerts rule pending-long --set minutes=",
)
def rule(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The rule's name.")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="THRESHOLD=NUMBER; without the number it is as shipped again.")
    ] = None,
    on: Annotated[bool, typer.Option("--on", help="Turn it on.")] = False,
    off: Annotated[bool, typer.Option("--off", help="Turn it off; its open alerts close.")] = False,
    mode: Mode = "",
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Show a rule, or change it: on, off, its thresholds. It counts within half a minute."""
    body: dict[str, Any] = {"active": on} if on != off else {}
    body |= {"thresholds": dict(map(_read_change, changes))} if changes else {}
    body |= {"mode": mode} if mode else {}
    remote, path = reach_server(server), f"/v1/alert-rules/{name}"
    if changes or on or off:
        shown = remote.call("PATCH", path, body)
    else:
        shown = remote.call("GET", path, params={"mode": mode} if mode else {})
    if as_json:
        say_json(shown)
    else:
        console().print(f"{shown['name']} is {'on' if shown['active'] else 'off'} ({shown['mode']}): {_spell(shown)}")
        console().print(shown["title"], style="dim")
    return 0


def _read_change(change: str) -> tuple[str, int | None]:
    name, separator, number = change.partition("=")
    if not separator or not (number == "" or number.isdigit()):
        raise Failure(
            "That is no change of a threshold", repr(change), cure="Write --set minutes=10.", exit_code=MISUSED
        )
    return name, int(number) if number else None


def _spell(shown: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in shown["thresholds"].items()) or "no thresholds"
