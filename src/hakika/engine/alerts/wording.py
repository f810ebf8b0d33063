"""An event as a message to a person: what, since when, what it means for the money, what to do first."""

from datetime import datetime
from typing import Any

import msgspec

from hakika.engine.alerts.hours import spell
from hakika.store.events import EventRow

WHERE = {"live": "live", "test": "test mode"}


def put_in_words(event: EventRow) -> tuple[str, str]:
    """The title and the text."""
    data: dict[str, Any] = msgspec.json.decode(event.snapshot)
    kind, _, word = event.type.removeprefix("test.").partition(".")
    trial = "TRIAL: " if event.type.startswith("test.") else ""
    where = WHERE.get(event.mode, event.mode)
    if kind == "alert":
        title, body = _tell_alert(data, word)
    elif kind == "endpoint":
        title, body = _tell_endpoint(data, word)
    elif kind in {"payment", "checkout"}:
        title, body = _tell_payment(data, kind, word)
    else:
        title, body = "A message to try this address", "It arrived. Nothing happened."
    return f"Hakika ({where}): {trial}{title}", f"{body}\n\n{event.type} {event.id}, {spell(event.at_ms)}"


def _tell_alert(alert: dict[str, Any], word: str) -> tuple[str, str]:
    if word == "closed":
        lasted = f"It lasted from {_spell(alert['opened_at'])} to {_spell(alert['closed_at'] or alert['seen_at'])}."
        return f"Over: {alert['title']}", f"{lasted}\nLast seen: {alert['summary']}\nAlert {alert['id']}."
    again = f" (told {alert['told']} times)" if alert["told"] > 1 else ""
    first = ", ".join(alert["evidence"].get("first") or [])
    lines = [
        alert["summary"],
        f"Open since {_spell(alert['opened_at'])}{again}.",
        f"For the money: {alert['meaning']}",
        f"First: {alert['cure']}",
        f"See: {alert['hint']}",
        *([f"Payments: {first}"] if first else []),
        f"Alert {alert['id']} ({alert['rule']}).",
    ]
    return f"{alert['title']}{again}", "\n".join(lines)


def _tell_endpoint(endpoint: dict[str, Any], word: str) -> tuple[str, str]:
    where = f"{endpoint['url']} ({endpoint['id']})"
    if word == "recovered":
        return "An endpoint takes events again", f"{where} answers. What waited for it is sent now."
    reason = endpoint.get("off_reason") or f"{endpoint.get('failures', 0)} attempts in a row failed."
    return "An endpoint takes no events", (
        f"{where}: {reason}\n"
        "For the money: payments go on; whoever should be told of them is not. What is owed waits.\n"
        f"First: see what it answers.\nSee: hakika endpoints ping {endpoint['id']}"
    )


def _tell_payment(data: dict[str, Any], kind: str, word: str) -> tuple[str, str]:
    receipt = f", receipt {data['receipt']}" if data.get("receipt") else ""
    why = f"\n{data['failure']['message']}" if data.get("failure") else ""
    body = f"KES {data.get('amount') or 0:,} for {data.get('reference', '')}{receipt}.{why}\nIt is {data['id']}."
    return f"{kind.capitalize()} {word}", body + (f"\nSee: hakika explain {data['id']}" if kind == "payment" else "")


def _spell(moment: str) -> str:
    """A moment of the API for people."""
    return spell(round(datetime.fromisoformat(moment).timestamp() * 1000))
