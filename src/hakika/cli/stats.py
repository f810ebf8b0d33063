"""`hakika stats`: how payments fare, in tables, charts, JSON and CSV."""

import csv
import sys
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from hakika.cli.app import MISUSED, AsJson, Server, app, command
from hakika.cli.reach import reach
from hakika.cli.voice import Failure, console, say_json

BAR = 24
COLUMNS = {
    "day": ("day", "asked", "known", "completed", "success_rate", "amount_completed"),
    "hour": ("hour", "asked", "known", "completed", "success_rate", "amount_completed"),
    "reason": ("status", "code", "payments", "share", "advice"),
}


class By(StrEnum):
    """What the payments are counted by."""

    DAY = "day"
    HOUR = "hour"
    REASON = "reason"


@command(
    app,
    "stats",
    "hakika stats",
    "hakika stats --days 30 --by hour",
    "hakika stats --from 2026-11-01 --to 2026-11-30 --mode live --json",
    "hakika stats --by reason --csv > reasons.csv",
)
def show_stats(
    days: Annotated[int | None, typer.Option("--days", help="So many days up to the last; 7 by itself.", min=1)] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day, in place of --days.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day; today by itself.")
    ] = None,
    by: Annotated[By | None, typer.Option("--by", help="Only this table; with --csv it is `day` by itself.")] = None,
    mode: Annotated[str, typer.Option("--mode", help="`test` or `live`; without it, as the server is.")] = "",
    account: Annotated[str, typer.Option("--account", help="Only of this account.")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print one table as CSV.")] = False,
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Say how payments fare: how many are paid, when, why not, how soon that is certain, how much came.

    Of the payments that were asked for in the period, as they stand now. Days and hours are Nairobi's. The success
    rate is of those whose end is known. Test and live are never counted together.
    """
    if as_csv and as_json:
        raise Failure("One or the other", "--csv and --json exclude each other.", code="usage", exit_code=MISUSED)
    if mode not in {"", "test", "live"}:
        raise Failure("No such mode", f"{mode!r}", cure="Say test or live.", code="usage", exit_code=MISUSED)
    given = {
        "days": days,
        "from": first and first.date().isoformat(),
        "to": last and last.date().isoformat(),
        "mode": mode,
        "account": account,
    }
    stats = reach(server).read_stats({name: value for name, value in given.items() if value})
    if as_json:
        say_json(stats)
    elif as_csv:
        _write(stats, by or By.DAY)
    else:
        _print(stats, by)
    return 0


def _write(stats: dict[str, Any], by: By) -> None:
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(COLUMNS[by])
    for row in stats[f"by_{by}"]:
        out.writerow([_as_cell(row[column]) for column in COLUMNS[by]])


def _as_cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: a code is whatever Daraja sent."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value


def _print(stats: dict[str, Any], by: By | None) -> None:
    from rich.text import Text

    out = console()
    account = f", account {stats['account']}" if stats["account"] else ""
    out.print(Text(f"{stats['from']} to {stats['to']}, {stats['mode']} mode{account}", "bold"))
    if by is None:
        out.print(_sum_up(stats))
    if not stats["payments"]["asked"]:
        return
    tables = {By.DAY: _chart, By.HOUR: _chart, By.REASON: _list_reasons}
    for one in [by] if by else tables:
        out.print("")
        out.print(tables[one](stats, one))


def _sum_up(stats: dict[str, Any]) -> Any:
    from rich.table import Table
    from rich.text import Text

    payments, amounts, certain = stats["payments"], stats["amounts"], stats["time_to_certainty"]
    statuses = ", ".join(f"{number} {status}" for status, number in payments["statuses"].items() if number)
    money = [f"{amounts['completed']:,} of {amounts['asked']:,} asked for"]
    money += [f"{amounts[status]:,} {status}" for status in ("mispaid", "reversed") if amounts[status]]
    rows = {
        "payments": f"{payments['asked']}" + (f": {statuses}" if statuses else ""),
        "success": f"{_percent(payments['success_rate'])} of {payments['known']} whose end is known",
        "certain": f"half within {_seconds(certain['p50_s'])}, 99 of 100 within {_seconds(certain['p99_s'])}",
        "KES": ", ".join(money),
    }
    table = Table.grid(padding=(0, 2))
    for name, text in rows.items():
        table.add_row(Text(name, "dim"), Text(text))
    return table


def _chart(stats: dict[str, Any], by: By) -> Any:
    """A line for each day or hour: a bar of what was asked for, and of that what was paid."""
    from rich.table import Table
    from rich.text import Text

    rows = stats[f"by_{by}"]
    most = max(row["asked"] for row in rows) or 1
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(by.value)
    for heading in ("asked", "paid", "success", "KES"):
        table.add_column(heading, justify="right")
    table.add_column("█ paid ░ not, or not yet")
    for row in rows:
        paid, asked = round(row["completed"] * BAR / most), round(row["asked"] * BAR / most)
        figures = (row["asked"], row["completed"], _percent(row["success_rate"]), f"{row['amount_completed']:,}")
        bar = Text.assemble(("█" * paid, "green"), ("░" * (asked - paid), "dim"))
        name = row["day"] if by is By.DAY else f"{row['hour']:02d}:00"
        table.add_row(Text(name), *(Text(str(figure)) for figure in figures), bar)
    return table


def _list_reasons(stats: dict[str, Any], by: By) -> Any:
    from hakika.cli.show import tabulate

    rows = [{**row, "share": _percent(row["share"])} for row in stats[f"by_{by}"]]
    return tabulate(rows, *COLUMNS[by])


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.1f} %"


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:g} s"
