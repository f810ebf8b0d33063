"""docs/next-steps.md is true: each line is run, in order, at a server with the simulator."""

import gc
import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hakika.cli.app import registered
from tests.cli.machine import ACCOUNT, PAYS, ROOT, SPEED, Machine
from tests.cli.test_webhooks import catching

PAGE = (ROOT / "docs/next-steps.md").read_text(encoding="utf-8")
LINE = re.compile(r"^hakika (?P<words>.+)$", re.MULTILINE)
HOOK = "http://127.0.0.1:5000/hooks"


# A command leaves its connection to the end of its process, which here is that of the tests.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_every_line_of_the_page_works(tmp_path: Path, runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """One command each: stored, told, listed, delivered, counted; none needs a line of code."""
    machine = Machine(tmp_path, **ACCOUNT, HAKIKA_CLOCK_SPEED=SPEED)
    try:
        machine.environment["MPESA_BASE_URL"] = machine.simulate()
        machine.serve()
        for name, value in machine.environment.items():
            monkeypatch.setenv(name, value)
        assert machine.ask("pay", PAYS, "100", "-r", "order-1042", "--wait")[1]["status"] == "completed"
        with catching() as caught:
            lines = [line["words"] for line in LINE.finditer(PAGE)]
            assert len(lines) >= 12
            for line in lines:
                done = runner.invoke(registered(), shlex.split(line.replace(HOOK, caught.url)))
                assert done.exit_code == 0, f"hakika {line}\n{done.output}"
        channels = machine.ask("messages", "channels")[1]["data"]
        assert {(channel["kind"], channel["active"]) for channel in channels} == {("sms", True), ("email", True)}
        with closing(sqlite3.connect(tmp_path / "hakika.backup")) as kept:
            assert kept.execute("SELECT reference, status FROM payments").fetchall() == [("order-1042", "completed")]
    finally:
        machine.close()
        gc.collect()
