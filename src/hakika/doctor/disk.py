"""What the machine's disk is and does: handed in, so that a test can hand in a bad one."""

import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

TRIALS = 5
FORGETFUL = frozenset({"tmpfs", "ramfs"})
"""File systems that a power cut empties."""
REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "vboxsf", "drvfs"})
"""File systems of other machines, on which SQLite's locks and syncs are not what they seem."""


class Space(NamedTuple):
    """How much there is."""

    total: int
    free: int


class Disk:
    """This machine's."""

    def measure_space(self, place: Path) -> Space:
        """Bytes in all and free where that file or folder is, or would be. Raises OSError."""
        found = shutil.disk_usage(_existing(place))
        return Space(found.total, found.free)

    def find_filesystem(self, place: Path) -> str:
        """The kind of file system that it is on, or `""` where the system does not say."""
        try:
            mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        here, kind, longest = _existing(place).resolve(), "", -1
        for line in mounts:
            _, point, found, *_ = [*line.split(" "), "", "", ""]
            where = Path(point.replace("\\040", " "))
            if here.is_relative_to(where) and len(where.parts) >= longest:
                kind, longest = found, len(where.parts)
        return kind

    def measure_sync(self, place: Path) -> float:
        """Milliseconds until a few bytes are on the disk: the middle of some trials. Raises OSError."""
        took: list[float] = []
        with tempfile.TemporaryFile(dir=_existing(place)) as file:
            for _ in range(TRIALS):
                began = time.perf_counter()
                os.write(file.fileno(), b"hakika doctor\n")
                os.fsync(file.fileno())
                took.append((time.perf_counter() - began) * 1000)
        return statistics.median(took)


def _existing(place: Path) -> Path:
    """The folder that is there: of the file, or where it would be made."""
    place = place.absolute()
    return next(parent for parent in (place, *place.parents) if parent.is_dir())
