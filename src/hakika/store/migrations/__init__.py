"""The schema's history (Alembic). The sum of all migrations is `tables.metadata`, proven by a test."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from hakika.domain.errors import SettingError
from hakika.store.opening import driver_url, keep_private


def upgrade(database_url: str) -> None:
    """Bring the database to the newest schema. Does nothing where it is there already. Raises SettingError."""
    url = driver_url(database_url)
    with _explained():
        if url.startswith("sqlite"):
            file = Path(make_url(url).database or "")
            if file.exists() and not file.is_file():
                raise SettingError("DATABASE_URL", f"{file} is no file.", "Name one that may hold a database.")
            file.parent.mkdir(parents=True, exist_ok=True)
            keep_private(file)
        if find_version(url) != newest_version():
            command.upgrade(_config(url), "head")


def migrate_within(connection: Connection, version: str) -> None:
    """Bring the database to that version, or to `head`, in a transaction that somebody else commits."""
    config = _config("")
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def is_known(version: str) -> bool:
    """Whether this program can make a schema of that version, or bring it to the newest."""
    return version in {one.revision for one in ScriptDirectory.from_config(_config("")).walk_revisions()}


def find_version(database_url: str) -> str | None:
    """The schema version that the database has, or None for an empty one. Raises SettingError."""
    engine = create_engine(driver_url(database_url), poolclass=NullPool)
    with _explained(), engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_version() -> str | None:
    """The schema version that this program wants."""
    return ScriptDirectory.from_config(_config("")).get_current_head()


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Say of a database that cannot be opened or written what is wrong with it, as of a setting."""
    cure = "Start that database, or correct the URL, or let this user write there."
    try:
        yield
    except DBAPIError as error:
        said = " ".join(str(error.orig).split()).rstrip(".")
        raise SettingError("DATABASE_URL", f"the database refuses: {said}.", cure) from error
    except OSError as error:
        raise SettingError("DATABASE_URL", f"{error.filename} cannot be made ({error.strerror}).", cure) from error
    except CommandError as error:
        newer = "Run the version of Hakika that made it, or a newer one."
        raise SettingError("DATABASE_URL", f"its schema is not known here ({error}).", newer) from error


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = url
    return config
