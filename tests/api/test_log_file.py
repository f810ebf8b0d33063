"""The log file: everything goes there as well, and whoever rotates it needs to tell nobody."""

import io
import json
import os
import stat
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path

import pytest
import structlog

from hakika.cli.servers import begin_log
from hakika.config import Settings
from hakika.domain.errors import SettingError
from hakika.engine.watching.story import CallbackLine
from hakika.logs import LogFile, configure_logs


@pytest.fixture
def shown() -> Iterator[io.StringIO]:
    """Stand in for standard error, and put logging back as it was."""
    before = structlog.get_config()
    yield io.StringIO()
    structlog.configure(**before)


@pytest.mark.parametrize("log_format", ["json", "pretty"])
def test_the_log_goes_to_the_file_as_well(shown: io.StringIO, tmp_path: Path, log_format: str) -> None:
    """The same lines in both places; the folder is made, and only its user may read the file."""
    file = tmp_path / "logs" / "hakika.log"
    with redirect_stderr(shown):
        configure_logs(log_format, "info", file)
    structlog.get_logger("fresh").info("pushed", payment="pay_1", phone="0712345678")
    assert file.read_text() == shown.getvalue()
    assert "pay_1" in file.read_text()
    assert "0712345678" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_is_rotated_is_opened_anew(tmp_path: Path) -> None:
    """Moved away, deleted, or emptied in place: the next look finds out, and nothing is written twice."""
    path, moved = tmp_path / "hakika.log", tmp_path / "hakika.log.1"
    file = LogFile(path)
    file.write("one\n")
    path.rename(moved)
    file.write("two\n")
    file.look()
    file.write("three\n")
    assert (moved.read_text(), path.read_text()) == ("one\ntwo\n", "three\n")
    path.unlink()
    file.look()
    file.write("four\n")
    assert path.read_text() == "four\n"
    os.truncate(path, 0)
    file.write("five\n")
    assert path.read_text() == "five\n"


def test_it_looks_by_itself_within_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a signal: the first line after a second goes into the new file."""
    now_s = 100.0
    monkeypatch.setattr("hakika.logs.time.monotonic", lambda: now_s)
    path = tmp_path / "hakika.log"
    file = LogFile(path)
    path.unlink()
    file.write("lost\n")
    assert not path.exists()
    now_s += 1
    file.write("kept\n")
    assert path.read_text() == "kept\n"


def test_a_full_disk_loses_lines_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing never raises, nor does looking where the folder has gone; it goes on when the disk does."""
    path = tmp_path / "logs" / "hakika.log"
    file = LogFile(path)

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("hakika.logs.os.write", refuse)
        file.write("lost\n")
    with monkeypatch.context() as gone:
        gone.setattr("hakika.logs.os.open", refuse)
        path.unlink()
        file.look()
        file.write("into the old one\n")
    file.write("kept\n")
    file.look()
    file.write("kept\n")
    assert path.read_text() == "kept\n"


def test_a_file_that_cannot_be_written_stops_the_start(shown: io.StringIO, tmp_path: Path) -> None:
    """With the setting, the rule and the cure, before anything is served."""
    settings = Settings(log_file=tmp_path, _env_file=None)  # type: ignore[call-arg]
    with redirect_stderr(shown), pytest.raises(SettingError, match="HAKIKA_LOG_FILE") as refused:
        begin_log(settings)
    assert "cannot be written" in str(refused.value)
    assert shown.getvalue() == ""


def test_many_lines_at_once_are_lines_of_their_own(shown: io.StringIO) -> None:
    """A batch's story is written together and read apart; what is not known is left out."""
    with redirect_stderr(shown):
        configure_logs("json", "info")
    story = [CallbackLine("callback", f"pay_{number}", amount=number) for number in range(3)]
    structlog.get_logger("fresh-too").info("story", story=story)
    lines = [json.loads(line) for line in shown.getvalue().splitlines()]
    assert [line["payment"] for line in lines] == ["pay_0", "pay_1", "pay_2"]
    assert set(lines[0]) == {"timestamp", "level", "event", "payment"}
