"""Every dependency has a reason and a lock: pyproject.toml, the lock files and docs/dependencies.md agree."""

import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from tests.house.source import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME: list[str] = PROJECT["project"]["dependencies"]
EXTRAS: dict[str, list[str]] = PROJECT["project"].get("optional-dependencies", {})
GROUPS: dict[str, list[str]] = PROJECT["dependency-groups"]

ROW = re.compile(r"^\| `(?P<name>[^`]+)` \| (?P<reason>[^|]+) \| (?P<licence>[^|]+) \|$", re.MULTILINE)


def names(requirements: list[str]) -> set[str]:
    """Return the normal names of requirements: without extras, versions and markers."""
    found = {re.match(r"[\w.-]+", requirement) for requirement in requirements}
    return {re.sub(r"[-_.]+", "-", match[0]).lower() for match in found if match}


def locked(text: str) -> dict[str, str]:
    """Return each package of a lock file, with its version."""
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[[\w,]+\])?==(\S+)", text, re.MULTILINE))


def unhashed(text: str) -> list[str]:
    """Return the packages of a lock file that any file could stand for."""
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    return [entry.split("==")[0] for entry in entries if "--hash=sha256:" not in entry]


def explained(text: str) -> set[str]:
    """Return the packages that a page of dependencies gives a reason and a licence for."""
    return {row["name"] for row in ROW.finditer(text) if row["reason"].strip() and row["licence"].strip()}


RUNTIME_LOCK = (ROOT / "requirements.lock").read_text()
DEVELOPMENT_LOCK = (ROOT / "requirements-dev.lock").read_text()


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        (RUNTIME_LOCK, RUNTIME + GROUPS["install"]),
        (DEVELOPMENT_LOCK, RUNTIME + GROUPS["install"] + GROUPS["dev"]),
    ],
    ids=["requirements.lock", "requirements-dev.lock"],
)
def test_a_lock_covers_what_is_asked_for(lock: str, requirements: list[str]) -> None:
    """Each direct dependency is in the lock, and every package there has hashes; else run `make lock`."""
    assert names(requirements) - locked(lock).keys() == set()
    assert unhashed(lock) == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_uv_takes_a_lock(lock: str) -> None:
    """Uv installs each lock with hashes as `make` has it do, so nobody waits for the slower pip, after an error."""
    uv = [str(Path(sys.prefix) / "bin/uv"), "pip", "install", "--dry-run", "--offline", "--no-deps", "--require-hashes"]
    ran = subprocess.run(
        [*uv, "--python", sys.executable, "--requirement", lock], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "error: In `--require-hashes` mode" not in ran.stderr


def test_development_runs_what_is_shipped() -> None:
    """The development lock has every package of the runtime lock, at the same version."""
    assert locked(RUNTIME_LOCK).items() - locked(DEVELOPMENT_LOCK).items() == set()


def test_every_dependency_has_a_reason() -> None:
    """docs/dependencies.md has a row for each direct dependency, and for nothing else."""
    asked_for = names([*RUNTIME, *chain(*GROUPS.values(), *EXTRAS.values())])
    assert explained((ROOT / "docs/dependencies.md").read_text()) == asked_for


def test_a_hole_in_a_lock_is_seen() -> None:
    """The readers of lock files and tables see a missing hash, a missing reason, an extra and a marker."""
    lock = "a-b==1.0 \\\n    --hash=sha256:00\n    # via c\nc[x]==2 ; python_version < '4' \\\n    # via d\n"
    assert locked(lock) == {"a-b": "1.0", "c": "2"}
    assert unhashed(lock) == ["c[x]"]
    assert names(["A_b[x]>=1", "c.d; sys_platform != 'win32'"]) == {"a-b", "c-d"}
    assert explained("| `a` | why | MIT |\n| `b` |  | MIT |\n`c`\n") == {"a"}
