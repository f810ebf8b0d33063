"""The desk where callbacks come in: read, recorded, and answered only when their bytes are durable.

If the database is down they go to the spool, an append-only file, fsynced, and are drained later. If even that
fails the sender is told "accepted" all the same, because telling it otherwise brings nothing back (daraja.md
§2.3: it does not try again), and the query loop finds out.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from hakika.daraja.callbacks import read_callback
from hakika.domain.errors import StoreUnavailable
from hakika.engine.case import Evidence, Origin
from hakika.engine.ledger import Ledger

log = structlog.get_logger("hakika.desk")


class Posted(msgspec.Struct, frozen=True):
    """A callback as it came. `token` is `""` on the paths that carry none."""

    body: bytes
    token: str
    origin: Origin
    at_ms: int
    foreign: bool = False  # it came from an address that is not on the list
    refused: bool = False  # … and the settings say that such are not believed


class Desk:
    """Takes callbacks in."""

    def __init__(self, ledger: Ledger, spool: Path, clock: Callable[[], int]) -> None:
        self._ledger, self._spool, self._clock = ledger, spool, clock
        self.lost = 0  # callbacks that neither the database nor the spool took: for /health

    async def receive(self, posted: Posted) -> None:
        """Record a callback, or spool it. Never raises."""
        try:
            await self._ledger.record(read_posted(posted))
        except Exception as error:  # noqa: BLE001 - whatever broke, the bytes must be kept
            log.warning("callback_spooled", error=str(error), unavailable=isinstance(error, StoreUnavailable))
            try:
                await asyncio.to_thread(self._append, posted)
            except OSError as disk:
                self.lost += 1
                log.critical("callback_lost", error=str(disk), body=posted.body[:200].decode(errors="replace"))

    def waiting(self) -> int:
        """How many callbacks wait in the spool."""
        return sum(len(path.read_bytes().splitlines()) for path in self._files() if path.exists())

    async def drain(self) -> int:
        """Record what the spool holds. → how many; what fails stays for the next time."""
        drained = 0
        taken = self._spool.with_suffix(".draining")
        if not taken.exists():
            if not self._spool.exists():
                return 0
            self._spool.rename(taken)  # new ones go to a new file meanwhile
        for line in taken.read_bytes().splitlines():
            try:
                posted = msgspec.json.decode(line, type=Posted)
            except msgspec.DecodeError:
                log.warning("spool_line_torn", line=line[:200].decode(errors="replace"))
                continue  # the machine died while it was written: its sender was never answered
            await self._ledger.record(read_posted(posted))
            drained += 1
        taken.unlink()
        log.info("spool_drained", callbacks=drained)
        return drained

    def _append(self, posted: Posted) -> None:
        self._spool.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._spool, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, msgspec.json.encode(posted) + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _files(self) -> tuple[Path, Path]:
        return self._spool, self._spool.with_suffix(".draining")


def read_posted(posted: Posted) -> Evidence:
    """The evidence in a callback: believed only on a payment's own path, and not from where it is refused."""
    reading = read_callback(posted.body, posted.at_ms, trusted=bool(posted.token) and not posted.refused)
    flags = reading.flags
    if posted.foreign:
        flags = (*flags, "foreign_ip")
    if posted.origin.truncated:
        flags = (*flags, "truncated")
    if flags is not reading.flags:
        reading = msgspec.structs.replace(reading, flags=flags)
    return Evidence(
        reading=reading,
        identity=hashlib.blake2b(posted.body, digest_size=16).hexdigest(),
        token=posted.token,
        raw=posted.body,
        origin=posted.origin,
    )
