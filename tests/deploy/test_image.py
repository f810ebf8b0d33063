"""The image and the compose files of deploy/, without Docker: every step is run, every setting is ours."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from hakika.config import Settings, check_settings
from hakika.serving.settings import names_of
from tests.cli.machine import ACCOUNT, DEADLINE_S
from tests.deploy.image import Stage, build, read_steps
from tests.deploy.proxies import DEPLOY, ROOT

STEPS = read_steps((DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
OURS = {name for field in Settings.model_fields.values() for name in names_of(field)}


@pytest.fixture(scope="module")
def image() -> Iterator[Stage]:
    """Give the image as built from what .dockerignore lets through, in a folder that other users may enter."""
    with tempfile.TemporaryDirectory(prefix="hakika-image-") as folder:
        Path(folder).chmod(0o755)
        context = Path(folder) / "context"
        context.mkdir()
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines():
            if line.startswith("!"):
                found = ROOT / line[1:]
                (shutil.copytree if found.is_dir() else shutil.copyfile)(found, context / line[1:])
        yield build(STEPS, context, Path(folder))


def may_become_another() -> bool:
    """Say whether another user could run this Python: only root may become one, and some Pythons lie in a home."""
    ways_in = Path(sys.executable).resolve().parents
    return os.geteuid() == 0 and all(folder.stat().st_mode & stat.S_IXOTH for folder in ways_in)


def test_the_image_serves(image: Stage) -> None:
    """Its command, run as its user from what was built alone, becomes healthy, and stops when it is told to."""
    user, group = map(int, image.user.split(":"))
    identity: dict[str, Any] = {"user": user, "group": group, "extra_groups": []} if may_become_another() else {}
    home = image.resolve("/var/lib/hakika")
    environment = {**image.surroundings(), **ACCOUNT}
    environment["PATH"] = environment["PATH"].partition(":")[0] + ":/usr/bin:/bin"
    command = [*image.command[:-1], "0"]  # any port that is free
    process = subprocess.Popen(
        [*command, "--json"],
        cwd=home,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **identity,
    )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        port = re.search(r'"url": ?"http://127.0.0.1:(\d+)"', first)
        assert port, first + process.stdout.read()
        check = [part.replace("127.0.0.1:8000", f"127.0.0.1:{port[1]}") for part in image.healthcheck]
        assert check != image.healthcheck
        assert subprocess.run(check, env=environment, timeout=DEADLINE_S, check=False).returncode == 0
        assert str(home) in environment["DATABASE_URL"]  # and not a folder of this machine
        assert (home / "hakika.db").stat().st_uid == (user if identity else os.geteuid())
        process.send_signal(getattr(signal, image.other["STOPSIGNAL"]))
        assert process.wait(DEADLINE_S) == 0
        assert subprocess.run(check, env=environment, stderr=subprocess.DEVNULL, check=False).returncode == 1
    finally:
        process.kill()
        process.wait(DEADLINE_S)
        process.stdout.close()


def test_the_image_holds_what_it_needs_and_no_more(image: Stage) -> None:
    """No installer, no tests, nothing that may be written but its own folder; the Python that the project wants."""
    installed = {one.name.lower() for one in image.resolve("/opt/hakika/lib").glob("python*/site-packages/*")}
    assert "hakika" in installed
    assert not installed & {"uv", "pip", "hatchling", "pytest", "tests"}
    assert image.base == f"python:{sys.version_info.major}.11-slim-bookworm"
    assert image.user.split(":")[0] != "0"
    assert image.resolve("/var/lib/hakika").stat().st_mode & 0o777 == 0o700
    assert image.other == {"VOLUME": "/var/lib/hakika", "EXPOSE": "8000", "STOPSIGNAL": "SIGTERM"}
    assert {name for name in image.environment if name not in OURS} == {"PATH", "HOME", "PYTHONDONTWRITEBYTECODE"}


# ── compose ──────────────────────────────────


def read_compose(*names: str, **given: str) -> dict[str, Any]:
    """The compose files, one put over the other, with these variables; one that is missing stops it."""

    def substitute(found: re.Match[str]) -> str:
        return given[found["name"]]

    merged: dict[str, Any] = {}
    for name in names:
        text = (DEPLOY / name).read_text(encoding="utf-8")
        text = re.sub(r"\$\{(?P<name>\w+)(:\?[^}]*)?\}", substitute, text)
        merged = _merge(merged, yaml.safe_load(text))
    return merged


def _merge(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {key: _merge(below.get(key), above.get(key)) for key in (*below, *above)}
    return below if above is None else above


def read_env(name: str) -> dict[str, str]:
    """The settings of an env file."""
    lines = (DEPLOY / name).read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {key: value for key, _, value in pairs}


FILES = [("compose.yaml",), ("compose.yaml", "compose.postgres.yaml")]


@pytest.mark.parametrize("files", FILES, ids=["sqlite", "postgresql"])
def test_compose_gives_settings_that_hold(files: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """What reaches the server are settings of ours, and with credentials filled in they pass every check."""
    composed = read_compose(*files, HAKIKA_DOMAIN="pay.example.com", POSTGRES_PASSWORD="a1b2")
    hakika = composed["services"]["hakika"]
    environment = {**read_env(hakika["env_file"]), **hakika["environment"]}
    assert set(environment) <= OURS
    filled = {**environment, "MPESA_SHORTCODE": "600610", "MPESA_PASSKEY": "mine", "MPESA_CONSUMER_KEY": "k"}
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    settings = Settings(_env_file=None, **filled)  # type: ignore[call-arg]
    check_settings(settings)
    assert settings.callback_origin() == "https://pay.example.com"
    assert settings.is_sqlite is (len(files) == 1)
    assert settings.trusted_proxies == (composed["services"]["caddy"]["networks"]["front"]["ipv4_address"],)


@pytest.mark.parametrize("files", FILES, ids=["sqlite", "postgresql"])
def test_compose_fits_together(files: tuple[str, ...]) -> None:
    """The proxy alone is reached from outside, finds the server, keeps its certificates; nothing is lost with it."""
    composed = read_compose(*files, HAKIKA_DOMAIN="pay.example.com", POSTGRES_PASSWORD="a1b2")
    services = composed["services"]
    assert [name for name in services if "ports" in services[name]] == ["caddy"]
    assert services["caddy"]["environment"]["HAKIKA_UPSTREAM"] == "hakika:8000"
    assert "data:/var/lib/hakika" in services["hakika"]["volumes"]
    assert (DEPLOY / services["hakika"]["build"]["context"]).resolve() == ROOT
    assert (ROOT / services["hakika"]["build"]["dockerfile"]).is_file()
    assert services["hakika"]["stop_grace_period"] == "60s"  # docs/running.md: 40 seconds for pushes under way
    for name, service in services.items():
        assert set(service["networks"]) <= set(composed["networks"]), name
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert source in composed["volumes"] or (DEPLOY / source).is_file(), volume
    if len(files) == 2:
        assert set(services["postgres"]["networks"]) & set(services["hakika"]["networks"]) == {"back"}
        assert services["hakika"]["depends_on"]["postgres"]["condition"] == "service_healthy"
        assert "healthcheck" in services["postgres"]


def test_a_missing_variable_stops_compose() -> None:
    """Domain and password have no default: one that is forgotten is asked for by name."""
    with pytest.raises(KeyError, match="HAKIKA_DOMAIN"):
        read_compose("compose.yaml")
    for name in ("compose.yaml", "compose.postgres.yaml"):
        assert re.findall(r"\$\{\w+\}", (DEPLOY / name).read_text(encoding="utf-8")) == []
