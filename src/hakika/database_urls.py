"""What a database's URL says by itself: for whoever must not load SQLAlchemy to know it."""

from pathlib import Path


def sqlite_file(database_url: str) -> Path | None:
    """The file of a SQLite database, or None for another one."""
    scheme, _, rest = database_url.partition("://")
    return Path(rest.removeprefix("/").partition("?")[0]) if scheme.startswith("sqlite") else None
