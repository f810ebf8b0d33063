"""What may import what: design.md's layout, as one table, and proof that the check can fail.

    cli → demo → serving → main → api | dashboard | agent → doctor → engine → store | daraja → domain

`|`: siblings that do not import each other. A part of src/hakika that is in no row fails: give it a place first.
"""

import ast
from pathlib import Path

import pytest

from tests.house.source import ROOT, place, python_files

DOMAIN = {"domain"}
ENGINE = DOMAIN | {"store", "daraja", "engine"}
DOCTOR = ENGINE | {"doctor"}
ROOTS = DOCTOR | {"api", "dashboard", "agent", "simulator", "client", "config", "database_urls", "hosts", "logs"}

MAY_IMPORT: dict[str, set[str]] = {
    "domain": set(),
    "daraja": DOMAIN,
    "store": DOMAIN,
    "engine": ENGINE,
    "doctor": ENGINE | {"config", "database_urls", "hosts"},
    "api": DOCTOR,
    "dashboard": DOCTOR,
    "agent": DOCTOR | {"client", "config"},  # its tools talk to a running server, as any program does
    "config": DOMAIN | {"hosts"},
    "database_urls": set(),  # what a database's URL alone tells
    "hosts": set(),  # what a host's name alone tells
    "logs": set(),
    "simulator": set(),  # shares no code with the client, so that a misreading of Daraja is not made twice
    "client": set(),  # the SDK is used where there is no server
    "main": ROOTS,  # the composition roots: only they see everything, and each builds on those above it
    "serving": ROOTS | {"main"},
    "demo": ROOTS | {"main", "serving"},
    "cli": ROOTS | {"main", "serving", "demo"},
    "hakika_hotspot": {"client"},  # an app like any other: on the public API alone
}

# Code that is a function of its arguments: no clock, no random, no I/O. Anything else from outside is refused here.
PURE_MAY_IMPORT = {
    *("collections", "dataclasses", "decimal", "datetime", "enum", "functools", "itertools", "types", "typing"),
    *("base64", "hakika", "hashlib", "json", "math", "msgspec", "re", "unicodedata"),
}
IMPURE_CALLS = {"now", "utcnow", "today", "open", "print", "input"}
DARAJA_THAT_TALKS = {"client.py", "tokens.py"}


def parts_imported(source: str, package: str) -> list[tuple[int, str]]:
    """Return line and dotted name of every import, wherever it stands; `from a import b` counts as `a.b`."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            found += [(node.lineno, f"{module}.{alias.name}") for alias in node.names]
    return found


def wrong_directions(source: str, part: str, package: str = "hakika") -> list[tuple[int, str]]:
    """Return the imports of a file of `part` that point where the table says no."""
    if part not in MAY_IMPORT:
        return [(1, f"{part} has no row in MAY_IMPORT")]
    wrong = []
    for line, name in parts_imported(source, package):
        top, _, rest = name.partition(".")
        target = rest.partition(".")[0] if top == "hakika" else top
        ours = top in {"hakika", "hakika_hotspot"}
        if ours and target != part and target not in MAY_IMPORT[part] and not _is_the_name_alone(part, name):
            wrong.append((line, f"{part} imports {name}"))
    return wrong


def _is_the_name_alone(part: str, name: str) -> bool:
    """Say whether an import brings no part: the version, say, which all but the two independent ones may know."""
    return name in {"hakika", "hakika.__version__"} and part not in {"simulator", "client"}


def impurities(source: str, package: str) -> list[tuple[int, str]]:
    """Return what in a file is no function of its arguments."""
    found = [
        (line, f"imports {name}")
        for line, name in parts_imported(source, package)
        if name.partition(".")[0] not in PURE_MAY_IMPORT
    ]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in IMPURE_CALLS:
                found.append((node.lineno, f"calls {name}()"))
    return found


def part_and_package(file: Path) -> tuple[str, str]:
    """Return the row of MAY_IMPORT that a file belongs to, and the package that its relative imports start from."""
    folders = file.relative_to(ROOT / "src").with_suffix("").parts
    part = folders[0] if folders[0] != "hakika" else folders[1]
    return part, ".".join(folders[:-1])


def test_every_import_follows_the_layout() -> None:
    """No file of src imports against the direction of design.md."""
    wrong = []
    for file in python_files("src"):
        if file != ROOT / "src/hakika/__init__.py":
            part, package = part_and_package(file)
            found = wrong_directions(file.read_text(), part, package)
            wrong += [f"{place(file, line)}: {what}" for line, what in found]
    assert wrong == []


def test_the_core_is_pure() -> None:
    """The domain, and of Daraja all but the files that talk, read no clock, draw no random and do no I/O."""
    files = python_files("src/hakika/domain")
    files += [file for file in python_files("src/hakika/daraja") if file.name not in DARAJA_THAT_TALKS]
    found = [
        f"{place(file, line)}: {what}"
        for file in files
        for line, what in impurities(file.read_text(), part_and_package(file)[1])
    ]
    assert files
    assert found == []


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("domain", "import hakika.store"),
        ("domain", "from hakika import engine"),
        ("domain", "from hakika.daraja.codes import look_up"),
        ("domain", "from ..engine import ledger"),
        ("domain", "def later():\n    from hakika.api import app"),
        ("daraja", "from hakika.store import tables"),
        ("store", "from hakika.daraja import codes"),
        ("engine", "import hakika.doctor"),
        ("engine", "from hakika.config import Settings"),
        ("api", "from hakika.dashboard import pages"),
        ("dashboard", "from hakika.agent import tools"),
        ("simulator", "from hakika.domain.phone import read_phone"),
        ("simulator", "from hakika import __version__"),
        ("client", "from hakika.domain import errors"),
        ("simulator", "import hakika"),
        ("main", "from hakika import cli"),
        ("main", "from hakika.serving import server"),
        ("serving", "from hakika.demo import run_demo"),
        ("hakika_hotspot", "from hakika.engine import cashier"),
        ("domain", "import hakika_hotspot"),
        ("attic", "import json"),
    ],
)
def test_a_wrong_direction_is_caught(part: str, source: str) -> None:
    """An import against the layout is found, however it is written."""
    assert len(wrong_directions(source, part, f"hakika.{part}")) == 1


@pytest.mark.parametrize(
    ("part", "source"),
    [
        (
            "domain",
            "import json\nfrom hakika.domain import phone\nfrom . import errors\nfrom hakika import __version__",
        ),
        ("engine", "from hakika.store.transaction import Transaction\nfrom ..daraja import client"),
        ("api", "import hakika.engine.cashier"),
        ("simulator", "from hakika.simulator.faults import Faults\nfrom .plan import Plan"),
        ("cli", "from hakika.main import serve"),
        ("hakika_hotspot", "from hakika.client import Hakika"),
    ],
)
def test_a_right_direction_is_left_alone(part: str, source: str) -> None:
    """An import along the layout, or within a part, is no finding."""
    assert wrong_directions(source, part, f"hakika.{part}") == []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "import socket",
        "from os import path",
        "from asyncio import sleep",
        "import aiohttp",
        "import random",
        "from uuid import uuid4",
        "import datetime\ndatetime.datetime.now()",
        "open('file')",
    ],
)
def test_an_impurity_is_caught(source: str) -> None:
    """A clock, a random draw or I/O is found."""
    assert len(impurities(source, "hakika.domain")) == 1
