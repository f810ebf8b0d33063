"""Every command that a cure, an alert, an error or a page tells somebody to run is there, with its options."""

import re
from collections.abc import Iterator
from pathlib import Path

from hakika.cli.listing import Listed, list_commands

ROOT = Path(__file__).parents[2]
PLACES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/hakika/**/*.py")])
GROUPS = {listed.name.split()[0] for listed in list_commands() if " " in listed.name}
COMMANDS = {listed.name: listed for listed in list_commands()}


def find_told(text: str) -> Iterator[list[str]]:
    """The words of each command in backticks, without `hakika` itself."""
    for told in re.findall(r"`hakika ([a-z][^`\n]*)`", text):
        yield told.split()


def find_fault(words: list[str]) -> str:
    """What is wrong with a command; `""` where somebody could run it."""
    group = words[0] in GROUPS
    known = COMMANDS.get(" ".join(words[: 1 + group]))
    if known is None:
        return "" if group and len(words) == 1 else "no such command"
    return next((word for word in words if word.startswith("--") and not has_option(known, word.partition("=")[0])), "")


def has_option(known: Listed, option: str) -> bool:
    """Whether the command has it."""
    return any(option in given.names for given in known.options)


def test_each_command_that_is_told_is_there() -> None:
    """Whoever is in trouble and types what stands there is not told that there is no such command."""
    faults = {
        (str(place.relative_to(ROOT)), " ".join(words)): fault
        for place in PLACES
        for words in find_told(place.read_text(encoding="utf-8"))
        if (fault := find_fault(words))
    }
    assert faults == {}
