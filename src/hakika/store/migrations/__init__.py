"""The schema's history (Alembic). The sum of all migrations is `tables.metadata`, proven by a test."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from hakika.store.opening import driver_url


def upgrade(database_url: str) -> None:
    """Bring the database to the newest schema. Does nothing where it is there already."""
    url = driver_url(database_url)
    if url.startswith("sqlite"):
        Path(make_url(url).database or "").parent.mkdir(parents=True, exist_ok=True)
    if find_version(url) != newest_version():
        command.upgrade(_config(url), "head")


def find_version(database_url: str) -> str | None:
    """The schema version that the database has, or None for an empty one."""
    engine = create_engine(driver_url(database_url), poolclass=NullPool)
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_version() -> str | None:
    """The schema version that this program wants."""
    return ScriptDirectory.from_config(_config("")).get_current_head()


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = url
    return config
