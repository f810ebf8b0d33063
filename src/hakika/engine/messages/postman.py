"""The postman: has messages to payers written and sends them, each marked in the database before it leaves.

Who is killed between the mark and the answer sends nothing twice: the message ends as `unknown`, and is shown. It has
its own loop and touches nothing that webhooks, callbacks or payments wait for.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial

import structlog

from hakika.domain.errors import StoreUnavailable
from hakika.domain.schedule import MINUTE_MS, SECOND_MS
from hakika.engine.clock import Clock
from hakika.engine.messages.carriers import Carriers, Parcel
from hakika.engine.messages.channels import Channels
from hakika.engine.messages.fates import Fate
from hakika.engine.messages.follower import Follower
from hakika.engine.messages.opt_outs import mask_recipient
from hakika.store.events import EventRow
from hakika.store.messages.channels import ChannelRow, find_channel, find_opt_out
from hakika.store.messages.records import (
    FAILED,
    QUEUED,
    SENT,
    SKIPPED,
    Due,
    MessageRow,
    end_abandoned,
    end_message,
    find_due_channels,
    mark_sending,
    skip_queued,
    take_due_messages,
)
from hakika.store.opening import Store
from hakika.store.transaction import Transaction

log = structlog.get_logger("hakika.messages")

AT_ONCE = 4  # for each channel: one that hangs holds no more, and no other channel up
LOOK_EVERY_MS = SECOND_MS
LONGEST_S = 30.0  # carriers have bounds of their own; this one is for a name server that hangs
DEAD_AFTER_MS = 2 * MINUTE_MS  # longer than any sending may take, and recording it
RETRY_AFTER_MS = (5 * SECOND_MS, 30 * SECOND_MS, 2 * MINUTE_MS)
"""After which it is tried again where it surely never left us: nobody took the connection."""
FINISH_WITHIN_S = 5.0
RECORDED_WITHIN = 5  # tries, a second apart
ABANDONED = "the server stopped while it was being sent: it may have arrived, and is not sent again"
TURNED_OFF = "the channel was turned off"

Marked = list[tuple[ChannelRow, list[MessageRow]]]


class Postman:
    """Sends messages to payers."""

    def __init__(self, store: Store, follower: Follower, channels: Channels, carriers: Carriers, clock: Clock) -> None:
        self._store, self._follower, self._channels = store, follower, channels
        self._carriers, self._clock = carriers, clock
        self._sending: dict[asyncio.Task[None], MessageRow] = {}
        self._busy: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._wake = asyncio.Event()

    def notice(self, _: Sequence[EventRow] = ()) -> None:
        """Look at once: events were committed."""
        if self._follower.listening:
            self._wake.set()

    # ── once, for tests ──────────────────────────────

    async def run_once(self) -> dict[str, int]:
        """Write and send all that is due now, and wait for it. → how often what came of it."""
        await self._follower.follow()
        self._ended.clear()
        while await self._send_due():
            while self._sending:
                await asyncio.wait(self._sending)
        return dict(self._ended)

    # ── for ever ──────────────────────────────

    async def run(self) -> None:
        """Go on until cancelled; then finish what is being sent, within bounds."""
        try:
            while True:
                self._wake.clear()
                await self._go_round()
                await self._clock.wait_for(self._wake, LOOK_EVERY_MS)
        finally:
            if self._sending:
                await asyncio.wait(self._sending, timeout=FINISH_WITHIN_S)
            for task in self._sending:
                task.cancel()  # marked as they are, they end as unknown
            await asyncio.gather(*self._sending, return_exceptions=True)

    async def _go_round(self) -> None:
        try:
            await self._follower.follow()
            await self._send_due()
        except StoreUnavailable as error:
            log.warning("messages_wait", error=str(error))
        except Exception as error:
            log.error("messages_failed", exc_info=error)

    # ── marking ──────────────────────────────

    async def _send_due(self) -> int:
        """Mark what is due and there is room for, and begin to send it. → how many were looked at."""
        due = await self._store.read(lambda tx: find_due_channels(tx, self._clock()))
        if not due:
            return 0
        marked, looked_at = await self._store.write(partial(self._mark, sorted(due)))
        for channel, rows in marked:
            for row in rows:
                self._begin(channel, row)
        if looked_at and not self._sending:
            self._wake.set()  # all of it was skipped: there may be more behind
        return looked_at

    def _mark(self, due: Sequence[str], tx: Transaction) -> tuple[Marked, int]:
        now_ms = self._clock()
        abandoned = end_abandoned(tx, now_ms, ABANDONED)
        if abandoned:
            log.error("messages_unknown", messages=abandoned[:20], count=len(abandoned))
        marked: Marked = []
        looked_at = len(abandoned)
        for channel_id in due:
            channel = find_channel(tx, channel_id)
            if channel is None or not channel.active:
                skip_queued(tx, channel_id, now_ms, TURNED_OFF)
                continue
            found = take_due_messages(tx, channel_id, now_ms, AT_ONCE - self._busy[channel_id])
            rows = [one.message for one in found if not self._skip(tx, channel, one, now_ms)]
            dead_at_ms = now_ms + int(DEAD_AFTER_MS * max(1.0, self._clock.speed))
            mark_sending(tx, [row.id for row in rows], now_ms, dead_at_ms)
            marked.append((channel, rows))
            looked_at += len(found)
        return marked, looked_at

    def _skip(self, tx: Transaction, channel: ChannelRow, due: Due, now_ms: int) -> bool:
        """Whether it is not to be sent after all; said in the row."""
        row, reason = due.message, ""
        if due.payment_status != row.type.removeprefix("payment."):
            reason = f"the payment is {due.payment_status or 'gone'} by now"
        elif find_opt_out(tx, row.mode, row.recipient, ["", row.account]):
            reason = "the payer wants no messages"
        elif now_ms - row.event_at_ms > channel.send_within_ms:
            reason = "too late: it would tell of what is long past"
        if reason:
            end_message(tx, row._replace(status=SKIPPED, detail=reason, ended_at_ms=now_ms, due_at_ms=None))
            log.info("message_skipped", message=row.id, payment=row.payment, reason=reason)
            self._ended[SKIPPED] += 1
        return bool(reason)

    # ── sending ──────────────────────────────

    def _begin(self, channel: ChannelRow, row: MessageRow) -> None:
        self._busy[channel.id] += 1
        task = asyncio.create_task(self._send(channel, row))
        self._sending[task] = row
        task.add_done_callback(partial(self._finish, channel.id))

    def _finish(self, channel_id: str, task: "asyncio.Task[None]") -> None:
        row = self._sending.pop(task)
        self._busy[channel_id] -= 1
        if not task.cancelled() and task.exception() is not None:
            log.error("message_lost", message=row.id, payment=row.payment, exc_info=task.exception())
        self._wake.set()

    async def _send(self, channel: ChannelRow, row: MessageRow) -> None:
        fate = await self.carry(channel, Parcel(row.kind, row.recipient, row.subject, row.text))
        row = self._judge(channel, row, fate)
        self._ended[row.status] += 1
        tell = log.info if row.status == SENT else log.warning
        tell(
            "message_" + row.status,
            message=row.id,
            payment=row.payment,
            channel=channel.id,
            kind=row.kind,
            recipient=mask_recipient(row.recipient),
            detail=row.detail,
        )
        await self._record(row)

    async def carry(self, channel: ChannelRow, parcel: Parcel) -> Fate:
        """Hand one text to a channel, now. What goes wrong inside of us is not known to have stayed here."""
        try:
            async with asyncio.timeout(LONGEST_S):
                return await self._carriers.carry(self._channels.open(channel), parcel)
        except TimeoutError:
            return Fate("unknown", f"no answer within {LONGEST_S:g} s")
        except Exception as error:  # noqa: BLE001 - its text may hold secrets, so its kind is all that is said
            log.error("carrying_failed", channel=channel.id, error=type(error).__name__)
            return Fate("unknown", f"an error inside Hakika: {type(error).__name__}")

    def _judge(self, channel: ChannelRow, row: MessageRow, fate: Fate) -> MessageRow:
        """The row as it now is; `row.attempts` is from before this attempt."""
        now_ms = self._clock()
        ended = row._replace(
            detail=fate.detail, reference=fate.reference, cost=fate.cost, ended_at_ms=now_ms, due_at_ms=None
        )
        if fate.outcome != "unsent":
            return ended._replace(status=fate.outcome)
        if row.attempts < len(RETRY_AFTER_MS):
            again_ms = now_ms + RETRY_AFTER_MS[row.attempts]
            if again_ms - row.event_at_ms <= channel.send_within_ms:
                return ended._replace(status=QUEUED, due_at_ms=again_ms, ended_at_ms=0)
        return ended._replace(status=FAILED)

    async def _record(self, row: MessageRow) -> None:
        """Record what came of it. Where the database does not take it, the mark stays, and it ends as unknown."""
        for _ in range(RECORDED_WITHIN):
            try:
                await self._store.write(lambda tx: end_message(tx, row))
            except StoreUnavailable as error:
                log.error("store_unavailable", error=str(error))
                await asyncio.sleep(self._clock.seconds(LOOK_EVERY_MS))
            else:
                return
