"""Settings, the command, and the schema's version."""

from pathlib import Path

import pytest
import structlog
from sqlalchemy import update
from typer.testing import CliRunner

from hakika_hotspot.cli import app
from hakika_hotspot.config import (
    ENVIRONMENT,
    PackageSettings,
    Router,
    Settings,
    SettingsWrong,
    Site,
    load_settings,
)
from hakika_hotspot.kept import read_kept
from hakika_hotspot.logs import configure_logs
from hakika_hotspot.network.routeros_connection import Door
from hakika_hotspot.store import open_store
from hakika_hotspot.store.tables import kept
from hakika_hotspot.store.upgrades import NewerSchema, upgrade

FILE = """
name = "Jamii WiFi"
database_url = "sqlite:///{folder}/hotspot.db"
owner_password = "env:THE_PASSWORD"
[[sites]]
id = "home"
networks = ["10.5.0.0/16"]
[[routers]]
name = "gate"
site = "home"
address = "10.5.0.1"
identifiers = ["MikroTik-7"]
[[packages]]
id = "hour"
name = "1 hour"
price = 20
time = "1h"
down = "5M"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a file of settings."""
    monkeypatch.setenv("THE_PASSWORD", "long enough a password")
    (tmp_path / "hotspot.toml").write_text(FILE.format(folder=tmp_path))
    return tmp_path / "hotspot.toml"


def test_a_file_and_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file says what is sold; secrets come from the environment, which wins; the key says which mode."""
    monkeypatch.setenv("HAKIKA_API_KEY", "hk_live_abc")
    settings = load_settings(file)
    assert (settings.owner_password, settings.mode) == ("long enough a password", "live")
    assert settings.packages[0].seconds == 3600
    assert settings.packages[0].rate_down_kbps == 5000
    for names in (("gate",), ("", "10.5.0.1"), ("mikrotik-7",)):
        router = settings.find_router(*names)
        assert router is not None
        assert router.nas.site == "home"
    assert settings.find_router("other", "") is None
    assert (settings.site_of("10.5.3.4"), settings.site_of("10.9.3.4"), settings.site_of("x")) == ("home", "", "")
    assert "password" not in repr(settings)
    assert "hk_live" not in repr(settings)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('time = "1h"', 'time = "soon"', "no duration"),
        ('down = "5M"', 'down = "fast"', "no speed"),
        ("price = 20", "price = 0", "greater than or equal to 1"),
        ('site = "home"', 'site = "elsewhere"', "no site is called elsewhere"),
        ('name = "gate"', 'nome = "gate"', "nome"),
        ("env:THE_PASSWORD", "short", "fewer than"),
        ("env:THE_PASSWORD", "env:MISSING_ONE", "MISSING_ONE"),
        ("[[sites]]", "[[sites", "cannot be read"),
    ],
)
def test_a_mistake_is_named(file: Path, old: str, new: str, says: str) -> None:
    """Settings that cannot be meant so stop the program, and say what is wrong."""
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(SettingsWrong, match=says):
        load_settings(file)


def test_every_setting_is_documented() -> None:
    """docs/hotspot.md names each setting, of the program, its sites, routers and packages, and each variable."""
    text = (Path(__file__).parents[2] / "docs/hotspot.md").read_text()
    fields = {name for part in (Settings, Site, Router, PackageSettings) for name in part.model_fields}
    assert {name for name in fields | set(ENVIRONMENT.values()) if name not in text} == set()


def test_the_command_makes_vouchers_and_sums_up(file: Path) -> None:
    """`vouchers` prints codes of a package that there is; `sales` what was sold; a wrong name says which there are."""
    run = CliRunner()
    made = run.invoke(app, ["vouchers", "hour", "3", "--config", str(file)])
    assert (made.exit_code, len(made.stdout.split())) == (0, 3)
    wrong = run.invoke(app, ["vouchers", "week", "3", "--config", str(file)])
    assert wrong.exit_code == 1
    assert "there are hour" in wrong.output
    assert "Total: KES 0" in run.invoke(app, ["sales", "--config", str(file)]).stdout
    check = run.invoke(app, ["check", "--config", str(file)])
    assert check.exit_code == 1
    assert "router gate: radius at 10.5.0.1" in check.output
    assert "API key" in check.output


def test_a_failure_is_logged_without_the_secrets_around_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A log line with a failure names it and where it was, and shows no variable: a router's password is in some."""
    kept = structlog.get_config()

    def fail() -> None:
        door = Door("10.5.0.1", 8728, "api", "the-routers-password")
        raise RuntimeError(f"{door.host} failed")

    try:
        configure_logs()
        try:
            fail()
        except RuntimeError:
            structlog.get_logger().exception("work_failed")
    finally:
        structlog.configure(**kept)
    told = capsys.readouterr()
    assert ("10.5.0.1 failed" in told.err, told.out) == (True, "")
    assert "the-routers-password" not in told.err


def test_the_schema_has_a_version(database_url: str) -> None:
    """A new database is made whole, an older one is led up by each step once, a newer one is refused."""
    store = open_store(database_url)
    assert store.read_now(lambda tx: read_kept(tx, "schema")) == "1"
    taken: list[int] = []
    steps = [lambda _: taken.append(2), lambda _: taken.append(3)]
    for _ in range(2):
        store.write_now(lambda tx: upgrade(tx, steps))
    assert taken == [2, 3]
    with pytest.raises(NewerSchema, match="run the newer program"):
        store.write_now(upgrade)
    store.write_now(lambda tx: tx.execute(update(kept).values(value="1")).rowcount)
    store.write_now(upgrade)
    store._writer.dispose()
    store._reader.dispose()
