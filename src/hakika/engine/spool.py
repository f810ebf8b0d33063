"""The spool: an append-only file of lines, fsynced, for what must be kept while the database is away.

Every line begins and ends with a newline, so that one that was torn by a crash spoils no other. Appending and
taking away exclude each other by a lock on a file beside it, among threads and processes alike: nothing is ever
appended to a file that was read already. What is taken away keeps a name of its own until all of it is recorded.

.spool, .draining   what waits                .spoiled   whole lines that could never be recorded, for a person
.lock, .drainer     locks, always empty       .torn      lines that a crash left half written: nobody was answered
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

LIMIT_BYTES = 256 * 1024 * 1024
"""Some 200,000 callbacks: an outage of days. What comes after is lost, and not the rest of the disk with it."""


class Spool:
    """Lines on disk."""

    def __init__(self, file: Path) -> None:
        self.file, self.taken, self.spoiled = file, file.with_suffix(".draining"), file.with_suffix(".spoiled")
        self.torn = file.with_suffix(".torn")
        self._counted: dict[Path, tuple[tuple[int, int], int]] = {}

    def append(self, line: bytes) -> None:
        """Add a line; when this returns it is on the disk. Raises OSError, also where it would be too much."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self.file.with_suffix(".lock")):
            if self.size() + len(line) > LIMIT_BYTES:
                raise OSError(errno.EFBIG, f"the spool has {LIMIT_BYTES >> 20} MB", str(self.file))
            _write_durably(self.file, b"\n" + line + b"\n")

    def size(self) -> int:
        """How many bytes wait."""
        return sum(_identify(file)[1] for file in (self.file, self.taken))

    def is_full(self) -> bool:
        """Whether the next callback might be one too many."""
        return self.size() + LONGEST_LINE_BYTES > LIMIT_BYTES

    def set_aside(self, line: bytes, *, torn: bool) -> None:
        """Keep a line that cannot be recorded, for a person. Raises OSError."""
        _write_durably(self.torn if torn else self.spoiled, b"\n" + line + b"\n")

    @contextlib.contextmanager
    def draining(self) -> Iterator[Iterator[bytes]]:
        """Take all lines away; they are forgotten when the block ends well, else there again the next time.

        Gives nothing while somebody else drains.
        """
        if not self.file.exists() and not self.taken.exists():
            yield iter(())
            return
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(_locked(self.file.with_suffix(".drainer"), wait=False))
            except BlockingIOError:
                yield iter(())
                return
            self._take()
            if not self.taken.exists():
                yield iter(())
                return
            with self.taken.open("rb") as lines:
                yield (line.rstrip(b"\n") for line in lines if line != b"\n")
            self.taken.unlink(missing_ok=True)

    def _take(self) -> None:
        if self.taken.exists():
            return  # a drain that was interrupted: that goes first
        with _locked(self.file.with_suffix(".lock")):
            if self.file.exists():
                self.file.rename(self.taken)

    def count(self) -> int:
        """How many lines wait. Raises OSError."""
        return sum(self._count(file) for file in (self.file, self.taken))

    def _count(self, file: Path) -> int:
        identity = _identify(file)
        known, lines = self._counted.get(file, (None, 0))
        if known != identity:  # whoever asks often must not have a big file read as often
            lines = _count_lines(file)
            self._counted[file] = identity, lines
        return lines


LONGEST_LINE_BYTES = 128 * 1024
"""A body of 64 KiB in base64, and what stands around it."""


def _identify(file: Path) -> tuple[int, int]:
    """Which file it is, and its size."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_ino, found.st_size


def _write_durably(file: Path, content: bytes) -> None:
    fresh = not file.exists()
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        rest = memoryview(content)
        while rest:  # the system may write less than it was given
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if fresh:
        _sync_directory(file.parent)  # else a power cut forgets that the file exists


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(file: Path, *, wait: bool = True) -> Iterator[None]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)  # which lets go of the lock; the file stays, or two could lock two files of one name


def _count_lines(file: Path) -> int:
    try:
        with file.open("rb") as lines:
            return sum(1 for line in lines if line != b"\n")
    except FileNotFoundError:
        return 0
