"""`hakika accounts add`, `list`, `update`, `activate`, `deactivate`, `test`."""

import os
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from hakika.cli.app import AsJson, Server, command, group_of
from hakika.cli.reach import reach
from hakika.cli.voice import Failure, console, say_json

group = group_of("accounts", "The shortcodes that are charged for, with their Daraja credentials.")
SECRETS = ("consumer_key", "consumer_secret", "passkey")


class Environment(StrEnum):
    """Which Daraja is asked."""

    SIMULATOR = "simulator"
    SANDBOX = "sandbox"
    PRODUCTION = "production"


Name = Annotated[str, typer.Argument(help="The account's name.")]
NameOrId = Annotated[str, typer.Argument(metavar="NAME", help="The account's name or id.")]
Till = Annotated[str | None, typer.Option("--till", help='The till number, for Buy Goods; "" for none.')]
Key = Annotated[str | None, typer.Option("--consumer-key", help="The Daraja app's consumer key.")]
Secret = Annotated[str | None, typer.Option("--consumer-secret", help="The Daraja app's consumer secret.")]
Passkey = Annotated[str | None, typer.Option("--passkey", help="The shortcode's passkey.")]
Limit = Annotated[float | None, typer.Option("--calls-per-minute", help="The budget of Daraja calls.", min=0.1)]
QueryLimit = Annotated[float | None, typer.Option("--queries-per-minute", help="The limit on queries in it.", min=0.1)]

DisplayName = Annotated[str | None, typer.Option("--display-name", help="What payers read on the checkout page.")]
ReturnHosts = Annotated[
    list[str] | None, typer.Option("--return-host", help="A host to which a checkout may send payers; repeatable.")
]


@command(
    group,
    "add",
    "hakika accounts add westlands --shortcode 174379",
    "hakika accounts add till --shortcode 600610 --till 5600610 --environment production",
)
def add(
    name: Name,
    shortcode: Annotated[str, typer.Option("--shortcode", help="The PayBill, or a till's store number.")],
    till: Till = None,
    environment: Annotated[Environment, typer.Option("--environment")] = Environment.SANDBOX,
    consumer_key: Key = None,
    consumer_secret: Secret = None,
    passkey: Passkey = None,
    calls_per_minute: Limit = None,
    queries_per_minute: QueryLimit = None,
    display_name: DisplayName = None,
    return_host: ReturnHosts = None,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Add an account. Its credentials are encrypted and never shown again.

    Credentials that no option gives are taken from MPESA_CONSUMER_KEY, MPESA_CONSUMER_SECRET and MPESA_PASSKEY in the
    environment, else asked for, without an echo.
    """
    given = _only_given(
        shortcode=shortcode,
        till=till,
        consumer_key=consumer_key,
        consumer_secret=consumer_secret,
        passkey=passkey,
        calls_per_minute=calls_per_minute,
        queries_per_minute=queries_per_minute,
        display_name=display_name,
        return_hosts=return_host or None,
    )
    secrets = {field: given.get(field) or os.environ.get(f"MPESA_{field.upper()}") or _ask(field) for field in SECRETS}
    body = {"name": name, "environment": environment.value, **given, **secrets}
    return _print(reach(server).add_account(body), "added", as_json=as_json)


@command(group, "list", "hakika accounts list", "hakika accounts list --json")
def list_accounts(server: Server = "", as_json: AsJson = False) -> int:
    """List the accounts, without their credentials."""
    accounts = reach(server).list_accounts()
    if as_json:
        say_json({"object": "list", "data": accounts})
        return 0
    from hakika.cli.show import tabulate

    columns = ("name", "environment", "shortcode", "till", "calls_per_minute", "queries_per_minute", "active", "id")
    console().print(tabulate(accounts, *columns))
    return 0


@command(
    group,
    "update",
    "hakika accounts update westlands --calls-per-minute 300",
    "hakika accounts update westlands --shortcode 600000 --ask-credentials",
)
def update(
    name: NameOrId,
    new_name: Annotated[str | None, typer.Option("--name", help="What it is to be called.")] = None,
    shortcode: Annotated[str | None, typer.Option("--shortcode", help="The PayBill, or a till's store number.")] = None,
    till: Till = None,
    environment: Annotated[
        Environment | None, typer.Option("--environment", help="Only the one that it has: it never changes.")
    ] = None,
    consumer_key: Key = None,
    consumer_secret: Secret = None,
    passkey: Passkey = None,
    ask_credentials: Annotated[
        bool, typer.Option("--ask-credentials", help="Ask for the credentials that no option gives, without an echo.")
    ] = False,
    calls_per_minute: Limit = None,
    queries_per_minute: QueryLimit = None,
    display_name: DisplayName = None,
    return_host: ReturnHosts = None,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Change what is given of an account; the rest stays as it is, credentials too.

    Another environment is another account: add one.
    """
    given = _only_given(
        name=new_name,
        shortcode=shortcode,
        till=till,
        environment=environment.value if environment else None,
        consumer_key=consumer_key,
        consumer_secret=consumer_secret,
        passkey=passkey,
        calls_per_minute=calls_per_minute,
        queries_per_minute=queries_per_minute,
        display_name=display_name,
        return_hosts=return_host or None,
    )
    given |= {field: _ask(field) for field in SECRETS if ask_credentials and field not in given}
    return _print(reach(server).amend_account(name, _some(given)), "changed", as_json=as_json)


@command(group, "deactivate", "hakika accounts deactivate westlands")
def deactivate(name: NameOrId, server: Server = "", as_json: AsJson = False) -> int:
    """Put an account out of use: it takes no new payments.

    What was not sent yet ends without money. What was sent is followed to its end, and its callbacks still count.
    """
    return _print(reach(server).amend_account(name, {"active": False}), "out of use", as_json=as_json)


@command(group, "activate", "hakika accounts activate westlands")
def activate(name: NameOrId, server: Server = "", as_json: AsJson = False) -> int:
    """Put an account into use again."""
    return _print(reach(server).amend_account(name, {"active": True}), "in use", as_json=as_json)


@command(group, "test", "hakika accounts test default", "hakika accounts test westlands --json")
def try_account(name: NameOrId, as_json: AsJson = False) -> int:
    """Fetch an access token from Daraja with an account's credentials, on the server's machine.

    It proves consumer key and secret, and the way to Daraja. It cannot prove the passkey, the shortcode, nor that the
    app may push: only a payment does, `hakika pay YOUR_PHONE 1 --reference test --wait`.
    """
    from hakika.cli.credentials import fetch_token

    proven = fetch_token(name)
    said = {
        "object": "account_test",
        **proven,
        "proves": "consumer key and secret are right for this environment, and Daraja can be reached",
        "does_not_prove": "the passkey, the shortcode, or that the app may push: only a payment does",
    }
    if as_json:
        say_json(said)
        return 0
    out = console()
    out.print(f"[bold green]✓[/] {said['host']} gave {name} an access token, in {said['took_ms']} ms.")
    out.print(f"  It proves that {said['proves']}.")
    out.print(f"  It does not prove {said['does_not_prove']}:")
    out.print("  hakika pay YOUR_PHONE 1 --reference test-1 --wait")
    return 0


def _some(given: dict[str, Any]) -> dict[str, Any]:
    """What is given. Raises Failure where nothing is."""
    if not given:
        raise Failure(
            "Nothing to change", "No option says what is to change.", cure="See --help.", code="misused", exit_code=2
        )
    return given


def _only_given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _ask(secret: str) -> str:
    """Ask for a credential, without an echo. Raises Failure where nobody can be asked."""
    option = secret.replace("_", "-")
    if not sys.stdin.isatty():
        raise Failure(
            "A credential is missing",
            f"There is no --{option}, and nobody to ask.",
            cure=f"Give --{option}, or set MPESA_{secret.upper()}.",
            code="missing_credential",
            exit_code=2,
        )
    return str(typer.prompt(option.replace("-", " ").capitalize(), hide_input=True))


def _print(account: dict[str, Any], done: str, *, as_json: bool) -> int:
    if as_json:
        say_json(account)
    else:
        number = f"till {account['till']}" if account["till"] else f"PayBill {account['shortcode']}"
        out = console()
        out.print(f"{account['name']} is {done}: {number}, {account['environment']} ({account['id']}).")
        if account["active"]:
            out.print(f"Try its credentials: hakika accounts test {account['name']}", style="dim")
    return 0
