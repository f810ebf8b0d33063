"""The deliverer: takes what is owed to endpoints, sends it, and records what became of it.

Each endpoint has a lane of its own: what one of them does to us, the others never feel. The rows in the database are
the queue. What is taken is leased first, sent outside any transaction, and recorded many at a time: who is killed
before recording sends again, with the same id.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from hakika.domain.errors import HakikaError, StoreUnavailable
from hakika.domain.schedule import DELIVERY_LEASE_MS, SECOND_MS
from hakika.engine.clock import Clock
from hakika.engine.ids import Entropy
from hakika.engine.live.publication import encode_event
from hakika.engine.messages.apprise_urls import is_apprise_url
from hakika.engine.watching.story import tell_deliveries
from hakika.engine.webhooks.endpoints import Endpoints
from hakika.engine.webhooks.lanes import Traffic
from hakika.engine.webhooks.notifier import Notifier
from hakika.engine.webhooks.outbound import Reply, Sender
from hakika.engine.webhooks.outcomes import GONE, Sent, Surroundings, record
from hakika.engine.webhooks.webhook import build_headers
from hakika.store.events import EventRow, EventStatements
from hakika.store.opening import Store
from hakika.store.transaction import Transaction
from hakika.store.webhooks.deliveries import DeliveryStatements, Owed, take_due, take_probe
from hakika.store.webhooks.endpoints import DueLane, EndpointRow, list_due_lanes, lock_endpoints, set_lane

log = structlog.get_logger("hakika.deliver")

SENDING_AT_ONCE = 1024  # connections: a process may usually have so many files open
LOOK_AGAIN_AFTER_MS = SECOND_MS  # for what other nodes made due
LOOK_SOON_MS = 50  # another node holds what is due
BREATH_MS = 20
"""After a look that found nothing to send: each batch of callbacks wakes us, also where every lane in use is closed."""
FINISH_WITHIN_S = 5.0  # what is being sent when the server stops


class Deliverer:
    """Delivers events to endpoints."""

    def __init__(
        self,
        store: Store,
        endpoints: Endpoints,
        sender: Sender,
        clock: Clock,
        entropy: Entropy,
        announce: Callable[[Sequence[EventRow]], None] = lambda _: None,
        notifier: Notifier | None = None,
    ) -> None:
        """`announce` is told of events that are published about endpoints, once that is durable.

        Without a notifier, what is owed to people waits.
        """
        self._store, self._sender, self._clock, self._entropy = store, sender, clock, entropy
        self._endpoints, self._announce, self._notifier = endpoints, announce, notifier
        self._deliveries, self._events = DeliveryStatements(store.dialect), EventStatements(store.dialect)
        self._traffic: dict[str, Traffic] = {}
        self._sending: dict[asyncio.Task[None], Owed] = {}
        self._sent: list[Sent] = []
        self._unsent: list[Owed] = []
        self.on_sent: list[Callable[[Sequence[Sent]], None]] = [tell_deliveries]  # once that is durable
        self._wake, self._outcome = asyncio.Event(), asyncio.Event()
        self._stopping = False
        self._barred = False  # whether the last look found lanes in use, and all of them closed
        self.beat_at_ms = 0  # when the loop last went round

    def notice(self, _: Sequence[EventRow] = ()) -> None:
        """Look at once: events were committed."""
        self._wake.set()

    # ── once, for tests ──────────────────────────────

    async def run_once(self) -> Counter[str]:
        """Send all that is due now, wait for it and record it. → how often what came of it."""
        await self._take()
        while self._sending:
            await asyncio.wait(self._sending)
        outcomes = Counter("delivered" if one.reply.taken else "failed" for one in self._sent)
        await self._record()
        return outcomes

    # ── for ever ──────────────────────────────

    async def run(self) -> None:
        """Deliver what becomes due until cancelled; then finish what is being sent, within bounds."""
        recording = asyncio.create_task(self._record_forever())
        try:
            while True:
                self._wake.clear()
                wait_ms = await self._go_round()
                if self._barred and not self._sending:
                    await asyncio.sleep(self._clock.seconds(BREATH_MS))
                await self._clock.wait_for(self._wake, wait_ms)
        finally:
            await self._wind_up(recording)

    async def _go_round(self) -> float:
        self.beat_at_ms = self._clock()
        try:
            return await self._take()
        except StoreUnavailable as error:
            log.error("store_unavailable", error=str(error))
        except Exception as error:
            log.error("delivery_round_failed", exc_info=error)
        return LOOK_AGAIN_AFTER_MS

    async def _wind_up(self, recording: "asyncio.Task[None]") -> None:
        self._stopping = True
        for traffic in self._traffic.values():
            self._give_back(traffic)
        if self._sending:
            await asyncio.wait(self._sending, timeout=FINISH_WITHIN_S)
        for task, owed in list(self._sending.items()):
            task.cancel()
            self._unsent.append(owed)  # whoever runs next sends it again
        recording.cancel()
        await asyncio.gather(recording, *self._sending, return_exceptions=True)
        try:
            await self._record()
        except HakikaError as error:
            log.warning("outcomes_not_recorded", error=str(error))  # sent again when the lease ends

    # ── taking ──────────────────────────────

    async def _take(self) -> float:
        """Take what is due and there is room for, and begin to send it. → how long until more is due, in ms."""
        now_ms = self._clock()
        lanes = await self._store.glance(list_due_lanes)
        wanted = {lane.endpoint.id: self._room(lane) for lane in lanes if _opens_at(lane) <= now_ms}
        self._barred = bool(lanes) and not wanted
        wanted = {endpoint: room for endpoint, room in wanted.items() if room > 0}
        taken = await self._store.write(partial(self._take_in, wanted, now_ms)) if wanted else {}
        for endpoint, owed in taken.items():
            traffic = self._traffic[endpoint]
            traffic.queue.extend(owed)
            traffic.more = len(owed) == wanted[endpoint]
            self._pump(traffic)
        if wanted and not any(taken.values()):
            return LOOK_SOON_MS
        later = [_opens_at(lane) - now_ms for lane in lanes if _opens_at(lane) > now_ms]
        return min([LOOK_AGAIN_AFTER_MS, *later])

    def _room(self, lane: DueLane) -> int:
        traffic = self._traffic.setdefault(lane.endpoint.id, Traffic(lane.endpoint))
        traffic.endpoint = lane.endpoint
        return traffic.room()

    def _take_in(self, wanted: dict[str, int], now_ms: int, tx: Transaction) -> dict[str, list[Owed]]:
        until_ms = now_ms + DELIVERY_LEASE_MS
        failing = [endpoint for endpoint in wanted if self._traffic[endpoint].endpoint.lane.failing]
        locked = lock_endpoints(tx, failing)
        taken = {}
        for endpoint, room in wanted.items():
            if endpoint not in failing:
                taken[endpoint] = take_due(tx, self._deliveries, endpoint, now_ms, room, until_ms)
            elif endpoint in locked and locked[endpoint].next_at_ms <= now_ms:
                taken[endpoint] = take_probe(tx, self._deliveries, endpoint, now_ms, until_ms)
                if taken[endpoint]:
                    # No other node probes it meanwhile.
                    set_lane(tx, endpoint, locked[endpoint].lane._replace(next_at_ms=until_ms))
        return taken

    # ── sending ──────────────────────────────

    def _pump(self, traffic: Traffic) -> None:
        """Begin to send as many as the lane takes at once."""
        while traffic.queue and traffic.free() and len(self._sending) < SENDING_AT_ONCE and not self._stopping:
            owed = traffic.queue.popleft()
            traffic.sending += 1
            task = asyncio.create_task(self._send(traffic, owed))
            self._sending[task] = owed
            task.add_done_callback(partial(self._finish, traffic))

    async def _send(self, traffic: Traffic, owed: Owed) -> None:
        endpoint = traffic.endpoint
        sent = await self._attempt(endpoint, owed)
        sent = sent._replace(probe=endpoint.lane.failing)
        if traffic.judge(sent.reply.taken, pauses=bool(sent.not_before_ms) or sent.reply.status_code == GONE):
            self._give_back(traffic)
        self._sent.append(sent)
        self._outcome.set()

    async def _attempt(self, endpoint: EndpointRow, owed: Owed) -> Sent:
        at_ms = self._clock()
        if is_apprise_url(endpoint.url):
            return Sent(owed, endpoint, await self._tell(endpoint, owed.event), at_ms)
        body = encode_event(owed.event)
        headers = build_headers(owed.event.id, body, self._endpoints.signers(endpoint))
        return Sent(owed, endpoint, await self._sender.post(endpoint.url, body, headers), at_ms)

    async def _tell(self, endpoint: EndpointRow, event: EventRow) -> Reply:
        if self._notifier is None:
            return Reply(0, "nobody here sends messages", b"", 0)
        return await self._notifier.send(self._endpoints.open_url(endpoint), event)

    def _finish(self, traffic: Traffic, task: "asyncio.Task[None]") -> None:
        crowded = len(self._sending) >= SENDING_AT_ONCE
        owed = self._sending.pop(task)
        traffic.sending -= 1
        if not task.cancelled() and task.exception() is not None:
            # Its lease ends, and it is sent again.
            about = owed.event
            log.error("sending_failed", payment=about.payment, event_id=about.id, exc_info=task.exception())
        for waiting in self._traffic.values() if crowded else [traffic]:
            self._pump(waiting)
        if traffic.more and traffic.room() > 0:
            self._wake.set()

    def _give_back(self, traffic: Traffic) -> None:
        """What is queued is not sent now: the lane fails, or the server stops."""
        self._unsent += traffic.queue
        traffic.queue.clear()
        self._outcome.set()

    async def ping(self, endpoint: EndpointRow, owed: Owed) -> Sent:
        """Send one delivery now, whatever its lane is like, and record what came of it."""
        sent = (await self._attempt(endpoint, owed))._replace(ping=True)
        await self._write([sent], [])
        return sent

    # ── recording ──────────────────────────────

    async def _record_forever(self) -> None:
        while True:
            await self._outcome.wait()
            self._outcome.clear()
            try:
                await self._record()
            except StoreUnavailable as error:
                log.error("store_unavailable", error=str(error))
                await asyncio.sleep(self._clock.seconds(LOOK_AGAIN_AFTER_MS))
                self._outcome.set()
            except Exception as error:
                log.error("recording_failed", exc_info=error)

    async def _record(self) -> None:
        """Record all that is to be recorded; what the store did not take stays. Raises StoreUnavailable."""
        sent, unsent = self._sent, self._unsent
        if not sent and not unsent:
            return
        self._sent, self._unsent = [], []
        try:
            await self._write(sent, unsent)
        except (StoreUnavailable, asyncio.CancelledError):
            self._sent, self._unsent = sent + self._sent, unsent + self._unsent
            raise
        if any(not one.reply.taken or one.probe for one in sent):
            self._wake.set()  # lanes changed

    async def _write(self, sent: Sequence[Sent], unsent: Sequence[Owed]) -> None:
        around = Surroundings(self._deliveries, self._events, self._clock(), self._entropy)
        published = await self._store.write(lambda tx: record(tx, around, sent, unsent))
        for listener in self.on_sent if sent else ():
            listener(sent)
        if published:
            self._announce(published)
            self._wake.set()


def _opens_at(lane: DueLane) -> int:
    """When something may be sent."""
    return max(lane.due_at_ms, lane.endpoint.next_at_ms)
