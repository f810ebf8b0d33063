"""The JavaScript package: its own tests, its types, its size, and what it may not contain."""

import gzip
import json
import re
import subprocess
from pathlib import Path

from hakika.api.problems import RequestTooLarge
from hakika.domain.errors import HakikaError
from tests.clients.javascript import PACKAGE, require_tools, run_tool

LARGEST_BYTES = 4_000
OURS = {"unreachable", "unexpected_answer"}
"""The codes that the package says by itself, where no server did."""


def all_codes() -> set[str]:
    """Every code that the API can answer with."""
    found, kinds = {RequestTooLarge.code}, [HakikaError]
    while kinds:
        kind = kinds.pop()
        found.add(kind.code)
        kinds += kind.__subclasses__()
    return found


def test_vitest_passes() -> None:
    """Every test of the package, in its own language, passes; and there are some."""
    require_tools()
    report = json.loads(run_tool("vitest", "run", "--reporter=json"))
    assert report["success"]
    assert report["numPassedTests"] == report["numTotalTests"] > 70


def test_the_types_are_strict_and_right() -> None:
    """The sources and their tests pass TypeScript's strict checks, and declarations can be made of them."""
    require_tools()
    assert json.loads((PACKAGE / "tsconfig.json").read_text())["compilerOptions"]["strict"] is True
    run_tool("tsc")


def test_declarations_name_what_is_exported(tmp_path: Path) -> None:
    """A program in TypeScript finds every export, typed."""
    require_tools()
    run_tool("tsc", "--project", "tsconfig.build.json", "--outDir", str(tmp_path))
    index, react = (tmp_path / "index.d.ts").read_text(), (tmp_path / "react.d.ts").read_text()
    for name in ("pay", "query", "poll", "watch", "newKey", "HakikaError"):
        assert re.search(rf"\b{name}\b", index), name
    assert "usePayment" in react
    assert "MpesaPayment" in react


def test_the_package_is_small(built_package: Path) -> None:
    """All that a browser loads of it, the React part included, is at most 4 kB gzipped."""
    files = sorted(built_package.glob("*.js"))
    assert [file.name for file in files] == ["index.js", "react.js"]
    assert len(gzip.compress(b"".join(file.read_bytes() for file in files), 9)) <= LARGEST_BYTES


def test_the_package_loads_nothing_but_react(built_package: Path) -> None:
    """No dependency comes along at run time: the core imports nothing, the React part React and the core."""
    imported = {
        file.name: set(re.findall(r'(?:from|import)\s*"([^"]+)"', file.read_text()))
        for file in built_package.glob("*.js")
    }
    assert imported == {"index.js": set(), "react.js": {"./index.js", "react"}}
    described = json.loads((PACKAGE / "package.json").read_text())
    assert "dependencies" not in described
    assert described["type"] == "module"


def test_the_package_writes_the_secret_nowhere(built_package: Path) -> None:
    """It has no way to log or to store anything: no console, no storage, no cookie, no history."""
    code = "".join(file.read_text() for file in built_package.glob("*.js"))
    assert not re.search(r"console\.|Storage|cookie|history\.|postMessage|sendBeacon|indexedDB", code)


def test_the_lock_pins_every_package_and_names_no_address() -> None:
    """Each package is locked by its content; where it comes from is the installer's business."""
    packages = json.loads((PACKAGE / "package-lock.json").read_text())["packages"]
    installed = {name: entry for name, entry in packages.items() if name}
    assert installed
    assert [name for name, entry in installed.items() if "integrity" not in entry] == []
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


def test_the_lock_is_whole() -> None:
    """Whatever a locked package asks for, on any platform, is locked as well: else `npm ci` refuses the lock."""
    packages = json.loads((PACKAGE / "package-lock.json").read_text())["packages"]
    locked = {name.rpartition("node_modules/")[2] for name in packages}
    asked = {
        name
        for entry in packages.values()
        for kind in ("dependencies", "optionalDependencies", "devDependencies")
        for name in entry.get(kind, {})
    }
    assert asked - locked == set()


def test_each_error_code_is_the_apis() -> None:
    """The codes that the package names are the API's, and its two own."""
    union = (PACKAGE / "src/errors.ts").read_text().partition("export type ErrorCode")[2].partition("(string & {})")[0]
    named = set(re.findall(r'"([a-z_]+)"', union))
    assert named > OURS
    assert named - OURS - all_codes() == set()


def test_what_is_built_and_installed_is_not_kept() -> None:
    """Git ignores node_modules and dist."""
    names = ["clients/js/node_modules/x", "clients/js/dist/index.js"]
    done = subprocess.run(["git", "check-ignore", *names], cwd=PACKAGE.parents[1], capture_output=True, check=False)
    if done.returncode != 128:  # 128: a copy without git
        assert done.stdout.decode().split() == names
