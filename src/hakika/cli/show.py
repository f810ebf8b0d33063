"""Payments and timelines, for people."""

from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from hakika.cli.voice import plain

COLOURS = {
    "pending": "yellow",
    "completed": "green",
    "mispaid": "magenta",
    "unresolved": "magenta",
    "reversed": "magenta",
}
EXIT_CODES = {"completed": 0, "pending": 3, "unresolved": 3}


def exit_code_of(payment: dict[str, Any]) -> int:
    """0 paid, 3 not known yet, 1 anything else."""
    return EXIT_CODES.get(payment["status"], 1)


def say_outcome(payment: dict[str, Any]) -> str:
    """What became of a payment, in a sentence."""
    asked, got, failure = payment["amount"], payment["amount_received"], payment["failure"] or {}
    match payment["status"]:
        case "completed":
            receipt = f"receipt {payment['receipt']}" if payment["receipt"] else "its receipt is still to come"
            return f"Paid: KES {got} from {payment['phone']}, {receipt} (confirmed by {payment['confirmed_by']})."
        case "mispaid":
            return f"Money arrived, but not the money asked for: KES {got} instead of KES {asked}."
        case "reversed":
            return f"It was paid and went back: KES {got}."
        case "unresolved":
            return "Nobody could say what became of it. Look at the M-Pesa statement, then `hakika resolve`."
        case "pending":
            return f"Not known yet: it is {payment['stage']}. Silence is no failure; it is being found out."
        case status:
            return f"Not paid ({status}): {failure.get('message', '')}".rstrip()


def tabulate_payment(payment: dict[str, Any]) -> Table:
    """What there is to know of a payment."""
    table = Table.grid(padding=(0, 2))
    status = payment["status"] + (f", {payment['stage']}" if payment["stage"] else "")
    table.add_row(Text("payment", "dim"), Text(payment["id"], "bold"))
    table.add_row(Text("status", "dim"), Text(status, f"bold {COLOURS.get(payment['status'], 'red')}"))
    table.add_row("", Text(plain(say_outcome(payment))))
    failure = payment["failure"] or {}
    rows = {
        "what to do": failure.get("advice"),
        "amount": f"KES {payment['amount']}",
        "phone": payment["phone"],
        "reference": payment["reference"],
        "receipt": payment["receipt"],
        "result code": failure.get("code") or payment["result_code"],
        "confirmed by": payment["confirmed_by"],
        "flags": ", ".join(payment["flags"]),
        "frozen": payment["frozen"],
        "checkout id": payment["checkout_request_id"],
        "created": _local(payment["created_at"]),
        "prompted": _local(payment["prompted_at"]),
        "ended": _local(payment["final_at"]),
        "queries": str(payment["queries"]) if payment["queries"] else None,
        "mode": payment["mode"],
    }
    for name, value in rows.items():
        if value:
            table.add_row(Text(name, "dim"), Text(plain(str(value))))
    return table


def tabulate_timeline(entries: list[dict[str, Any]]) -> Table:
    """All that is known of a payment, in order."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("at", "what", "who said it", "in words"):
        table.add_column(heading, no_wrap=heading != "in words")
    for entry in entries:
        event = entry["object"] == "event"
        copies = f" ×{entry['copies']}" if entry.get("copies", 1) > 1 else ""
        table.add_row(
            entry["at"][11:23],
            Text(("● " if event else "  ") + plain(entry["kind"]) + copies, "bold" if event else ""),
            Text(plain(entry.get("source", ""))),
            Text(plain(_describe(entry))),
        )
    return table


def tabulate(rows: list[dict[str, Any]], *columns: str) -> Table:
    """Rows, with these of their fields as columns."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column.replace("_", " "))
    for row in rows:
        table.add_row(*(Text("" if row.get(column) is None else plain(str(row[column]))) for column in columns))
    return table


def _describe(entry: dict[str, Any]) -> str:
    if entry["object"] == "event":
        payment = entry.get("payment") or {}
        return f"#{entry['number']} {payment.get('status', '')} {payment.get('receipt') or ''}".rstrip()
    reading = {name: value for name, value in (entry.get("reading") or {}).items() if name != "at" and value != ""}
    return " ".join(f"{name}={value}" for name, value in reading.items())


def _local(at: str | None) -> str | None:
    """The time where the reader is."""
    if not at:
        return None
    return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
