"""The tests' own machinery: skips fail in CI, databases are fresh, and no server outlives its tests."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy
from sqlalchemy.dialects import sqlite

from tests.house.source import ROOT

SKIPS = """
import pytest
def test_that_skips():
    pytest.skip("no browser here")
@pytest.mark.xfail(reason="known", strict=True)
def test_that_is_expected_to_fail():
    assert False
"""


def run_pytest(folder: Path, source: str, *, ci: bool) -> subprocess.CompletedProcess[str]:
    """Run pytest, with our conftest, on a test file of one's own."""
    (folder / "test_sample.py").write_text(source)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CI": str(ci).lower()}
    return subprocess.run(
        [*command, str(folder)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_a_skip_fails_in_ci(tmp_path: Path) -> None:
    """In CI a skipped test is a failed one that says why; an expected failure is still expected."""
    result = run_pytest(tmp_path, SKIPS, ci=True)
    assert "1 failed, 1 xfailed" in result.stdout
    assert "A skip is a failure in CI: Skipped: no browser here" in result.stdout
    assert result.returncode == 1


def test_a_skipped_file_fails_in_ci(tmp_path: Path) -> None:
    """In CI a file that skips itself is an error that says why."""
    result = run_pytest(tmp_path, "import pytest\npytest.importorskip('no_such_module')", ci=True)
    assert "A skip is a failure in CI" in result.stdout
    assert "no_such_module" in result.stdout
    assert result.returncode != 0


def test_a_skip_is_a_skip_elsewhere(tmp_path: Path) -> None:
    """On a developer's machine a skipped test is skipped."""
    result = run_pytest(tmp_path, SKIPS, ci=False)
    assert "1 skipped, 1 xfailed" in result.stdout
    assert result.returncode == 0


@pytest.mark.parametrize("turn", ["first", "second"])
def test_each_test_has_a_database_of_its_own(database_url: str, turn: str) -> None:
    """A database is empty, whatever an earlier test left in its own."""
    engine = sqlalchemy.create_engine(database_url)
    with engine.begin() as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == []
        connection.execute(sqlalchemy.text("CREATE TABLE leftover (turn text)"))
    engine.dispose()


@pytest.mark.parametrize("turn", ["first", "second"])
def test_a_migrated_database_is_fresh_too(migrated_database_url: str, turn: str) -> None:
    """A database with the migrations run has tables, and nothing of an earlier test."""
    engine = sqlalchemy.create_engine(migrated_database_url)
    with engine.begin() as connection:
        tables = sqlalchemy.inspect(connection).get_table_names()
        assert "payments" in tables
        assert "leftover" not in tables
        connection.execute(sqlalchemy.text("CREATE TABLE leftover (turn text)"))
    engine.dispose()


def test_a_server_dies_with_its_owner() -> None:
    """A PostgreSQL of ours stops when the process that asked for it is killed."""
    source = "import sys\nfrom tests.postgres import running_postgres\nwith running_postgres() as server:\n"
    source += "    print(server.directory, flush=True)\n    sys.stdin.read()"
    owner = subprocess.Popen(
        [sys.executable, "-c", source], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    directory = owner.stdout.readline().strip()
    with psycopg.connect(f"host={directory} user=postgres dbname=postgres", autocommit=True) as connection:
        owner.kill()
        owner.communicate()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT pg_sleep(60)")


def test_compiled_sql_is_shared_by_equal_statements_alone(tmp_path: Path) -> None:
    """A statement is compiled once for each dialect and each value in it; what it finds is its own."""
    numbers = sqlalchemy.table("numbers", sqlalchemy.column("number"))

    def above(least: int) -> sqlalchemy.Select[Any]:
        return sqlalchemy.select(numbers.c.number).where(numbers.c.number > least)

    first, second = (sqlalchemy.create_engine(f"sqlite:///{tmp_path / name}.db") for name in ("first", "second"))
    for engine, number in ((first, 1), (second, 2)):
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE numbers (number INTEGER)")
            connection.execute(numbers.insert(), {"number": number})
            assert [connection.scalar(above(least)) for least in (0, number)] == [number, None]
        engine.dispose()
    on_sqlite = above(1).compile(dialect=sqlite.dialect())
    assert above(1).compile(dialect=sqlite.dialect()) is on_sqlite
    assert above(2).compile(dialect=sqlite.dialect()).params == {"number_1": 2}
    assert str(above(1).compile(dialect=sqlalchemy.make_url("postgresql+psycopg://").get_dialect()())) != str(on_sqlite)
