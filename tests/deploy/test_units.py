"""systemd's units and the backup's script: they name what exists, are taken by systemd, and give little away."""

import shutil
import subprocess
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from hakika.cli.listing import list_commands
from hakika.engine.stopping import WITHIN_MS
from hakika.serving.settings import names_of
from tests.deploy.proxies import DEPLOY, ROOT

UNITS = ["hakika.service", "hakika-backup.service", "hakika-backup.timer"]
EXPOSURE_AT_MOST = 30  # tenths of systemd's own measure, of which 100 is "unsafe"


def read_unit(name: str) -> dict[str, dict[str, list[str]]]:
    """Section → setting → its values."""
    sections: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for line in (DEPLOY / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), defaultdict(list))
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            section[key].append(value)
    return sections


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_taken_by_systemd(name: str, tmp_path: Path) -> None:
    """Where systemd is, it finds nothing to say of it; elsewhere each line is a setting in a section."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    for line in text.splitlines():
        assert not line or line[0] in "#[" or line[0].isupper(), line
    if shutil.which("systemd-analyze") is None:
        assert set(read_unit(name)) <= {"Unit", "Service", "Timer", "Install"}
        return
    for one in UNITS:
        there = (DEPLOY / one).read_text(encoding="utf-8").replace("/opt/hakika", str(tmp_path))
        (tmp_path / one).write_text(there, encoding="utf-8")
    for program in (".venv/bin/hakika", "deploy/hakika-backup"):
        (tmp_path / program).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)], capture_output=True, text=True, check=False
    )
    assert [line for line in (done.stdout + done.stderr).splitlines() if "hakika" in line] == []
    if name.endswith(".service"):
        rated = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_AT_MOST}"]
        assert subprocess.run([*rated, str(tmp_path / name)], capture_output=True, check=False).returncode == 0


def test_the_service_runs_the_server_and_lets_it_finish() -> None:
    """Its command is one of ours, with options that exist; it is given longer than pushes under way are."""
    service = read_unit("hakika.service")["Service"]
    program, verb, *options = service["ExecStart"][0].split()
    known = {name for one in list_commands() if one.name == verb for each in one.options for name in each.names}
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert Path(program).name in scripts
    assert {option for option in options if option.startswith("--")} <= known
    assert int(service["TimeoutStopSec"][0]) * 1000 > WITHIN_MS * 2
    assert service["KillSignal"] == ["SIGTERM"]
    assert service["WorkingDirectory"] == [f"/var/lib/{service['StateDirectory'][0]}"]  # .env and the database


def test_the_settings_for_a_server_are_settings_of_ours() -> None:
    """Each name in hakika.env, also of those that are commented out."""
    from hakika.config import Settings  # noqa: PLC0415

    ours = {name for field in Settings.model_fields.values() for name in names_of(field)}
    lines = [line.lstrip("#") for line in (DEPLOY / "hakika.env").read_text(encoding="utf-8").splitlines()]
    names = {line.partition("=")[0] for line in lines if "=" in line and line[:1].isupper() and line[1:2].isupper()}
    assert "MPESA_PASSKEY" in names
    assert names <= ours


FAKE = """#!/bin/sh
case "$1 $2" in
    "backup "*) echo backup >"$2" ;;
    "restore --check") ! grep -q spoilt "{folder}/weather" ;;
esac
"""


def test_an_old_backup_goes_only_when_a_new_one_holds(tmp_path: Path) -> None:
    """The newest are kept, as many as wanted; while new ones do not hold none goes, and the failure is told."""
    hakika, weather, folder = tmp_path / "hakika", tmp_path / "weather", tmp_path / "backups"
    hakika.write_text(FAKE.format(folder=tmp_path))
    hakika.chmod(0o755)
    weather.write_text("fine")
    folder.mkdir()
    old = [folder / f"hakika-2026010{day}T000000Z.backup" for day in range(1, 5)]
    for one in old:
        one.write_text("backup")
    (folder / "mine.txt").write_text("mine")
    command = [str(DEPLOY / "hakika-backup"), str(hakika), str(folder), "3"]
    weather.write_text("spoilt")
    for day in range(10, 15):
        (folder / f"hakika-202611{day}T000000Z.backup.doubtful").write_text("doubtful")
    assert subprocess.run(command, check=False).returncode != 0
    assert sorted(folder.glob("*.backup")) == sorted(old)
    assert len(list(folder.glob("*.doubtful"))) == 3
    weather.write_text("fine")
    assert subprocess.run(command, check=False).returncode == 0
    assert [one.exists() for one in old] == [False, False, True, True]
    assert len(list(folder.glob("*.backup"))) == 3
    assert (folder / "mine.txt").exists()
