"""What every test may ask for: a fresh database of each kind, an event loop, Hypothesis's profile; no skips in CI."""

import contextlib
import os
import shutil
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

import hakika.logs
from tests.postgres import Postgres, running_postgres
from tests.spared import share_compiled_sql, spare_what_is_imported

# Apprise imports it, and Python 3.11 and 3.12 say of it that it will go: a warning, and so an error, in whichever test
# is the first to load Apprise.
with warnings.catch_warnings(), contextlib.suppress(ImportError):
    warnings.simplefilter("ignore", DeprecationWarning)
    import imghdr  # noqa: F401

IN_CI = os.environ.get("CI") == "true"

# The same examples in every run: a failure that comes and goes is for `make torture`, which looks for new ones.
settings.register_profile("repeatable", derandomize=True, max_examples=100, deadline=None)
settings.register_profile("torture", max_examples=5_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run tests marked `anyio` on asyncio, which is what the server runs on."""
    return "asyncio"


def pytest_collection_finish() -> None:
    """Begin with all imported."""
    spare_what_is_imported()


@pytest.fixture(scope="session", autouse=True)
def compiled_sql() -> Iterator[None]:
    """Compile each statement once in each pytest process."""
    with pytest.MonkeyPatch.context() as patch:
        share_compiled_sql(patch)
        yield


@pytest.fixture(autouse=True)
def own_logs() -> Iterator[None]:
    """Let no test's logs go where another test's went: to a file that is closed, say."""
    before = structlog.get_config()
    with pytest.MonkeyPatch.context() as patch:  # not the test's own: that one must end before the test's fixtures do
        patch.setattr(hakika.logs, "LOGGERS_KEPT", False)
        yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run one PostgreSQL for each pytest process that asks (a second to start; sharing saved nothing)."""
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a fresh, empty database, of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'hakika.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a fresh database with all migrations run, of each kind in turn, the quick way."""
    if request.param == "sqlite":
        template_file: Path = request.getfixturevalue("migrated_sqlite_file")
        shutil.copyfile(template_file, tmp_path / "hakika.db")
        yield f"sqlite:///{tmp_path / 'hakika.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.lend(request.getfixturevalue("migrated_postgres_template")) as name:
        yield server.url(name)


@pytest.fixture(scope="session")
def migrated_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the migrations once on a SQLite file that tests then copy."""
    from hakika.store.migrations import upgrade  # noqa: PLC0415 - words are tested without the store

    file = tmp_path_factory.mktemp("template") / "hakika.db"
    upgrade(f"sqlite:///{file}")
    leftover = file.with_name(file.name + "-wal")
    assert not leftover.exists(), "upgrade() left a connection open: its pages are not in the file"
    return file


@pytest.fixture(scope="session")
def migrated_postgres_template(postgres: Postgres) -> str:
    """Run the migrations once on a PostgreSQL database that tests then copy."""
    from hakika.store.migrations import upgrade  # noqa: PLC0415

    name = postgres.create_database()
    upgrade(postgres.url(name))
    return name


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one in CI."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"A skip is a failure in CI: {_reason(report.longrepr)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a skipped file into a failed one in CI."""
    report = yield
    if IN_CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"A skip is a failure in CI: {_reason(report.longrepr)}"
    return report


def _reason(representation: object) -> str:
    """Return why pytest says that it skipped."""
    return str(representation[2] if isinstance(representation, tuple) else representation)
