"""The scenarios' results: a table that fills while they are played, for people, or JSON, for programs."""

import sys
from collections.abc import Sequence
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hakika.demo.scenarios.result import Result
from hakika.demo.scenarios.scene import Scenario

PLAYING = "…"
WIDTH_IN_FILES = 100


class Board:
    """The table on the terminal."""

    def __init__(self, scenarios: Sequence[Scenario], title: str, *, silent: bool) -> None:
        """`silent`: nothing is drawn."""
        self._rows: dict[str, Result | None] = {scenario.slug: None for scenario in scenarios}
        self._titles = {scenario.slug: (scenario.title, scenario.expected) for scenario in scenarios}
        self._playing: set[str] = set()
        self._title = title
        self._live = Live(
            console=Console(quiet=silent, width=None if sys.stdout.isatty() else WIDTH_IN_FILES),
            get_renderable=self.draw,
            refresh_per_second=4,
        )

    def __enter__(self) -> "Board":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def begin(self, slug: str) -> None:
        """Show that a row is being played."""
        self._playing.add(slug)

    def end(self, result: Result) -> None:
        """Show a row's result."""
        self._titles.setdefault(result.slug, (result.title, result.expected))
        self._rows[result.slug] = result

    def draw(self) -> Table:
        """Draw the table as it is now."""
        table = Table(title=self._title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
        table.add_column("Scenario", overflow="fold")
        for name in ("Expected", "Got", "Confirmed\nby"):
            table.add_column(name, min_width=max(len(line) for line in name.split("\n")))
        for name in ("Seconds to\ncertainty", "Queries"):
            table.add_column(name, justify="right", no_wrap=True)
        for slug, result in self._rows.items():
            title, expected = self._titles[slug]
            if result is None:
                table.add_row(title, expected, PLAYING if slug in self._playing else "", style="dim")
                continue
            table.add_row(title, expected, _got(result), result.confirmed_by, *_numbers(result))
        return table


def _got(result: Result) -> Text:
    text = Text(result.got, style="green" if result.held else "bold red")
    for flag in result.flags:
        text.append(f"\n+ {flag}", style="dim")
    for sentence in result.broken:
        text.append(f"\n✗ {sentence}", style="red")
    return text


def _numbers(result: Result) -> tuple[str, str]:
    after = "" if result.certain_after_s is None else f"{result.certain_after_s:.1f}"
    return after, "" if result.queries is None else str(result.queries)


def write_json(results: Sequence[Result], speed: float, wall_s: float) -> str:
    """Write the results for programs."""
    rows: list[dict[str, Any]] = [msgspec.to_builtins(result) | {"held": result.held} for result in results]
    held = all(result.held for result in results)
    document = {"held": held, "speed": speed, "wall_s": round(wall_s, 1), "rows": rows}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
