"""An examination in the terminal: a table that fills while checks end, readable at 60 columns as at 120."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from hakika.cli.voice import plain

MARKS = {
    "ok": ("✓", "green"),
    "warning": ("!", "yellow"),
    "failed": ("✗", "bold red"),
    "unknown": ("?", "cyan"),
    "skipped": ("–", "dim"),
}
TICKS = {"done": ("✓", "green"), "open": ("✗", "bold red"), "yours": ("☐", "yellow"), "unknown": ("?", "cyan")}
AREAS = {
    "settings": "Settings",
    "daraja": "Daraja",
    "callback-url": "Callback URL",
    "callers": "Who calls",
    "inside": "Inside",
    "going-live": "Going live",
}
TOLD = ("failed", "warning", "unknown")
"""Of these the cure is told."""
GRAVITY = ("skipped", "ok", "unknown", "warning", "failed")
NARROW = 72  # columns: below, what was found stands under the check's name
NAME_WIDTH = 14  # of the longest name without its area


def show_live(out: Console, lines: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Show what comes as it comes; in the end all of it. → the whole, which came last."""
    rest = iter(lines)
    plan = next(rest)
    found: dict[str, list[dict[str, Any]]] = {}
    whole: dict[str, Any] = {}
    with Live(console=out, transient=True, auto_refresh=out.is_terminal, refresh_per_second=8) as live:
        for line in rest:
            if line["object"] == "doctor.finding":
                found.setdefault(line["name"], []).append(line)
            else:
                whole = line
            if out.is_terminal:
                live.update(_draw(out, plan["checks"], found))
    out.print(_draw(out, plan["checks"], found))
    if "going_live" in whole:
        out.print(Group(*_tick_off(whole["going_live"])))
    out.print(_sum_up(whole))
    return whole


def _draw(out: Console, plan: list[dict[str, Any]], found: dict[str, list[dict[str, Any]]]) -> RenderableType:
    """All checks by area: those that have ended with what they found, and last what does not apply."""
    parts: list[RenderableType] = []
    for area in dict.fromkeys(check["area"] for check in plan):
        here = [check["name"] for check in plan if check["area"] == area]
        parts += ["", Text(AREAS.get(area, area), "bold")]
        skipped: dict[str, list[str]] = {}
        for name in here:
            if name not in found:
                parts.append(Padding(Spinner("dots", Text(_shorten(name), "dim"), style="dim"), (0, 0, 0, 1)))
            elif all(finding["outcome"] == "skipped" for finding in found[name]):
                skipped.setdefault(found[name][0]["evidence"], []).append(_shorten(name))
            else:
                parts += _draw_check(name, found[name], narrow=out.width < NARROW)
        parts += [_skip(names, why) for why, names in skipped.items()]
    return Group(*parts)


def _shorten(name: str) -> str:
    """The name without its area, under whose heading it stands."""
    return name.partition(".")[2] or name


def _skip(names: list[str], why: str) -> RenderableType:
    mark, style = MARKS["skipped"]
    return _hang(f" {mark}", style, Text(f"{', '.join(names)}: {plain(why)}", "dim"))


def _hang(mark: str, style: str, told: RenderableType) -> Table:
    """A mark, and what is told beside it."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=len(mark))
    table.add_column(overflow="fold")
    table.add_row(Text(mark, style), told)
    return table


def _draw_check(name: str, findings: list[dict[str, Any]], *, narrow: bool) -> Iterator[RenderableType]:
    """What it found, under or beside its name; where something is to be done, what, and where to read more."""
    gravest = max((finding["outcome"] for finding in findings), key=GRAVITY.index)
    mark, style = MARKS[gravest]
    title = Text(_shorten(name), style if gravest in TOLD else "")
    told: list[RenderableType] = []
    for finding in findings:
        told += _tell(finding)
    if gravest in TOLD:
        told.append(Text(findings[0]["docs"], "dim"))
    if narrow:
        yield _hang(f" {mark}", style, Group(title, *told))
        return
    table = Table.grid(padding=(0, 1))
    table.add_column(width=2)
    table.add_column(width=NAME_WIDTH)
    table.add_column(overflow="fold")
    table.add_row(Text(f" {mark}", style), title, Group(*told))
    yield table


def _tell(finding: dict[str, Any]) -> Iterator[RenderableType]:
    """What was seen; and where that is not well, what it means and what to do."""
    subject = f"{plain(finding['subject'])}: " if finding["subject"] else ""
    yield Text.assemble((subject, "bold"), plain(finding["evidence"]))
    if finding["outcome"] in TOLD:
        yield Text(plain(finding["meaning"]), "dim")
        yield _hang("→", "bold", Text(plain(finding["cure"])))


def _tick_off(steps: list[dict[str, Any]]) -> Iterator[RenderableType]:
    """The steps to going live, in their order; what is to be done at those that are not done."""
    yield Text.assemble("\n", ("Steps to going live", "bold"), ("  ☐ yours to know  ? could not be seen", "dim"))
    for number, step in enumerate(steps, 1):
        mark, style = TICKS[step["tick"]]
        told: list[RenderableType] = [Text(f"{number}. {step['title']}", "dim" if step["tick"] == "done" else "")]
        if step["tick"] != "done":
            told += [_hang("→", "bold", Text(step["ask"])), Text(step["docs"], "dim")]
        yield _hang(f" {mark}", style, Group(*told))


def _sum_up(whole: dict[str, Any]) -> RenderableType:
    """How much of what there is, in a line."""
    worst: dict[str, str] = {}
    for finding in whole["checks"]:
        name, outcome = finding["name"], finding["outcome"]
        worst[name] = max(worst.get(name, "skipped"), outcome, key=GRAVITY.index)
    line = Text()
    for outcome, (mark, style) in MARKS.items():
        number = sum(1 for found in worst.values() if found == outcome)
        if number:
            line.append(f"{'   ' if line else ''}{mark} {number} {outcome}", style)
    return Padding(line, (1, 0, 0, 1))
