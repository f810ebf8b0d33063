"""`hakika payments`: those that a person looks for, or should look at."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from hakika.cli.app import AsJson, Server, app, command
from hakika.cli.reach import reach
from hakika.cli.voice import console, say_json
from hakika.domain.status import Status

COLUMNS = ("id", "created", "status", "KES", "phone", "reference", "receipt", "result_code", "flags", "frozen")


class ConfirmedBy(StrEnum):
    """Who may have the last word."""

    CALLBACK = "callback"
    QUERY = "query"
    PAYBILL = "paybill"
    OPERATOR = "operator"
    PUSH = "push"
    HAKIKA = "hakika"


WithStatus = Annotated[Status | None, typer.Option("--status", help="Only with this status.")]
WithFlags = Annotated[list[str] | None, typer.Option("--flag", help="Only with this flag; several: with all of them.")]
Late = Annotated[bool, typer.Option("--late", help="Only what was paid after we had said that it was not.")]
Frozen = Annotated[bool, typer.Option("--frozen", help="Only what broke an invariant.")]
WithCode = Annotated[str | None, typer.Option("--result-code", help="Only with this code.")]
WithVoice = Annotated[ConfirmedBy | None, typer.Option("--confirmed-by", help="Only what this source confirmed.")]
OfPhone = Annotated[str | None, typer.Option("--phone", help="Only of this phone.")]
OfAccount = Annotated[str | None, typer.Option("--account", help="Only of this account.")]
Limit = Annotated[int, typer.Option("--limit", help="How many, newest first.", min=1, max=100)]


@command(
    app,
    "payments",
    "hakika payments --status unresolved",
    "hakika payments --flag paid_twice",
    "hakika payments --frozen --json",
)
def list_payments(
    status: WithStatus = None,
    flag: WithFlags = None,
    late: Late = False,
    frozen: Frozen = False,
    result_code: WithCode = None,
    confirmed_by: WithVoice = None,
    phone: OfPhone = None,
    account: OfAccount = None,
    limit: Limit = 20,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """List payments, newest first: those that a person should look at, say.

    Flags are explained in docs/payment.md; `contradicted`, `paid_twice` and `receipts_disputed` wait for a person.
    """
    given = {
        "status": status and status.value,
        "flags": flag,
        "late": late or None,
        "frozen": frozen or None,
        "result_code": result_code,
        "confirmed_by": confirmed_by and confirmed_by.value,
        "phone": phone,
        "account": account,
    }
    wanted = {name: value for name, value in given.items() if value}
    found, more = reach(server).list_payments({**wanted, "limit": limit})
    if as_json:
        say_json({"object": "list", "data": found, "has_more": more})
    else:
        _print(found, more=more)
    return 0


def _print(found: list[dict[str, Any]], *, more: bool) -> None:
    from hakika.cli.show import tabulate

    out = console()
    if not found:
        out.print("No payment is like that.")
        return
    shown = [
        {
            **payment,
            "KES": payment["amount"],
            "flags": ", ".join(payment["flags"]),
            "created": payment["created_at"][:19],
        }
        for payment in found
    ]
    out.print(tabulate(shown, *COLUMNS))
    if more:
        out.print("There are more: ask for them with --limit, or narrow it down.", style="dim")
