"""How long things may be, and what they may not be called or say. Each rule is shown to catch what it forbids."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.house.source import Function, functions, place, python_files

FUNCTION_LINES = 40
FILE_LINES = 400
VAGUE_NAMES = {"util", "utils", "helper", "helpers", "manager", "managers", "service", "services", "common", "misc"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
SLEEPERS = {"sleep", "wait_for_timeout"}  # the second is Playwright's

# A migration is a list of what changes in one step, and is not touched once released: splitting it explains nothing.
MAY_BE_LONG = "src/hakika/store/migrations/versions/"

# Where a test may wait for wall-clock time, and why nothing else would do.
MAY_SLEEP: dict[str, str] = {}


class Finding(NamedTuple):
    """A broken rule, and the line where."""

    line: int
    what: str


def long_functions(source: str) -> Iterator[Finding]:
    """Find functions of more than 40 lines of code: without docstring, comments and blank lines."""
    lines = source.splitlines()
    for function in functions(source):
        first, last = function.lineno, function.end_lineno or function.lineno
        documented = _docstring_lines(function)
        code = [
            number
            for number in range(first, last + 1)
            if number not in documented and lines[number - 1].strip() and not lines[number - 1].lstrip().startswith("#")
        ]
        if len(code) > FUNCTION_LINES:
            yield Finding(first, f"{function.name} has {len(code)} lines of code; {FUNCTION_LINES} are allowed")


def _docstring_lines(function: Function) -> range:
    """Return the lines of a function's docstring."""
    if ast.get_docstring(function) is None:
        return range(0)
    return range(function.body[0].lineno, (function.body[0].end_lineno or 0) + 1)


def long_files(source: str) -> Iterator[Finding]:
    """Find files of more than 400 lines."""
    if (count := len(source.splitlines())) > FILE_LINES:
        yield Finding(count, f"{count} lines; {FILE_LINES} are allowed")


def unfinished_work(source: str) -> Iterator[Finding]:
    """Find notes of work that was left undone."""
    for number, line in enumerate(source.splitlines(), start=1):
        if match := UNFINISHED.search(line):
            yield Finding(number, f"{match[0]}: do it, or open an issue")


def undocumented_tests(source: str) -> Iterator[Finding]:
    """Find tests that do not say what they prove."""
    for function in functions(source):
        if function.name.startswith("test_") and ast.get_docstring(function) is None:
            yield Finding(function.lineno, f"{function.name} does not say which fact it proves")


def sleeps(source: str) -> Iterator[Finding]:
    """Find waits for time to pass; `sleep(0)`, which lets others run, is none."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yields_only = isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
            if name in SLEEPERS and not yields_only:
                yield Finding(node.lineno, "waits for time: wait for what should happen, or give it a clock")


def is_vague(file: Path) -> bool:
    """Say whether a file's or folder's name says nothing: whole names only."""
    return bool(VAGUE_NAMES & set(file.with_suffix("").parts))


def is_exempt(rule: Callable[[str], Iterator[Finding]], name: str) -> bool:
    """Say whether a file is one of the exceptions above, or this one, which has to name the words."""
    if rule is long_functions:
        return name.startswith(MAY_BE_LONG)
    return (rule is sleeps and name in MAY_SLEEP) or (rule is unfinished_work and name == place(Path(__file__)))


RULES: list[tuple[Callable[[str], Iterator[Finding]], tuple[str, ...]]] = [
    (long_functions, ("src", "docs")),
    (long_files, ("src", "tests", "bench", "docs")),
    (unfinished_work, ("src", "tests", "bench", "docs")),
    (undocumented_tests, ("tests",)),
    (sleeps, ("tests",)),
]


@pytest.mark.parametrize(("rule", "folders"), RULES, ids=[rule.__name__ for rule, _ in RULES])
def test_the_house_keeps_its_rules(rule: Callable[[str], Iterator[Finding]], folders: tuple[str, ...]) -> None:
    """No file of ours breaks the rule."""
    files = [file for file in python_files(*folders) if not is_exempt(rule, place(file))]
    assert files
    assert [f"{place(file, line)}: {what}" for file in files for line, what in rule(file.read_text())] == []


def test_names_say_what_is_inside() -> None:
    """No module or package has a name that would fit any module."""
    assert [place(file) for file in python_files("src", "tests", "bench") if is_vague(Path(place(file)))] == []


@pytest.mark.parametrize(
    ("rule", "broken", "kept"),
    [
        (long_functions, "def f():\n" + "    x = 1\n" * 40, "def f():\n" + "    x = 1\n" * 39),
        (
            long_functions,
            "def g():\n    def f():\n" + "        x = 1\n" * 39,
            "def f():\n" + "    # why\n\n" * 40 + "    x = 1\n",
        ),
        (
            long_functions,
            "async def f():\n" + "    x = 1\n" * 40,
            'def f():\n    """One.' + "\n    more\n" * 40 + '    """',
        ),
        (long_files, "\n" * 401, "\n" * 400),
        (unfinished_work, "x = 1  # TODO: more", "x = 'todos'"),
        (unfinished_work, '"""FIXME later."""', "XXXL = 1"),
        (undocumented_tests, "def test_x(): pass", 'def test_x():\n    """It is so."""'),
        (undocumented_tests, "class TestX:\n    async def test_x(self): pass", "def given(): pass"),
        (sleeps, "time.sleep(0.1)", "await asyncio.sleep(0)"),
        (sleeps, "from asyncio import sleep\nsleep(seconds)", "clock.advance(3)"),
        (sleeps, "page.wait_for_timeout(100)", "page.wait_for_selector('#done')"),
    ],
)
def test_each_rule_catches_what_it_forbids(rule: Callable[[str], Iterator[Finding]], broken: str, kept: str) -> None:
    """A rule finds a broken sample once, and nothing in a sample at its edge."""
    assert len(list(rule(broken))) == 1
    assert list(rule(kept)) == []


@pytest.mark.parametrize(
    ("file", "vague"),
    [
        ("src/utils.py", True),
        ("src/services/pay.py", True),
        ("src/payment.py", False),
        ("src/service_worker.py", False),
    ],
)
def test_a_vague_name_is_caught(file: str, vague: bool) -> None:
    """A name that says nothing is found whether it is a file's or a folder's, and only as a whole."""
    assert is_vague(Path(file)) is vague
