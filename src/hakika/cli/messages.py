"""`hakika messages`: what payers are told, on which channels, in which words, and who wants none."""

import sys
from typing import Annotated, Any

import typer

from hakika.cli.app import FAILED, AsJson, Server, command, group_of
from hakika.cli.reach import reach_server
from hakika.cli.voice import Failure, console, say_json

group = group_of("messages", "What payers are told of their payments: SMS, e-mail, WhatsApp.")

ChannelId = Annotated[str, typer.Argument(metavar="ID", help="The channel's id.")]
Types = Annotated[
    list[str] | None, typer.Option("--type", help="Tell of this, say payment.completed; several times for several.")
]
Templates = Annotated[
    list[str] | None,
    typer.Option("--template", metavar="TYPE:LANGUAGE=TEXT", help="The text of one; an empty TEXT is the shipped one."),
]
Subjects = Annotated[
    list[str] | None, typer.Option("--subject", metavar="TYPE:LANGUAGE=TEXT", help="Likewise, of e-mails.")
]
OptOut = Annotated[
    list[str] | None,
    typer.Option("--opt-out", metavar="LANGUAGE=WORDS", help="How to get no more: {opt_out} in texts."),
]
Language = Annotated[str, typer.Option("--language", help="`en` or `sw`, where neither payment nor checkout says one.")]
InTestMode = Annotated[
    bool | None, typer.Option("--in-test-mode/--not-in-test-mode", help="Whether it tells of test payments too.")
]
SendWithin = Annotated[int, typer.Option("--send-within", help="Seconds; what is older is not sent. 0: as before.")]
CHANNEL, OPTED = "mch_01m2x5h9q0d2n8r4t6v8y0a2c6", "out_01m7y6vwt1xr3840rsfznte40m"
PATH = "/v1/message-channels"


@command(
    group,
    "list",
    "hakika messages list",
    "hakika messages list --payment pay_01m7y6vwt1xr3840rsfznte40m",
    "hakika messages list --status unknown",
)
def list_messages(
    payment: Annotated[str, typer.Option("--payment", help="Only of this payment.")] = "",
    channel: Annotated[str, typer.Option("--channel", help="Only on this channel.")] = "",
    status: Annotated[str, typer.Option("--status", help="queued, sending, sent, failed, unknown or skipped.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=100)] = 20,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """List what payers were told, and what they were not told and why, the newest first."""
    given = {"payment": payment, "channel": channel, "status": status}
    params = {name: value for name, value in given.items() if value} | {"limit": limit}
    page = reach_server(server).call("GET", "/v1/messages", params=params)
    if as_json:
        say_json(page)
        return 0
    _print_table(page["data"], "created_at", "payment", "type", "kind", "recipient", "status", "detail")
    return 0


@command(group, "channels", "hakika messages channels", "hakika messages channels --json")
def list_channels(server: Server = "", as_json: AsJson = False) -> int:
    """List the channels."""
    page = reach_server(server).call("GET", PATH)
    if as_json:
        say_json(page)
        return 0
    rows = [
        {**row, "on": "yes" if row["active"] else "no", "tells": ", ".join(row["event_types"])} for row in page["data"]
    ]
    _print_table(rows, "id", "mode", "account", "kind", "on", "url", "language", "tells")
    return 0


@command(
    group,
    "add",
    "hakika messages add sms 'atalk://wanjiru@API-KEY?from=WANJIRU'",
    "hakika messages add email 'mailtos://user:password@smtp.example.com?from=shop@example.com' --account westlands",
    "hakika messages add whatsapp 'whatsapp://receipt:TOKEN@PHONE-ID?lang=en&:body=1' --on",
)
def add(
    kind: Annotated[str, typer.Argument(help="sms, email or whatsapp.")],
    url: Annotated[str, typer.Argument(help="An apprise URL without recipient: atalk://, mailtos://, whatsapp:// …")],
    account: Annotated[str, typer.Option("--account", help="Whose payers: name or id.")] = "",
    types: Types = None,
    language: Language = "",
    templates: Templates = None,
    subjects: Subjects = None,
    opt_out: OptOut = None,
    in_test_mode: InTestMode = None,
    send_within: SendWithin = 0,
    on: Annotated[bool, typer.Option("--on", help="Turn it on at once.")] = False,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Add a channel to an account's payers. It is off until `hakika messages on`; try it before that.

    The URL is a secret: with - it is read from standard input, so that no history keeps it.
    """
    url = sys.stdin.readline().strip() if url == "-" else url
    body = {"kind": kind, "url": url} | ({"account": account} if account else {})
    body |= _fields(types, language, templates, subjects, opt_out, in_test_mode, send_within)
    made = reach_server(server).call("POST", PATH, body | ({"active": True} if on else {}))
    return _print(made, f"is added, and {'on' if on else 'off'}", as_json=as_json)


@command(
    group,
    "update",
    f"hakika messages update {CHANNEL} --language sw",
    f"hakika messages update {CHANNEL} --template 'payment.completed:en=Thank you for KES {{amount}}.[ {{receipt}}]'",
)
def update(
    channel_id: ChannelId,
    url: Annotated[str, typer.Option("--url", help="As before if absent; - reads it.")] = "",
    types: Types = None,
    language: Language = "",
    templates: Templates = None,
    subjects: Subjects = None,
    opt_out: OptOut = None,
    in_test_mode: InTestMode = None,
    send_within: SendWithin = 0,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Change what is given of a channel. Of texts, the one that is named; the others stay."""
    url = sys.stdin.readline().strip() if url == "-" else url
    remote, path = reach_server(server), f"{PATH}/{channel_id}"
    known = remote.call("GET", path)
    body = {"url": url} if url else {}
    body |= _fields(types, language, templates, subjects, opt_out, in_test_mode, send_within, known)
    return _print(remote.call("PATCH", path, body), "is changed", as_json=as_json)


@command(group, "on", f"hakika messages on {CHANNEL}")
def turn_on(channel_id: ChannelId, server: Server = "", as_json: AsJson = False) -> int:
    """Turn a channel on: it tells of what happens from now on."""
    changed = reach_server(server).call("PATCH", f"{PATH}/{channel_id}", {"active": True})
    return _print(changed, "is on", as_json=as_json)


@command(group, "off", f"hakika messages off {CHANNEL}")
def turn_off(channel_id: ChannelId, server: Server = "", as_json: AsJson = False) -> int:
    """Turn a channel off: what waits for it is not sent, not later either."""
    changed = reach_server(server).call("PATCH", f"{PATH}/{channel_id}", {"active": False})
    return _print(changed, "is off", as_json=as_json)


@command(group, "delete", f"hakika messages delete {CHANNEL}")
def delete(channel_id: ChannelId, server: Server = "", as_json: AsJson = False) -> int:
    """Delete a channel."""
    gone = reach_server(server).call("DELETE", f"{PATH}/{channel_id}")
    if as_json:
        say_json(gone)
    else:
        console().print(f"{channel_id} is deleted.")
    return 0


@command(
    group,
    "try",
    f"hakika messages try {CHANNEL} 0712345678",
    f"hakika messages try {CHANNEL} 0712345678 --type payment.failed --language sw",
)
def try_channel(
    channel_id: ChannelId,
    recipient: Annotated[str, typer.Argument(help="A phone; for e-mail an address.")],
    event_type: Annotated[str, typer.Option("--type", help="Which text.")] = "payment.completed",
    language: Language = "",
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Send a sample now and say what came of it. It is real, and may cost money. Exit code 1: it was not sent."""
    body = {"recipient": recipient, "type": event_type} | ({"language": language} if language else {})
    said = reach_server(server).call("POST", f"{PATH}/{channel_id}/try", body)
    if as_json:
        say_json(said)
    else:
        mark = "[bold green]✓[/]" if said["outcome"] == "sent" else "[bold red]✗[/]"
        console().print(f"{mark} {said['outcome']}", said["detail"] or "", said["cost"] or "")
        console().print(said["text"], style="dim", markup=False)
    return 0 if said["outcome"] == "sent" else FAILED


@command(group, "stop", "hakika messages stop 0712345678", "hakika messages stop asha@example.com --account westlands")
def stop(
    recipient: Annotated[str, typer.Argument(help="A phone or an e-mail address.")],
    account: Annotated[str, typer.Option("--account", help="Only messages of this account.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="For people.")] = "",
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Send one phone or address nothing more."""
    body = {"recipient": recipient, "reason": reason} | ({"account": account} if account else {})
    made = reach_server(server).call("POST", "/v1/opt-outs", body)
    if as_json:
        say_json(made)
    else:
        console().print(f"{made['recipient']} gets no more messages ({made['id']}).")
    return 0


@command(group, "stopped", "hakika messages stopped", "hakika messages stopped --recipient 0712345678")
def list_stopped(
    recipient: Annotated[str, typer.Option("--recipient", help="Only this phone or address.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=100)] = 20,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """List who wants no messages, the newest first."""
    params = {"limit": limit} | ({"recipient": recipient} if recipient else {})
    page = reach_server(server).call("GET", "/v1/opt-outs", params=params)
    if as_json:
        say_json(page)
    else:
        _print_table(page["data"], "id", "mode", "recipient", "account", "source", "reason", "created_at")
    return 0


@command(group, "allow", f"hakika messages allow {OPTED}", "hakika messages allow 0712345678")
def allow(
    who: Annotated[str, typer.Argument(metavar="ID", help="The opt-out's id; or the phone or address.")],
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Let one be told again."""
    remote = reach_server(server)
    if who.startswith("out_"):
        ids = [who]
    else:
        found = remote.call("GET", "/v1/opt-outs", params={"recipient": who, "limit": 100})["data"]
        ids = [row["id"] for row in found]
    if not ids:
        raise Failure(
            "Nobody of that name", f"{who} did not opt out.", code="not_found", cure="See `messages stopped`."
        )
    gone = [remote.call("DELETE", f"/v1/opt-outs/{one}") for one in ids]
    if as_json:
        say_json({"object": "list", "data": gone})
    else:
        console().print(f"{who} is told again.")
    return 0


def _fields(
    types: list[str] | None,
    language: str,
    templates: list[str] | None,
    subjects: list[str] | None,
    opt_out: list[str] | None,
    in_test_mode: bool | None,
    send_within: int,
    known: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The fields of a channel that options give."""
    known = known or {}
    body: dict[str, Any] = {"event_types": types} if types else {}
    body |= {"language": language} if language else {}
    body |= {"in_test_mode": in_test_mode} if in_test_mode is not None else {}
    body |= {"send_within_s": send_within} if send_within else {}
    for name, given in (("templates", templates), ("subjects", subjects)):
        if given:
            body[name] = _merge(known.get(name, {}), given)
    if opt_out:
        body["opt_out"] = known.get("opt_out", {}) | dict(_split(one, "=") for one in opt_out)
    return body


def _merge(known: dict[str, dict[str, str]], given: list[str]) -> dict[str, dict[str, str]]:
    merged = {name: dict(texts) for name, texts in known.items()}
    for one in given:
        where, text = _split(one, "=")
        name, language = _split(where, ":")
        merged.setdefault(name, {})[language] = text
    kept = {name: {language: text for language, text in texts.items() if text} for name, texts in merged.items()}
    return {name: texts for name, texts in kept.items() if texts}


def _split(given: str, separator: str) -> tuple[str, str]:
    left, found, right = given.partition(separator)
    if not found:
        example = "--template 'payment.completed:sw=Asante!'" if separator == ":" else "--opt-out 'en=Reply STOP.'"
        raise Failure("Not understood", repr(given), code="usage", cure=f"Write {example}.", exit_code=2)
    return left, right


def _print_table(rows: list[dict[str, Any]], *columns: str) -> None:
    from hakika.cli.show import tabulate

    console().print(tabulate(rows, *columns))


def _print(channel: dict[str, Any], done: str, *, as_json: bool) -> int:
    if as_json:
        say_json(channel)
        return 0
    out = console()
    out.print(f"{channel['id']} {done}: {channel['kind']} by {channel['url']}", markup=False)
    if channel["replies_url"]:
        out.print(
            f"Payers' replies and opt-outs: give Africa's Talking {channel['replies_url']}", style="dim", markup=False
        )
    return 0
