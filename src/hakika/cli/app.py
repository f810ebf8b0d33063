"""The table of commands, and what every command shares: examples first, `--json`, errors in words, exit codes.

Exit codes: 0 done; 1 refused or failed; 2 wrong usage; 3 not known yet.
"""

import functools
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, cast

import typer

from hakika.cli.voice import Failure, say_failure, say_unplanned
from hakika.domain.errors import HakikaError

FAILED, MISUSED, UNKNOWN = 1, 2, 3

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of words.")]
Server = Annotated[
    str,
    typer.Option("--server", metavar="URL", help="The server (HAKIKA_SERVER); on the same machine it is found."),
]

Command = TypeVar("Command", bound=Callable[..., Any])
EXAMPLES: dict[str, tuple[str, ...]] = {}
"""Command → its examples: for `--help` and docs/cli.md."""

app = typer.Typer(
    name="hakika",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "M-Pesa payments that reach a certain end, once.\n\n"
        "Examples:\n"
        "  hakika demo                      try everything, with no configuration\n"
        "  hakika serve                     run the server\n"
        "  hakika pay 0712345678 100 --reference A-1 --wait\n"
        "  hakika status A-1\n\n"
        "Exit codes: 0 done or paid, 1 refused or failed, 2 wrong usage, 3 not known yet."
    ),
)


def command(group: typer.Typer, name: str, *examples: str) -> Callable[[Command], Command]:
    """Register a command under its name, with its examples at the top of its help."""

    def register(function: Command) -> Command:
        assert function.__doc__, name
        summary, _, more = function.__doc__.strip().partition("\n\n")
        EXAMPLES[f"{group.info.name} {name}" if group is not app else name] = examples
        parts = [summary, "Examples:\n" + "\n".join(f"  {example}" for example in examples)]
        parts += [" ".join(paragraph.split()) for paragraph in more.split("\n\n") if paragraph.strip()]
        text = "\n\n".join(parts).replace("[", "\\[")
        return cast("Command", group.command(name, help=text)(_guard(function)))

    return register


def group_of(name: str, text: str) -> typer.Typer:
    """A group of commands."""
    group = typer.Typer(name=name, help=text, no_args_is_help=True, rich_markup_mode="rich")
    app.add_typer(group, name=name)
    return group


def _guard(function: Callable[..., Any]) -> Callable[..., Any]:
    """Say errors in words, and end with the exit code that the command answered."""

    @functools.wraps(function)
    def guarded(*arguments: Any, **options: Any) -> None:
        as_json = bool(options.get("as_json"))
        try:
            code = function(*arguments, **options)
        except Failure as failure:
            say_failure(failure, as_json=as_json)
            raise typer.Exit(failure.exit_code) from None
        except HakikaError as error:
            say_failure(Failure.of(error), as_json=as_json)
            raise typer.Exit(FAILED) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except Exception as error:
            if type(error).__module__.startswith("typer"):
                raise  # usage errors and exits are typer's own business
            say_unplanned(error, as_json=as_json)
            raise typer.Exit(FAILED) from None
        if code:
            raise typer.Exit(code)

    return guarded


def _show_version(wanted: bool) -> None:
    if wanted:
        from hakika import __version__

        typer.echo(f"hakika {__version__}")
        raise typer.Exit


@app.callback()
def hakika(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """See the help of the application."""


def main() -> None:
    """Run the command line."""
    _register()
    app(prog_name="hakika")


@functools.cache
def _register() -> None:
    # Importing a module of commands puts them into the table, in this order.
    from hakika.cli import servers, payments, explaining, doctor, finding, keys, accounts, endpoints, deliveries  # noqa: F401, I001
    from hakika.cli import messages, alerts, stats, agents, upkeep, backups  # noqa: F401


def registered() -> typer.Typer:
    """The application with all its commands."""
    _register()
    return app
