"""`hakika pay`, `status`, `query`, `resolve`, `cancel`."""

import getpass
import uuid
from enum import StrEnum
from typing import Annotated, Any

import typer

from hakika.cli.app import UNKNOWN, AsJson, Server, app, command
from hakika.cli.reach import Place, reach, reach_server
from hakika.cli.voice import Failure, console, say_json

Name = Annotated[str, typer.Argument(metavar="ID", help="Its id, reference, CheckoutRequestID or receipt.")]


class Outcome(StrEnum):
    """What an operator may say."""

    COMPLETED = "completed"
    FAILED = "failed"
    REVERSED = "reversed"


@command(
    app,
    "pay",
    "hakika pay 0712345678 100 --reference order-1042 --wait",
    "hakika pay +254712345678 100 --reference order-1042 --json",
    "hakika pay 0712345678 100 --reference order-1042 --allow-repeat",
)
def pay(
    phone: Annotated[str, typer.Argument(help="07…, 01…, 254… or +254….")],
    amount: Annotated[int, typer.Argument(help="Whole shillings.")],
    reference: Annotated[str, typer.Option("--reference", "-r", help="Yours. It is charged once.")],
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Follow it until it has ended.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds to follow it for.", min=1)] = 180,
    description: Annotated[str, typer.Option("--description", help="Shown to the payer.")] = "",
    account: Annotated[str, typer.Option("--account", help="The account that is paid.")] = "",
    allow_repeat: Annotated[
        bool, typer.Option("--allow-repeat", help="Charge the reference although it is charged.")
    ] = False,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Ask a phone for money.

    It needs a running server. If no answer comes it asks again by itself, with one idempotency key: the phone is
    prompted once. With --wait the exit code is 0 when it was paid, 1 when not, 3 when that is not known yet.
    """
    remote = reach_server(server)
    body: dict[str, Any] = {"phone": phone, "amount": amount, "reference": reference, "allow_repeat": allow_repeat}
    body |= {name: value for name, value in (("description", description), ("account", account)) if value}
    payment = remote.request(body, f"cli-{uuid.uuid4()}")
    if not wait:
        return _print(payment, as_json=as_json, code=0)
    from hakika.cli.progress import follow

    try:
        payment = follow(remote, payment, timeout, quiet=as_json)
    except KeyboardInterrupt:
        typer.echo(f"The payment goes on without you: hakika status {payment['id']}", err=True)
        return UNKNOWN
    return _print(payment, as_json=as_json)


@command(
    app,
    "status",
    "hakika status order-1042",
    "hakika status NLJ7RT61SV --timeline",
    "hakika status ws_CO_191220191020363925 --json",
)
def status(
    name: Name,
    timeline: Annotated[bool, typer.Option("--timeline", "-t", help="All evidence and events, in order.")] = False,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Say what became of a payment.

    The exit code is 0 when it was paid, 1 when not, 3 when that is not known yet. Of several payments under one
    reference the newest is shown and the others are named.
    """
    place = reach(server)
    payment, others = pick(place, name)
    entries = place.tell(payment["id"]) if timeline else None
    if as_json:
        extra: dict[str, Any] = {"others": others} if others else {}
        if entries is not None:
            extra |= {"timeline": entries, "explanation": place.explain(payment["id"])}
        return _print({**payment, **extra}, as_json=True)
    code = _print(payment, as_json=False)
    out = console()
    if entries is not None:
        from hakika.cli.explaining import show_explanation
        from hakika.cli.show import tabulate_timeline

        out.print("")
        out.print(tabulate_timeline(entries))
        out.print("")
        show_explanation(place.explain(payment["id"]))
    if others:
        out.print(f"\nOlder under that name: {', '.join(others)}")
    return code


@command(app, "query", "hakika query order-1042", "hakika query pay_01m2x5h9q0d2n8r4t6v8y0a2c4 --json")
def query(name: Name, server: Server = "", as_json: AsJson = False) -> int:
    """Ask Daraja now what became of a payment.

    Seldom needed: a payment is queried by itself when its callback is overdue.
    """
    place = reach(server)
    return _print(place.query(pick(place, name)[0]["id"]), as_json=as_json)


@command(
    app,
    "resolve",
    'hakika resolve order-1042 completed --receipt NLJ7RT61SV --reason "On the statement"',
    'hakika resolve order-1042 failed --reason "Not on the statement of that day"',
    'hakika resolve order-1042 reversed --reason "Refunded on the M-Pesa portal"',
)
def resolve(
    name: Name,
    outcome: Annotated[Outcome, typer.Argument(help="What a person found out.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept.")],
    receipt: Annotated[str, typer.Option("--receipt", help="M-Pesa's receipt; needed for `completed`.")] = "",
    operator: Annotated[str, typer.Option("--operator", help="Who says it; your user name by itself.")] = "",
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Say what a person found out about a payment.

    For payments that are unresolved or mispaid, and for refunds made elsewhere. It is kept as evidence, with who
    said it.
    """
    place = reach(server)
    payment = _only(place, name)
    who = operator or getpass.getuser()
    return _print(place.resolve(payment["id"], outcome.value, receipt, reason, who), as_json=as_json, code=0)


@command(app, "cancel", "hakika cancel order-1042", 'hakika cancel order-1042 --reason "The customer left"')
def cancel(
    name: Name,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept.")] = "",
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Call a payment off before its prompt is sent.

    Later M-Pesa has no recall, and the answer says so.
    """
    place = reach(server)
    return _print(place.cancel(_only(place, name)["id"], reason), as_json=as_json, code=0)


def pick(place: Place, name: str) -> tuple[dict[str, Any], list[str]]:
    """The newest payment of that name, and the ids of the others."""
    found = place.find(name)
    if not found:
        raise Failure(
            "Nothing under that name",
            f"No payment has the id, reference, CheckoutRequestID or receipt {name!r}.",
            money="This says nothing about money.",
            cure="Check the name, and that you ask the right server and database.",
            code="not_found",
        )
    return found[0], [payment["id"] for payment in found[1:]]


def _only(place: Place, name: str) -> dict[str, Any]:
    """The one payment of that name: what is decided must not meet another one."""
    payment, others = pick(place, name)
    if others:
        raise Failure(
            "Several payments have that name",
            f"{name!r} is {', '.join([payment['id'], *others])}.",
            cure="Say which, by its id.",
            code="ambiguous",
        )
    return payment


def _print(payment: dict[str, Any], *, as_json: bool, code: int | None = None) -> int:
    from hakika.cli.show import exit_code_of, tabulate_payment

    if as_json:
        say_json(payment)
    else:
        console().print(tabulate_payment(payment))
    return exit_code_of(payment) if code is None else code
