"""`hakika endpoints add`, `list`, `update`, `on`, `off`, `rotate`, `ping`, `delete`."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hakika.cli.app import FAILED, AsJson, Server, command, group_of
from hakika.cli.reach import reach_server
from hakika.cli.voice import console, say_json

if TYPE_CHECKING:
    from hakika.cli.connection import Remote

group = group_of("endpoints", "Where events are delivered to: webhooks.")

EndpointId = Annotated[str, typer.Argument(metavar="ID", help="The endpoint's id.")]
Types = Annotated[list[str] | None, typer.Option("--type", help="Only this type of event; several times for several.")]
EXAMPLE = "ep_01m2x5h9q0d2n8r4t6v8y0a2c6"


@command(
    group,
    "add",
    "hakika endpoints add https://shop.example/hooks",
    "hakika endpoints add https://shop.example/hooks --type payment.completed --type payment.failed",
    "hakika endpoints add -   # then a line: mailtos://user:password@mail.example.com?to=asha@example.com",
)
def add(
    url: Annotated[
        str, typer.Argument(help="https://…; in test mode http as well; mailtos://, tgram://, …; - reads a line.")
    ],
    types: Types = None,
    description: Annotated[str, typer.Option("--description", help="For people.")] = "",
    mode: Annotated[str, typer.Option("--mode", help="`test` or `live`; without it, as the server is.")] = "",
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Deliver events to a URL. Its secret is shown this once.

    People are told through e-mail, SMS, WhatsApp, Telegram, Slack and others: see docs/alerts.md. Such a URL is a
    secret: with - it is read from standard input, so that no history keeps it.
    """
    url = sys.stdin.readline().strip() if url == "-" else url
    body: dict[str, Any] = {"url": url, "event_types": types or [], "description": description}
    made = reach_server(server).call("POST", "/v1/endpoints", body | ({"mode": mode} if mode else {}))
    return _show_secret(made, as_json=as_json)


@command(group, "list", "hakika endpoints list", "hakika endpoints list --json")
def list_endpoints(server: Server = "", as_json: AsJson = False) -> int:
    """List the endpoints, how they fare, and how much they are owed."""
    endpoints = reach_server(server).call("GET", "/v1/endpoints")["data"]
    if as_json:
        say_json({"object": "list", "data": endpoints})
        return 0
    from hakika.cli.show import tabulate

    rows = [{**row, "types": ", ".join(row["event_types"]) or "all", "why": row["off_reason"]} for row in endpoints]
    console().print(tabulate(rows, "id", "mode", "status", "owed", "url", "types", "why"))
    return 0


@command(
    group,
    "update",
    f"hakika endpoints update {EXAMPLE} --url https://shop.example/new",
    f"hakika endpoints update {EXAMPLE} --type payment.completed",
)
def update(
    endpoint_id: EndpointId,
    url: Annotated[str, typer.Option("--url", help="As before if absent.")] = "",
    types: Types = None,
    every_type: Annotated[bool, typer.Option("--every-type", help="Every type again, but probes.")] = False,
    description: Annotated[str | None, typer.Option("--description", help="As before if absent.")] = None,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Change an endpoint. Its secret stays: see `hakika endpoints rotate`."""
    body: dict[str, Any] = {"url": url} if url else {}
    body |= {"event_types": types or []} if types or every_type else {}
    body |= {"description": description} if description is not None else {}
    return _print(_change(reach_server(server), endpoint_id, body), "changed", as_json=as_json)


@command(group, "on", f"hakika endpoints on {EXAMPLE}")
def turn_on(endpoint_id: EndpointId, server: Server = "", as_json: AsJson = False) -> int:
    """Turn an endpoint on: what it is owed is delivered now, in order."""
    return _print(_change(reach_server(server), endpoint_id, {"active": True}), "on", as_json=as_json)


@command(group, "off", f"hakika endpoints off {EXAMPLE}")
def turn_off(endpoint_id: EndpointId, server: Server = "", as_json: AsJson = False) -> int:
    """Turn an endpoint off: what it is owed waits, and that time does not count."""
    return _print(_change(reach_server(server), endpoint_id, {"active": False}), "off", as_json=as_json)


@command(group, "rotate", f"hakika endpoints rotate {EXAMPLE}", f"hakika endpoints rotate {EXAMPLE} --overlap 3600")
def rotate(
    endpoint_id: EndpointId,
    overlap: Annotated[
        int, typer.Option("--overlap", help="Seconds that the old secret signs as well.", min=0, max=2_592_000)
    ] = 86_400,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Make a new secret, shown this once. For a day both sign, so that nothing is refused while you change it."""
    path = f"/v1/endpoints/{endpoint_id}/rotate"
    return _show_secret(reach_server(server).call("POST", path, {"overlap_s": overlap}), as_json=as_json)


@command(group, "ping", f"hakika endpoints ping {EXAMPLE}")
def ping(endpoint_id: EndpointId, server: Server = "", as_json: AsJson = False) -> int:
    """Send a `test.ping` now and say what came of it. The exit code is 1 where it was not taken."""
    answer = reach_server(server).call("POST", f"/v1/endpoints/{endpoint_id}/ping")
    if as_json:
        say_json(answer)
    else:
        attempt = answer["attempt"]
        mark = "[bold green]✓[/]" if answer["delivered"] else "[bold red]✗[/]"
        heard = f"HTTP {attempt['status_code']}" if attempt["status_code"] else "no answer"
        out = console()
        out.print(f"{mark} {heard} in {attempt['took_ms']} ms", end=" ")
        out.print(attempt["error"] or "", markup=False)  # it may quote what the receiver said
    return 0 if answer["delivered"] else FAILED


@command(group, "delete", f"hakika endpoints delete {EXAMPLE}")
def delete(endpoint_id: EndpointId, server: Server = "", as_json: AsJson = False) -> int:
    """Delete an endpoint, and with it what it is owed. To keep that, turn it off instead."""
    gone = reach_server(server).call("DELETE", f"/v1/endpoints/{endpoint_id}")
    if as_json:
        say_json(gone)
    else:
        console().print(f"{endpoint_id} is deleted.")
    return 0


def _change(remote: "Remote", endpoint_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return remote.call("PATCH", f"/v1/endpoints/{endpoint_id}", body)


def _show_secret(endpoint: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        say_json(endpoint)
        return 0
    out = console()
    if endpoint["secret"] is None:
        out.print("[bold green]✓[/]", end=" ")
        out.print(f"{endpoint['id']} tells {endpoint['url']} of: {', '.join(endpoint['event_types'])}", markup=False)
        out.print(f"Try it: hakika endpoints ping {endpoint['id']}", style="dim")
        return 0
    out.print(f"[bold]{endpoint['secret']}[/]")
    out.print(
        f"It signs what is sent to {endpoint['url']} ({endpoint['id']}). Keep it now: it is not shown again.",
        style="dim",
        markup=False,
    )
    return 0


def _print(endpoint: dict[str, Any], done: str, *, as_json: bool) -> int:
    if as_json:
        say_json(endpoint)
    else:
        console().print(f"{endpoint['id']} is {done}: {endpoint['url']}, {endpoint['owed']} owed.", markup=False)
    return 0
