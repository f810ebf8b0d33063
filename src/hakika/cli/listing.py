"""The commands as data: for docs/cli.md and the tests."""

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import typer.main

from hakika.cli.app import EXAMPLES, registered


@dataclass(frozen=True)
class Option:
    """An option or argument."""

    names: tuple[str, ...]
    help: str
    default: str
    required: bool
    is_argument: bool


@dataclass(frozen=True)
class Listed:
    """A command."""

    name: str
    summary: str
    more: tuple[str, ...]
    examples: tuple[str, ...]
    options: tuple[Option, ...]


def list_commands() -> list[Listed]:
    """All commands, by name: the order of the help is that in which their modules happened to be imported."""
    found: list[Listed] = []
    _walk(typer.main.get_command(registered()), (), found)
    return sorted(found, key=attrgetter("name"))


def _walk(command: Any, path: tuple[str, ...], found: list[Listed]) -> None:
    for name, child in getattr(command, "commands", {}).items():
        _walk(child, (*path, name), found)
    if not hasattr(command, "commands"):
        name = " ".join(path)
        summary, _, *more = (command.help or "").replace("\\[", "[").split("\n\n")
        found.append(Listed(name, summary, tuple(more), EXAMPLES[name], tuple(map(_describe, command.params))))


def _describe(parameter: Any) -> Option:
    is_argument = parameter.param_type_name == "argument"
    names = (parameter.metavar or parameter.name.upper(),) if is_argument else tuple(parameter.opts)
    default = parameter.default
    shown = "" if default in (None, False, "", 0) or not isinstance(default, str | int | float) else str(default)
    return Option(names, parameter.help or "", shown, bool(parameter.required), is_argument)
