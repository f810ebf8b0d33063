"""`hakika deliveries list`, `resend`; `hakika trigger`; `hakika listen`."""

from typing import Annotated, Any

import typer

from hakika.cli.app import AsJson, Server, app, command, group_of
from hakika.cli.reach import reach_server
from hakika.cli.voice import Failure, console, say_json

group = group_of("deliveries", "What is owed to endpoints, and sending it again.")

Event = Annotated[list[str] | None, typer.Option("--event", help="An event's id; several times for several.")]
Endpoint = Annotated[str, typer.Option("--endpoint", help="An endpoint's id.")]
Status = Annotated[str, typer.Option("--status", help="`waiting`, `delivered` or `exhausted`.")]


@command(
    group,
    "list",
    "hakika deliveries list --status exhausted",
    "hakika deliveries list --event evt_01m2x5h9q0d2n8r4t6v8y0a2c5",
)
def list_deliveries(
    event: Annotated[str, typer.Option("--event", help="An event's id: with every attempt.")] = "",
    endpoint: Endpoint = "",
    status: Status = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=100)] = 20,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """List deliveries, the newest event first."""
    remote = reach_server(server)
    if event:
        found = remote.call("GET", f"/v1/events/{event}/deliveries")["data"]
    else:
        given = {"endpoint": endpoint, "status": status, "limit": limit}
        found = remote.call("GET", "/v1/deliveries", params={name: value for name, value in given.items() if value})
        found = found["data"]
    if as_json:
        say_json({"object": "list", "data": found})
        return 0
    from hakika.cli.show import tabulate

    out = console()
    out.print(tabulate(found, "number", "event", "type", "endpoint", "status", "attempts", "next_attempt_at"))
    for delivery in found if event else []:
        out.print(f"\n{delivery['endpoint']}")
        out.print(tabulate(delivery["history"], "at", "status_code", "took_ms", "error"))
    return 0


@command(
    group,
    "resend",
    "hakika deliveries resend --event evt_01m2x5h9q0d2n8r4t6v8y0a2c5",
    "hakika deliveries resend --status exhausted",
    "hakika deliveries resend --endpoint ep_01m2x5h9q0d2n8r4t6v8y0a2c6 --from 2026-11-20T00:00:00Z",
)
def resend(
    event: Event = None,
    endpoint: Endpoint = "",
    event_type: Annotated[str, typer.Option("--type", help="A type of event.")] = "",
    status: Status = "",
    since: Annotated[str, typer.Option("--from", help="Events from then on: 2026-11-20T00:00:00Z.")] = "",
    until: Annotated[str, typer.Option("--to", help="Events before then.")] = "",
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Deliver events again, with their ids unchanged: say which. All that is given must fit."""
    given: dict[str, Any] = {
        "event_ids": event or None,
        "endpoint": endpoint,
        "type": event_type,
        "status": status,
        "from": since,
        "to": until,
    }
    body = {name: value for name, value in given.items() if value}
    if not body:
        raise Failure("Say what to send again", "No filter is given.", cure="Give --event or another.", exit_code=2)
    answer = reach_server(server).call("POST", "/v1/deliveries/resend", body)
    if as_json:
        say_json(answer)
    else:
        console().print(f"{answer['deliveries']} deliveries are made again.")
    return 0


@command(
    app,
    "trigger",
    "hakika trigger payment.completed",
    "hakika trigger payment.failed --endpoint ep_01m2x5h9q0d2n8r4t6v8y0a2c6",
)
def trigger(
    event_type: Annotated[str, typer.Argument(metavar="TYPE", help="A type of event: `payment.completed`.")],
    endpoint: Annotated[str, typer.Option("--endpoint", help="To this endpoint, whatever types it asked for.")] = "",
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Publish a test event, `test.payment.completed`, with a sample payment: no money moves.

    It goes to endpoints that name it, to `hakika listen`, and to the one that --endpoint names; never to others.
    """
    body = {"type": event_type} | ({"endpoint": endpoint} if endpoint else {})
    event = reach_server(server).call("POST", "/v1/events/trigger", body)
    if as_json:
        say_json(event)
    else:
        console().print(f"{event['type']} is published: {event['id']}, number {event['number']}.")
    return 0


@command(
    app,
    "listen",
    "hakika listen --forward http://localhost:3000/hook",
    "hakika listen --forward http://localhost:3000/hook --type payment.completed --after 120",
)
def listen(
    forward: Annotated[str, typer.Option("--forward", help="Where your receiver is.")],
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only this type; several times for several.")
    ] = None,
    after: Annotated[int, typer.Option("--after", help="From the event after this number on.", min=-1)] = -1,
    secret: Annotated[str, typer.Option("--secret", help="Signs; a new one is made if absent.")] = "",
    count: Annotated[int, typer.Option("--count", help="End after so many events.", min=0)] = 0,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Bring events to your machine: each is posted to --forward, signed as a webhook is, until you press Ctrl-C.

    Without --after it begins now. Probes come too: try `hakika trigger payment.completed` in another terminal. When it
    ends it says how to go on where it stopped. With --json there is a line for each event.
    """
    from hakika.cli.listening import follow

    return follow(reach_server(server), forward, types or [], after, secret, count, as_json=as_json)
