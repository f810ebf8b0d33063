"""Time to certainty: production code and the simulator in virtual time, on one seed.

Payers answer log-normally with a median of 15 s, a quarter of them declining; no competing load. Measured from
the payer's answer (or from the prompt's end, where there was none) until the payment is final in the database.

`awaited`: somebody waits for each payment from the request until its end, as a held /wait, a stream or a page does.
"""

import asyncio
import random
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec

from bench.payments import SIMULATED
from hakika.config import read_settings
from hakika.daraja.answers import read_push_answer, read_query_answer, read_token_answer
from hakika.daraja.protocol import Answer, PushOrder, PushOutcome, QueryOutcome, Request, Shortcode, Token
from hakika.daraja.requests import build_push, build_query, build_token_request
from hakika.engine.case import Origin
from hakika.engine.cashier import Cashier
from hakika.engine.clock import Clock
from hakika.engine.desk import Posted
from hakika.engine.live.awaited import EVERY_MS, Awaited
from hakika.engine.live.notices import Watch
from hakika.engine.orders import read_order
from hakika.engine.worker import Worker
from hakika.main import House, build_house, sync_default_account
from hakika.simulator import CallbackPost, Network, Settings
from hakika.simulator.rules import read_rule
from hakika.store.payments import PaymentRow, next_due_at
from hakika.store.search import Search, search_payments

START_MS = 1_795_000_000_000
PAYMENTS = 600
PAYMENTS_FOR_A_FEW = 3_000  # where only some callbacks are lost: as many as those are told apart by
APART_MS = 20_000  # between requests: no competing load
PAYERS = {"answers": {"pay": 0.75, "cancel": 0.15, "wrong_pin": 0.05, "no_funds": 0.05}, "median_ms": 15_000}
OVER_MS = 30 * 60_000
CASES: dict[str, dict[str, Any]] = {
    "all_callbacks_lost": {"lost": 1.0},
    "callbacks_healthy": {"lost": 0.0},
    "callbacks_healthy_awaited": {"lost": 0.0, "awaited": True},
    "few_callbacks_lost_awaited": {"lost": 0.03, "awaited": True, "payments": PAYMENTS_FOR_A_FEW},
}


class VirtualClock(Clock):
    """Time that passes when we say so."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = START_MS

    def __call__(self) -> int:
        """The time now."""
        return self.now_ms


class MemoryDaraja:
    """The simulator, called in memory with the bytes that would go over the wire."""

    def __init__(self, network: Network, clock: Clock) -> None:
        self._network, self._clock = network, clock

    async def prepare(self, _: str, __: Shortcode, ___: int) -> PushOutcome | None:
        """Nothing stands in a push's way."""

    async def push(self, _: str, shortcode: Shortcode, order: PushOrder, attempt: int) -> PushOutcome:
        """Prompt a phone."""
        request = build_push(shortcode, self._token(shortcode), order, self._clock())
        return read_push_answer(self._send(request), attempt, self._clock())

    async def query(self, _: str, shortcode: Shortcode, checkout_request_id: str, last_word: bool) -> QueryOutcome:
        """Ask what became of a prompt."""
        request = build_query(shortcode, self._token(shortcode), checkout_request_id, self._clock())
        return read_query_answer(self._send(request), checkout_request_id, self._clock(), last_word)

    def _token(self, shortcode: Shortcode) -> Token:
        return read_token_answer(self._send(build_token_request(shortcode)), self._clock())

    def _send(self, request: Request) -> Answer:
        target = request.url.partition("//")[2].partition("/")[2]
        answer = self._network.handle(request.method, f"/{target}", request.headers, request.body, self._clock())
        return Answer(answer.status, dict(answer.headers), answer.body)


class Crowd:
    """Those who wait: one for each payment, until its end."""

    def __init__(self, house: House, clock: VirtualClock) -> None:
        self._notices, self._clock = house.ledger.notices, clock
        self._awaited = Awaited(house.store, self._notices, clock)
        self._waits: dict[str, AbstractContextManager[Watch]] = {}
        self._marks_at_ms = 0
        self._notices.listen(self._leave)

    def join(self, payment_id: str) -> None:
        """Begin to wait for a payment."""
        self._waits[payment_id] = self._notices.watch(payment_id)
        self._waits[payment_id].__enter__()

    async def mark(self) -> None:
        """Have the server mark what is awaited, as often as it does."""
        if self._clock() >= self._marks_at_ms:
            await self._awaited.mark()
            self._marks_at_ms = self._clock() + EVERY_MS

    def next_due_ms(self) -> int | None:
        """When to mark again, if somebody waits."""
        return self._marks_at_ms if self._waits else None

    def _leave(self, row: PaymentRow) -> None:
        if row.status != "pending" and row.id in self._waits:
            self._waits.pop(row.id).__exit__(None, None, None)


async def measure_certainty(
    *, lost: float, awaited: bool = False, payments: int = PAYMENTS, seed: int = 1
) -> dict[str, Any]:
    """Run the payments to their ends; `lost`: the share of callbacks. → of all, and of those alone where some are."""
    with tempfile.TemporaryDirectory(prefix="hakika-bench-") as folder:
        clock, chance = VirtualClock(), random.Random(seed)  # noqa: S311 - a bench wants the same run each time
        settings = read_settings(database_url=f"sqlite:///{folder}/h.db", data_dir=Path(folder), **SIMULATED)
        house = build_house(settings, clock, chance.randbytes)
        await house.store.write(lambda tx: sync_default_account(house, tx))
        network = Network(Settings(seed=seed, default_rule=read_rule(PAYERS)))
        network.set_faults({"callback_lost": lost} if lost else {})
        cashier, worker = house.hire(MemoryDaraja(network, clock), "http://127.0.0.1")
        crowd = Crowd(house, clock) if awaited else None
        await _play(house, network, cashier, worker, clock, crowd, payments)
        rows = await house.store.read(lambda tx: search_payments(tx, Search(limit=payments)))
        await house.store.close()
    told = _describe(network, rows)
    if 0 < lost < 1:
        told["of_those_lost"] = _describe(network, [row for row in rows if not row.called_back_at_ms])
    return told


def _describe(network: Network, rows: Sequence[PaymentRow]) -> dict[str, Any]:
    """Percentiles in seconds of the simulator's clock, and queries a payment."""
    took = []
    for row in rows:
        push = network.find(row.checkout_request_id or "")
        assert push is not None, row
        assert (row.status == "completed") == push.paid, (row.status, push.code)
        took.append((row.final_at_ms - push.ended_ms) / 1000)
    return {
        "payments": len(took),
        "p50_s": round(statistics.median(took), 2),
        "p99_s": round(statistics.quantiles(took, n=100)[98], 2),
        "max_s": round(max(took), 2),
        "queries_each": round(statistics.mean(row.queries for row in rows), 3),
    }


async def _play(
    house: House,
    network: Network,
    cashier: Cashier,
    worker: Worker,
    clock: VirtualClock,
    crowd: Crowd | None,
    payments: int,
) -> None:
    """Jump from one thing that is due to the next until all is final."""
    arrivals = [(START_MS + place * APART_MS, place) for place in range(payments)]
    end_ms = arrivals[-1][0] + OVER_MS
    while clock.now_ms < end_ms:
        while arrivals and arrivals[0][0] <= clock.now_ms:
            _, place = arrivals.pop(0)
            phone = f"2547{place:08d}"
            asked = await cashier.request(read_order(amount=100, phone=phone, reference=f"order-{place}"))
            if crowd:
                crowd.join(msgspec.json.decode(asked.body)["id"])
        for post in network.due_callbacks(clock.now_ms):
            await _post(house, post, clock.now_ms)
        if crowd:
            await crowd.mark()
        await worker.run_once()
        due_at_ms = await house.store.read(next_due_at)
        waiting = [due_at_ms, network.next_due_ms(), arrivals[0][0] if arrivals else None]
        waiting += [crowd.next_due_ms()] if crowd else []
        soonest = min((at_ms for at_ms in waiting if at_ms is not None), default=None)
        if soonest is None:
            return
        # What is due and was not granted waits for the budget.
        clock.now_ms = max(soonest, clock.now_ms + 100)


async def _post(house: House, post: CallbackPost, now_ms: int) -> None:
    token = post.url.rpartition("/")[2]
    await house.desk.receive(Posted(post.body, token, Origin("127.0.0.1", "/c/…", "174379"), now_ms))


if __name__ == "__main__":
    for name, case in CASES.items():
        print(name, asyncio.run(measure_certainty(**case)))
