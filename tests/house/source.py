"""The project's own files, as the house rules read them."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[2]
NOT_OURS = {
    ".git",
    ".venv",
    "node_modules",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
}

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(*folders: str) -> list[Path]:
    """Return the Python files of these folders of the project."""
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


def committed_files() -> list[Path]:
    """Return the files that git keeps or would keep; in a copy without git, all files that are ours."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode == 0:
        found = [ROOT / name for name in listing.stdout.split("\0") if name]
    else:
        found = [file for file in ROOT.rglob("*") if not NOT_OURS & set(file.relative_to(ROOT).parts)]
    return sorted(file for file in found if file.is_file())


def functions(source: str) -> Iterator[Function]:
    """Go through every function of a file, inner ones too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function):
            yield node


def place(file: Path, line: int = 0) -> str:
    """Return how a rule names a place: the file, from the project's root, and the line."""
    return f"{file.relative_to(ROOT)}:{line}" if line else str(file.relative_to(ROOT))
