"""Copying all rows of one database into another, of whatever kinds they are, and a digest to compare them by.

Tables and columns are read from the databases themselves: a backup may be older than this program's schema.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, column, delete, func, insert, inspect, select, table, text
from sqlalchemy.sql import TableClause

ROWS_AT_ONCE = 500
NOT_ROWS = frozenset({"alembic_version", "hakika_backup"})
"""What migrations and backups write about a database; a copy has its own."""

_MODULO = 1 << 256


class Digest(NamedTuple):
    """How many rows a table has, and the sum of their hashes: the same in whatever order they are read."""

    rows: int
    total: str


def list_tables(connection: Connection) -> dict[str, TableClause]:
    """The tables with rows that are to be kept, by name."""
    looked = inspect(connection)
    found = {}
    for name in sorted(set(looked.get_table_names()) - NOT_ROWS):
        columns = sorted(looked.get_columns(name), key=lambda one: one["name"])  # their order may differ
        found[name] = table(name, *(column(one["name"], one["type"]) for one in columns))
    return found


def copy_tables(source: Connection, target: Connection) -> dict[str, Digest]:
    """Make the rows of all tables of `target` those of `source`. → the digests of what was read."""
    given, digests = list_tables(source), {}
    for name, into in list_tables(target).items():
        target.execute(delete(into))
        names = [one.name for one in into.columns]
        digests[name] = _digest_and_copy(_read(source, given[name], names), target, into)
    _count_on(target)
    return digests


def _digest_and_copy(rows: Iterable[Sequence[tuple[Any, ...]]], target: Connection, into: TableClause) -> Digest:
    names, counted, total = [one.name for one in into.columns], 0, 0
    for some in rows:
        counted, total = counted + len(some), (total + sum(map(_hash, some))) % _MODULO
        target.execute(insert(into), [dict(zip(names, row, strict=True)) for row in some])
    return Digest(counted, f"{total:064x}")


def digest_tables(connection: Connection) -> dict[str, Digest]:
    """The digests of what a database holds."""
    digests = {}
    for name, one in list_tables(connection).items():
        counted, total = 0, 0
        for some in _read(connection, one, [each.name for each in one.columns]):
            counted, total = counted + len(some), (total + sum(map(_hash, some))) % _MODULO
        digests[name] = Digest(counted, f"{total:064x}")
    return digests


def _read(connection: Connection, wanted: TableClause, names: Sequence[str]) -> Iterator[list[tuple[Any, ...]]]:
    statement = select(*(wanted.c[name] for name in names))
    read = connection.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE})
    for some in read.partitions():
        yield [tuple(row) for row in some]


def _hash(row: tuple[Any, ...]) -> int:
    return int.from_bytes(hashlib.sha256(msgspec.msgpack.encode(row)).digest())


def _count_on(target: Connection) -> None:
    """Let the numbers that PostgreSQL gives by itself go on behind those that were copied. SQLite does so anyway."""
    if target.dialect.name != "postgresql":
        return
    looked = inspect(target)
    for name, into in list_tables(target).items():
        for key in looked.get_pk_constraint(name)["constrained_columns"]:
            sequence = target.scalar(text("SELECT pg_get_serial_sequence(:of, :key)"), {"of": name, "key": key})
            last = target.scalar(select(func.max(into.c[key]))) if sequence else None
            if last is not None:
                target.execute(text("SELECT setval(:sequence, :last)"), {"sequence": sequence, "last": last})
