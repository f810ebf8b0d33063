"""How answers and errors are said: to people in words, with `--json` as one document on standard output."""

import functools
import json
import re
import sys
import traceback
from typing import TYPE_CHECKING, Any

import typer

from hakika.domain.errors import HakikaError, SettingError, StoreUnavailable

if TYPE_CHECKING:
    from rich.console import Console

UNWRAPPED_WIDTH = 240  # into a pipe nothing is cut
DATABASE_CURE = "Check that DATABASE_URL names the right database, that it runs, and that this user may write it."
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""What a terminal obeys instead of showing, or shows as nothing. Line feeds and tabs are left."""


def plain(text: str) -> str:
    """The text with what a terminal would obey made visible: much of what is printed came from strangers."""
    return _UNSAFE.sub(lambda found: _spell(found[0]), text)


def _spell(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class Failure(Exception):
    """A command that could not do what it was asked: what happened, what it means for the money, what to do."""

    def __init__(
        self,
        title: str,
        detail: str,
        *,
        money: str = "None moved by this command.",
        cure: str = "",
        code: str = "failed",
        exit_code: int = 1,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.title, self.detail, self.money, self.cure = title, detail, money, cure
        self.code, self.exit_code, self.extra = code, exit_code, extra or {}

    @classmethod
    def of(cls, error: HakikaError) -> "Failure":
        """The same, of an error of ours."""
        if isinstance(error, SettingError):
            broken = f"{error.setting}: {error.rule}"
            return cls(error.title, broken, money=error.money, cure=error.remedy, code=error.code, extra=error.extra)
        if isinstance(error, StoreUnavailable):  # of this machine: a server's own comes as a problem document
            return cls(error.title, error.detail, cure=DATABASE_CURE, code=error.code)
        return cls(
            error.title,
            error.detail,
            money=error.money,
            cure=error.cure,
            code=error.code,
            extra={name: value for name, value in error.extra.items() if name not in _TOLD},
        )

    @classmethod
    def of_problem(cls, problem: dict[str, Any]) -> "Failure":
        """The same, of a problem document that the server answered."""
        extra = {name: value for name, value in problem.items() if name not in _TOLD}
        return cls(
            str(problem.get("title", "The server refused")),
            str(problem.get("detail", "")),
            money=str(problem.get("money", "Unknown: read the payment.")),
            cure=str(problem.get("cure", "")),
            code=str(problem.get("code", "failed")),
            extra=extra,
        )


_TOLD = frozenset({"title", "detail", "money", "cure", "code", "type", "status", "exit_code"})


def console(*, error: bool = False) -> "Console":
    """Where people read."""
    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else UNWRAPPED_WIDTH
    console: Console = _plain_console()(file=stream, highlight=False, width=width, emoji=False)
    return console


@functools.cache
def _plain_console() -> Any:
    """Rich's console, which prints no control character but its own: whatever a command prints goes through here."""
    from rich.console import Console
    from rich.segment import Segment

    class PlainConsole(Console):
        def render(self, *arguments: Any, **options: Any) -> Any:
            """See Console.render."""
            for segment in super().render(*arguments, **options):
                if segment.control or not _UNSAFE.search(segment.text):
                    yield segment
                else:
                    yield Segment(plain(segment.text), segment.style)

    return PlainConsole


def say_json(document: Any) -> None:
    """Print a document."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    typer.echo(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))  # which JSON may always do


def say_failure(failure: Failure, *, as_json: bool) -> None:
    """Say what happened, what it means for the money and what to do."""
    if as_json:
        said = {"code": failure.code, "title": failure.title, "detail": failure.detail}
        say_json({"object": "error", **said, "money": failure.money, "cure": failure.cure, **failure.extra})
        return
    from rich.table import Table
    from rich.text import Text

    out = console(error=True)
    out.print(Text.assemble(("✗ ", "bold red"), (plain(failure.title), "bold"), (f"  {failure.code}", "dim")))
    table = Table.grid(padding=(0, 2))
    rows = (("what happened", failure.detail), ("the money", failure.money), ("what to do", failure.cure))
    for name, text in rows:
        if text:
            table.add_row(Text(f"  {name}", "dim"), Text(plain(text)))
    out.print(table)


def say_unplanned(error: Exception, *, as_json: bool) -> None:
    """Say that something broke which nobody planned for: where, in one line, instead of a traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    failure = Failure(
        "Something broke inside Hakika",
        f"{type(error).__name__}: {error}{place}",
        money="Unknown from this alone: read the payment before you do anything else.",
        cure="If it repeats, report this line.",
        code="internal",
    )
    say_failure(failure, as_json=as_json)
