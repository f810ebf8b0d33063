"""SQLite's checkpoints, beside the writer instead of within its commits.

SQLite moves the log into the database file within a COMMIT, once the log has 1,000 pages: that commit, and all who
wait for it, take five times as long. Here a thread of its own moves most of it while commits go on, and
what is left for the commit that starts the log anew (`PAGES_AT_MOST`) is little. The log must stay short: every
read looks through it.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Callable

ROWS_APART = 800
"""Rows written between two checkpoints: about a page each."""

PAGES_AT_MOST = 3900
"""SQLite's own limit (`wal_autocheckpoint`): from here on a COMMIT moves what is left, and the log starts anew.

Below 4,062, where the log's index needs a second table and each read looks through both."""


class Checkpoints:
    """Moves the log into the database file, in a thread of its own."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._moved_at = 0
        self._running: threading.Thread | None = None

    def consider(self, rows_written: int) -> None:
        """Start one if it is time. `rows_written`: by the writer, since it connected. Never waits."""
        if rows_written < self._moved_at:
            self._moved_at = 0  # the writer connected anew
        if rows_written - self._moved_at < ROWS_APART or (self._running and self._running.is_alive()):
            return
        self._moved_at = rows_written
        self._running = threading.Thread(target=self._move, name="checkpoint", daemon=True)
        self._running.start()

    def _move(self) -> None:
        # What fails here is done by a COMMIT later: SQLite's own limit stands.
        with contextlib.suppress(sqlite3.Error), contextlib.closing(self._connect()) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Wait for one that runs."""
        if self._running:
            self._running.join()
