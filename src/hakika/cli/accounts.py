"""`hakika accounts add`, `list`, `update`, `test`."""

import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from hakika.cli.app import AsJson, Server, command, group_of
from hakika.cli.reach import reach
from hakika.cli.voice import Failure, console, say_json

group = group_of("accounts", "The shortcodes that are charged for, with their Daraja credentials.")


class Environment(StrEnum):
    """Which Daraja is asked."""

    SIMULATOR = "simulator"
    SANDBOX = "sandbox"
    PRODUCTION = "production"


Name = Annotated[str, typer.Argument(help="The account's name.")]
Key = Annotated[
    str, typer.Option("--consumer-key", envvar="MPESA_CONSUMER_KEY", show_default=False, help="Asked for if absent.")
]
Secret = Annotated[
    str,
    typer.Option("--consumer-secret", envvar="MPESA_CONSUMER_SECRET", show_default=False, help="Asked for if absent."),
]
Passkey = Annotated[
    str, typer.Option("--passkey", envvar="MPESA_PASSKEY", show_default=False, help="Asked for if absent.")
]
Limit = Annotated[float | None, typer.Option("--calls-per-minute", help="The budget of Daraja calls.", min=0.1)]
QueryLimit = Annotated[float | None, typer.Option("--queries-per-minute", help="The limit on queries in it.", min=0.1)]


@command(
    group,
    "add",
    "hakika accounts add westlands --shortcode 174379",
    "hakika accounts add till --shortcode 600610 --till 5600610 --environment production",
)
def add(
    name: Name,
    shortcode: Annotated[str, typer.Option("--shortcode", help="The PayBill, or a till's store number.")],
    till: Annotated[str, typer.Option("--till", help="The till number, for Buy Goods.")] = "",
    environment: Annotated[Environment, typer.Option("--environment")] = Environment.SANDBOX,
    consumer_key: Key = "",
    consumer_secret: Secret = "",
    passkey: Passkey = "",
    calls_per_minute: Limit = None,
    queries_per_minute: QueryLimit = None,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Add an account. Its credentials are encrypted and never shown again.

    Credentials that no option and no environment variable gives are asked for, without an echo.
    """
    body: dict[str, Any] = {"name": name, "shortcode": shortcode, "till": till, "environment": environment.value}
    body |= _limits(calls_per_minute, queries_per_minute)
    body |= _ask_secrets(consumer_key, consumer_secret, passkey)
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
    "hakika accounts update westlands",
    "hakika accounts update westlands --environment production --shortcode 600000",
)
def update(
    name: Name,
    shortcode: Annotated[str, typer.Option("--shortcode", help="As before if absent.")] = "",
    till: Annotated[str | None, typer.Option("--till", help='As before if absent; "" for none.')] = None,
    environment: Annotated[Environment | None, typer.Option("--environment", help="As before if absent.")] = None,
    consumer_key: Key = "",
    consumer_secret: Secret = "",
    passkey: Passkey = "",
    calls_per_minute: Limit = None,
    queries_per_minute: QueryLimit = None,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Change an account. Its credentials are given anew: those that are stored are never read out again."""
    place = reach(server)
    known = _find(place.list_accounts(), name)
    body: dict[str, Any] = {
        "name": known["name"],
        "shortcode": shortcode or known["shortcode"],
        "till": (known["till"] or "") if till is None else till,
        "environment": environment.value if environment else known["environment"],
        "calls_per_minute": known["calls_per_minute"],
        "queries_per_minute": known["queries_per_minute"],
    }
    body |= _limits(calls_per_minute, queries_per_minute)
    body |= _ask_secrets(consumer_key, consumer_secret, passkey)
    return _print(place.change_account(name, body), "changed", as_json=as_json)


@command(group, "test", "hakika accounts test default", "hakika accounts test westlands --json")
def try_account(name: Name, as_json: AsJson = False) -> int:
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


def _limits(calls: float | None, queries: float | None) -> dict[str, float]:
    given = {"calls_per_minute": calls, "queries_per_minute": queries}
    return {name: value for name, value in given.items() if value is not None}


def _ask_secrets(consumer_key: str, consumer_secret: str, passkey: str) -> dict[str, str]:
    """What is absent is asked for, without an echo. Raises Failure where nobody can be asked."""
    secrets = {"consumer_key": consumer_key, "consumer_secret": consumer_secret, "passkey": passkey}
    for name, value in secrets.items():
        if not value:
            option = name.replace("_", "-")
            if not sys.stdin.isatty():
                raise Failure(
                    "A credential is missing",
                    f"There is no --{option}, and nobody to ask.",
                    cure=f"Give --{option}, or set MPESA_{name.upper()}.",
                    code="missing_credential",
                    exit_code=2,
                )
            secrets[name] = typer.prompt(option.replace("-", " ").capitalize(), hide_input=True)
    return secrets


def _find(accounts: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for account in accounts:
        if name in {account["name"], account["id"]}:
            return account
    names = ", ".join(account["name"] for account in accounts) or "none"
    raise Failure(
        "Nothing under that name", f"There is no account {name!r}; there are: {names}.", cure="Use one of these."
    )


def _print(account: dict[str, Any], done: str, *, as_json: bool) -> int:
    if as_json:
        say_json(account)
    else:
        number = f"till {account['till']}" if account["till"] else f"PayBill {account['shortcode']}"
        out = console()
        out.print(f"{account['name']} is {done}: {number}, {account['environment']} ({account['id']}).")
        out.print(f"Try its credentials: hakika accounts test {account['name']}", style="dim")
    return 0
