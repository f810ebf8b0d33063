"""The schema's version: a new database is made whole, an older one is led up step by step, a newer one is refused."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, insert, select, update

from hakika_hotspot.store.tables import kept, metadata

# One for each version after the first; a released one is never edited.
STEPS: Sequence[Callable[[Connection], None]] = ()
NAME = "schema"


class NewerSchema(Exception):
    """The database was made by a newer version of this program: run that one."""


def upgrade(tx: Connection, steps: Sequence[Callable[[Connection], None]] = STEPS) -> None:
    """Make the schema what this version needs. Raises NewerSchema."""
    newest = 1 + len(steps)
    metadata.create_all(tx)
    found = tx.execute(select(kept.c.value).where(kept.c.name == NAME)).scalar()
    if found is None:
        tx.execute(insert(kept).values(name=NAME, value=str(newest)))
        return
    if int(found) > newest:
        raise NewerSchema(f"The database has schema {found}, this program knows {newest}: run the newer program.")
    for step in steps[int(found) - 1 :]:
        step(tx)
    tx.execute(update(kept).where(kept.c.name == NAME).values(value=str(newest)))
