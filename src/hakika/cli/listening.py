"""`hakika listen`: events read on from a number, forwarded to a receiver on this machine, and shown."""

import base64
import json
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import typer
from rich.text import Text
from standardwebhooks.webhooks import Webhook

from hakika.cli.connection import Remote
from hakika.cli.voice import Failure, console

PAUSE_S = 1.0
SILENCE_S = 45.0  # three heartbeats
FORWARD_WITHIN_S = 15.0


def follow(
    remote: Remote, forward: str, types: list[str], after: int, secret: str, count: int, *, as_json: bool
) -> int:
    """Forward events until interrupted, or `count` are. → exit code."""
    secret = secret or f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
    signer = _read_secret(secret)
    cursor = after if after >= 0 else _find_newest(remote)
    out, told = console(), 0
    if as_json:
        typer.echo(json.dumps({"object": "listening", "forward": forward, "secret": secret, "after": cursor}))
    else:
        out.print(Text.assemble("Forwarding to ", (forward, "bold"), f", from event {cursor + 1} on."), end=" ")
        out.print("Sign with this secret:")
        out.print(f"[bold]{secret}[/]\n")
    try:
        with httpx2.Client(timeout=FORWARD_WITHIN_S, trust_env=False) as client:
            for event in _read_on(remote, types, cursor):
                _tell(event, *_forward(client, forward, signer, event), as_json=as_json)
                cursor, told = event["number"], told + 1
                if told == count:
                    break
    except KeyboardInterrupt:
        typer.echo(f"To go on where this stopped: hakika listen --forward {forward} --after {cursor}", err=True)
    return 0


def _read_secret(secret: str) -> Webhook:
    try:
        return Webhook(secret)
    except Exception:  # noqa: BLE001 - the library raises what its decoder raises
        raise Failure(
            "That is no signing secret", "It is `whsec_` and base64.", cure="Leave --secret out.", exit_code=2
        ) from None


def _find_newest(remote: Remote) -> int:
    """The number of the newest event: a search that finds none ends there."""
    return int(remote.call("GET", "/v1/events", params={"limit": 1, "payment": "none"})["next_after"])


def _read_on(remote: Remote, types: list[str], after: int) -> Iterator[dict[str, Any]]:
    """Events after a number, for ever: from the stream, and after a break from where it broke off."""
    while True:
        given = {"type": ",".join(types or ["*"]), "after": after}
        try:
            for line in remote.stream("/v1/events/stream", given, SILENCE_S):
                event = json.loads(line[6:]) if line.startswith("data: ") else {}
                if event.get("object") == "event":
                    after = event["number"]
                    yield event
        except httpx2.HTTPError as error:
            typer.echo(f"The server does not answer ({type(error).__name__}): trying again.", err=True)
        time.sleep(PAUSE_S)


def _forward(client: httpx2.Client, url: str, signer: Webhook, event: dict[str, Any]) -> tuple[str, int]:
    """Post an event as the server would. → what came of it, and in how many ms."""
    body, moment = json.dumps(event, ensure_ascii=False, separators=(",", ":")), datetime.now(UTC)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": event["id"],
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signer.sign(event["id"], moment, body),
    }
    started = time.monotonic()
    try:
        answer = client.post(url, content=body.encode(), headers=headers)
        came = str(answer.status_code)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        came = type(error).__name__
    return came, round((time.monotonic() - started) * 1000)


def _tell(event: dict[str, Any], came: str, took_ms: int, *, as_json: bool) -> None:
    if as_json:
        line = {"object": "forwarded", "event": event["id"], "number": event["number"], "type": event["type"]}
        typer.echo(json.dumps({**line, "answer": came, "took_ms": took_ms}))
        return
    colour = "green" if came.startswith("2") else "red"
    about = event["payment"] or event["checkout"] or ""
    row = (event["timestamp"][11:19], f"#{event['number']:<6}", f"{event['type']:<28}", f"{about:<31}")
    console().print(Text.assemble(*(f"{cell}  " for cell in row), (came, colour), f"  {took_ms} ms"))
