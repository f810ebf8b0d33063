"""`hakika explain`: what happened to a payment, or what an error of M-Pesa's means, with the cure."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hakika.cli.app import AsJson, Server, app, command
from hakika.cli.payments import pick
from hakika.cli.reach import reach
from hakika.cli.voice import Failure, console, plain, say_json
from hakika.domain.errors import HakikaError

if TYPE_CHECKING:
    from rich.table import Table

WORDS = {"happened": "what happened", "why": "why", "money": "the money", "cure": "what to do"}


@command(
    app,
    "explain",
    "hakika explain order-1042",
    "hakika explain NLJ7RT61SV --json",
    'hakika explain "Invalid Access Token"',
    "hakika explain 1037",
)
def explain(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="A payment's id, reference, CheckoutRequestID or receipt; or an error's words or code."
        ),
    ],
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Say in words what happened to a payment, what it means for the money, and what to do.

    It names the doctor's checks that look into the cause. Given an error message or a code instead, it says what such
    an error comes from; that needs neither server nor database.
    """
    try:
        place = reach(server)
        payment, others = pick(place, name)
    except (Failure, HakikaError):
        known = _recognise(name)
        if not known:
            raise
        _show_known(known, as_json=as_json)
        return 0
    explanation = place.explain(payment["id"])
    if as_json:
        say_json(explanation | ({"others": others} if others else {}))
        return 0
    from hakika.cli.show import tabulate_payment

    out = console()
    out.print(tabulate_payment(payment))
    out.print("")
    show_explanation(explanation)
    if others:
        out.print(f"\nOlder under that name: {', '.join(others)}")
    return 0


def show_explanation(explanation: dict[str, Any]) -> None:
    """Print an explanation, and what stands beside it."""
    out = console()
    out.print(_tabulate(explanation))
    for remark in explanation["also"]:
        out.print("")
        out.print(_tabulate(remark, mark="also: "))


def _tabulate(told: dict[str, Any], mark: str = "") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_row(Text(mark.strip(), "dim"), Text(plain(told["title"]), "bold"))
    for field, heading in WORDS.items():
        if told.get(field):
            table.add_row(Text(heading, "dim"), Text(plain(told[field])))
    if told["checks"]:
        table.add_row(Text("look with", "dim"), Text(f"hakika doctor {' '.join(told['checks'])}"))
    table.add_row(Text("more", "dim"), Text(told["docs"]))
    return table


def _recognise(words: str) -> list[dict[str, Any]]:
    """What is known of an error, by its words or its code."""
    from hakika.daraja.codes import ALL_CODES
    from hakika.engine.explaining.causes import link_to, recognise

    advice = next((known.advice for code, known in ALL_CODES.items() if code.lower() == words.strip().lower()), "")
    return [
        {
            "cause": cause.name,
            "title": cause.title,
            "shown": cause.shown,
            "why": cause.why,
            "money": cause.money,
            "cure": cause.cure or advice,
            "checks": list(cause.checks),
            "docs": link_to(cause),
        }
        for cause in recognise(words)
    ]


def _show_known(known: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        say_json({"object": "list", "data": known})
        return
    out = console()
    for number, told in enumerate(known):
        if number:
            out.print("")
        out.print(_tabulate({**told, "happened": told["shown"]}))
