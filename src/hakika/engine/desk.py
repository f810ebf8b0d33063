"""The desk where callbacks come in: read, recorded, and answered only when their bytes are durable.

If the database is down, or takes more than a second, they go to the spool, an append-only file, fsynced, and are
drained later. If even that fails the sender is told "accepted" all the same, because telling it otherwise brings
nothing back (daraja.md §2.3: it does not try again), and the query loop finds out.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import msgspec
import structlog

from hakika.daraja.callbacks import read_callback
from hakika.domain.errors import StoreUnavailable
from hakika.domain.evidence import CallbackReceived
from hakika.engine.case import Evidence, Origin, Recorded
from hakika.engine.ledger import Ledger
from hakika.engine.patience import Patience
from hakika.engine.spool import Spool
from hakika.engine.watching.story import mask_prompt

log = structlog.get_logger("hakika.desk")
DRAINED_AT_ONCE = 256


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
        self._ledger, self._spool, self._clock = ledger, Spool(spool), clock
        self._patience = Patience()
        self.spooled = 0
        self.lost = 0  # callbacks that neither the database nor the spool took: for /ready
        self.spoiled = 0  # whole lines of the spool that could not be recorded, and were set aside

    async def receive(self, posted: Posted) -> Recorded | None:
        """Record a callback, or spool it. Never raises. → what came of it, or None where that is not known yet.

        Where the database took too long, what was asked of it goes on: the same bytes are a copy.
        """
        try:
            answer = self._ledger.submit(read_posted(posted))
            self._patience.limit(answer)
            return await answer
        except Exception as error:  # noqa: BLE001 - whatever broke, the bytes must be kept
            unavailable = isinstance(error, StoreUnavailable)
            log.warning("callback_spooled", error=type(error).__name__, unavailable=unavailable, **_name(posted))
            try:
                await asyncio.to_thread(self._spool.append, msgspec.json.encode(posted))
                self.spooled += 1
            except OSError as disk:
                self.lost += 1
                body = posted.body[:200].decode(errors="replace")
                log.critical("callback_lost", error=str(disk), body=body, **_name(posted))
        return None

    async def waiting(self) -> int:
        """How many callbacks wait in the spool. Raises OSError."""
        return await asyncio.to_thread(self._spool.count)

    def is_full(self) -> bool:
        """Whether the spool takes no more. Raises OSError."""
        return self._spool.is_full()

    async def drain(self) -> int:
        """Record what the spool holds. → how many. Raises StoreUnavailable; then all of it stays.

        A callback that was recorded before an interruption is recorded again: the same bytes are a copy.
        """
        with self._spool.draining() as lines:
            drained, seen = 0, 0
            for some in _in_batches(lines):
                drained += sum(await asyncio.gather(*map(self._redo, some)))
                seen += len(some)
            if seen:
                log.info("spool_drained", callbacks=drained, lines=seen)
        return drained

    async def _redo(self, line: bytes) -> bool:
        """Record one line. → whether it could be; what can never be is set aside and must not stop the others."""
        try:
            posted = msgspec.json.decode(line, type=Posted)
        except msgspec.MsgspecError:
            # The machine died while it was written: its sender was never answered.
            log.warning("spool_line_torn", bytes=len(line))
            self._spool.set_aside(line, torn=True)
            return False
        try:
            await self._ledger.record(read_posted(posted))
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - one line that breaks must not keep the others waiting for ever
            log.error("spool_line_spoiled", error=type(error).__name__, **_name(posted))
            self._spool.set_aside(line, torn=False)
            self.spoiled += 1
            return False
        return True


def _name(posted: Posted) -> dict[str, str]:
    """What tells which payment it is about: the database, which knows, did not answer."""
    reading = read_callback(posted.body, posted.at_ms, trusted=False)
    if not isinstance(reading, CallbackReceived):
        return {"reason": reading.reason}
    return {"checkout_request_id": mask_prompt(reading.checkout_request_id), "result_code": reading.code}


def _in_batches(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    while batch := list(islice(lines, DRAINED_AT_ONCE)):
        yield batch


def read_posted(posted: Posted) -> Evidence:
    """The evidence in a callback: believed only on a payment's own path, and not from where it is refused."""
    reading = read_callback(posted.body, posted.at_ms, trusted=bool(posted.token) and not posted.refused)
    identity, flags = hashlib.blake2b(posted.body, digest_size=16), reading.flags
    if posted.foreign:
        flags = (*flags, "foreign_ip")
    if posted.origin.truncated:
        flags = (*flags, "truncated")
    if flags is not reading.flags:
        reading = msgspec.structs.replace(reading, flags=flags)
        # With other flags it is another piece: of a copy only the first one's are kept.
        identity.update("".join(flags).encode())
    return Evidence(
        reading=reading,
        identity=identity.hexdigest(),
        token=posted.token,
        raw=posted.body,
        origin=posted.origin,
    )
