"""The JavaScript package and the tools that build it. Without node its tests are skipped, which in CI is a failure."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "clients/js"
MODULES = PACKAGE / "node_modules"


def require_tools() -> None:
    """Skip the test where there is no node, or where nobody installed what the package is built with."""
    if shutil.which("node") is None:
        pytest.skip("the JavaScript tests need node (on Debian: apt install nodejs npm)")
    if not MODULES.exists():
        pytest.skip("the JavaScript tests need `scripts/install-javascript`, which `make test` runs")


def run_tool(*command: str | Path, **environment: str) -> str:
    """Run one of the package's tools in its folder. → what it printed."""
    done = subprocess.run(
        [str(MODULES / ".bin" / command[0]), *command[1:]] if command[0] != "node" else command,
        cwd=PACKAGE,
        env={**os.environ, "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build_package(folder: Path) -> Sequence[Path]:
    """Build what a browser loads. → its files."""
    run_tool("node", "build.mjs", folder)
    return sorted(folder.glob("*.js"))


def build_page(package: Path, script: Path) -> None:
    """Build the merchant's page on the package as it was built, with the real React."""
    run_tool(
        "esbuild",
        "tests/shop.tsx",
        "--bundle",
        "--format=esm",
        "--jsx=automatic",
        "--define:process.env.NODE_ENV='development'",
        f"--alias:hakika-client/react={package / 'react.js'}",
        f"--outfile={script}",
        NODE_PATH=str(MODULES),
    )
