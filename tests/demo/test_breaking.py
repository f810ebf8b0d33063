"""`hakika demo --break`: exactly one thing is broken, and exactly the check that is about it fails, with its cure."""

import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from hakika.cli.app import registered
from hakika.cli.servers import BREAKS as OFFERED
from hakika.demo.breaking import BREAKS, KINDS, Break
from hakika.demo.showroom import exhibiting, greet
from hakika.demo.surroundings import LOOPBACK, listen, port_of
from hakika.doctor.registry import CHECKS
from tests.spared import own_collector

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a starting demo leave this process alone: its garbage collector, its environment."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, LOOPBACK)
    with own_collector():
        yield


@pytest.fixture
def directory(tmp_path: Path, migrated_sqlite_file: Path) -> Path:
    """Give a demo's directory with its database in it: to make one anew takes longer than all else."""
    shutil.copyfile(migrated_sqlite_file, tmp_path / "hakika.db")
    return tmp_path


@asynccontextmanager
async def visiting(directory: Path, broken: Break | None) -> AsyncIterator[httpx2.AsyncClient]:
    """Run a demo in this process. → somebody with its key."""
    opened, opened_for_simulator = listen(LOOPBACK, 0), listen(LOOPBACK, 0)
    url = f"http://{LOOPBACK}:{port_of(opened)}"
    async with (
        exhibiting(LOOPBACK, opened, opened_for_simulator, directory, broken) as key,
        httpx2.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as visitor,
    ):
        yield visitor


async def examine(visitor: httpx2.AsyncClient) -> dict[str, list[dict[str, Any]]]:
    """What the doctor finds: outcome → its findings."""
    answer = await visitor.get("/v1/doctor")
    assert answer.status_code == 200, answer.text
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in answer.json()["checks"]:
        found.setdefault(finding["outcome"], []).append(finding)
    return found


@pytest.mark.parametrize("broken", [None, *BREAKS], ids=lambda broken: broken.name if broken else "nothing")
async def test_the_doctor_finds_exactly_what_is_broken(directory: Path, broken: Break | None) -> None:
    """Those checks fail and no other, nothing else warns, and each says what to do; a whole demo is well."""
    async with visiting(directory, broken) as visitor:
        found = await examine(visitor)
    failed = found.get("failed", [])
    assert {finding["name"] for finding in failed} == set(broken.finds if broken else ())
    assert found.get("warning", []) == []
    assert all(finding["cure"] and finding["evidence"] for finding in failed)


def test_every_kind_is_offered_and_names_checks_that_exist() -> None:
    """The command line's list is that of the demo; what is said to find it is a check."""
    assert tuple(OFFERED) == tuple(KINDS)
    assert {name for broken in BREAKS for name in broken.finds} <= {check.name for check in CHECKS}


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.name)
def test_the_greeting_says_what_is_broken(broken: Break, capsys: pytest.CaptureFixture[str]) -> None:
    """A newcomer knows that it is on purpose, and how to watch it being found."""
    greet("localhost", 8000, 8001, "hk_test_x", broken)
    said = " ".join(capsys.readouterr().out.split())
    assert f"Broken on purpose ({broken.name}): {broken.told} {broken.shown}" in said
    assert "hakika doctor" in said


def test_an_unknown_kind_is_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2, with the kinds that there are; nothing is started."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(registered(), ["demo", "--break", "everything", "--json"])
    assert result.exit_code == 2
    assert all(kind in json.loads(result.output)["cure"] for kind in KINDS)
    assert list(tmp_path.iterdir()) == []


async def test_a_payment_in_a_broken_demo_is_explained(directory: Path) -> None:
    """With a wrong passkey no phone rings; the explanation names the check that finds it."""
    async with visiting(directory, KINDS["passkey"]) as visitor:
        body = {"amount": 10, "phone": "0712345678", "reference": "first"}
        asked = (await visitor.post("/v1/payments", json=body)).json()
        ended = (await visitor.get(f"/v1/payments/{asked['id']}/wait?timeout=20")).json()
        explained = (await visitor.get(f"/v1/payments/{asked['id']}/explanation")).json()
    assert (ended["status"], explained["cause"]) == ("failed", "passkey")
    assert explained["checks"][0] == "daraja.passkey"
