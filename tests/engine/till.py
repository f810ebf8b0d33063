"""A till: one node's whole engine on a real store, with the time, the randomness and Daraja handed in."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import msgspec
from sqlalchemy import select, update

from hakika.daraja.protocol import PushOrder, PushOutcome, QueryOutcome, Shortcode
from hakika.domain.evidence import (
    AnyReading,
    CallbackReceived,
    PushAccepted,
    PushLost,
    PushRefused,
    QueryAnswered,
    QueryUnanswered,
)
from hakika.engine.accounts import Accounts, Credentials, NewAccount
from hakika.engine.budgets import Budgets
from hakika.engine.case import NO_ORIGIN, Evidence, Origin, Recorded
from hakika.engine.cashier import Cashier
from hakika.engine.checkout.checkouts import Checkouts
from hakika.engine.checkout.prompting import Prompting
from hakika.engine.clock import Clock
from hakika.engine.collect import Collector
from hakika.engine.health import CallbackHealth
from hakika.engine.ledger import Ledger
from hakika.engine.live.feed import Feed
from hakika.engine.live.notices import Notices
from hakika.engine.once import IdempotencyKey
from hakika.engine.orders import Order, read_order
from hakika.engine.vault import Vault
from hakika.engine.worker import Worker
from hakika.store import open_store
from hakika.store.events import EventRow, list_events
from hakika.store.evidence import EvidenceRow, QuarantineRow, list_evidence, list_quarantine
from hakika.store.payments import PaymentRow, find_payment
from hakika.store.search import Search
from hakika.store.tables import payments

START_MS = 1_790_000_000_000
VAULT_KEY = "aGFraWthLWhha2lrYS1oYWtpa2EtaGFraWthLWhha2k="
CREDENTIALS = Credentials("the-consumer-key", "the-consumer-secret", "the-passkey")
PHONE = "254712345678"


class HeldClock(Clock):
    """Time that passes only when a test says so, or when the engine waits for nothing but time."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = START_MS
        self.patience = 5  # how often others run before time passes

    def __call__(self) -> int:
        """The time now."""
        return self.now_ms

    def pass_ms(self, duration_ms: float) -> None:
        """Let that much time pass."""
        self.now_ms += int(duration_ms)

    def pass_s(self, duration_s: float) -> None:
        """Let that many seconds pass."""
        self.pass_ms(duration_s * 1000)

    def seconds(self, duration_ms: float) -> float:
        """Who sleeps so long sleeps no time on the wall."""
        self.pass_ms(duration_ms)
        return 0.0

    async def wait_for(self, event: asyncio.Event, duration_ms: float) -> bool:
        """Let others run first; only when nobody sets the event does the time pass."""
        for _ in range(self.patience):
            if event.is_set():
                return True
            await asyncio.sleep(0)
        self.pass_ms(max(1, duration_ms))
        return False


PushAnswer = Callable[[int, int], PushOutcome]
QueryAnswer = Callable[[int, str, bool], QueryOutcome]


def accept(at_ms: int, attempt: int, checkout_id: str = "") -> PushOutcome:
    """Daraja takes the push."""
    return PushOutcome(PushAccepted(at_ms, attempt, checkout_id, f"mr-{checkout_id}"))


def refuse(at_ms: int, attempt: int) -> PushOutcome:
    """Daraja surely did not process the push: it calls too much, and may be asked again."""
    reading = PushRefused(at_ms, attempt, "500.003.02", "Spike Arrest Violation", resend=True)
    return PushOutcome(reading, pressure=True)


def refuse_softly(at_ms: int, attempt: int) -> PushOutcome:
    """Daraja surely did not process the push; that we call too much it does not say."""
    return PushOutcome(PushRefused(at_ms, attempt, "404.001.03", "Invalid Access Token", resend=True))


def refuse_for_good(at_ms: int, attempt: int) -> PushOutcome:
    """Daraja surely did not process the push, and never will."""
    return PushOutcome(PushRefused(at_ms, attempt, "400.002.02", "Bad Request - Invalid PhoneNumber"))


def lose(at_ms: int, attempt: int) -> PushOutcome:
    """Nobody knows whether Daraja processed the push."""
    return PushOutcome(PushLost(at_ms, attempt, "timed out"))


def say(code: str) -> QueryAnswer:
    """Daraja answers a query with that result code."""
    return lambda at_ms, checkout_id, last_word: QueryOutcome(
        QueryAnswered(at_ms, code, checkout_id, "…", last_word=last_word)
    )


def say_nothing(at_ms: int, checkout_id: str, last_word: bool) -> QueryOutcome:
    """Daraja answers a query with an error that means nothing."""
    return QueryOutcome(QueryUnanswered(at_ms, "The transaction is being processed", "500.001.1001"))


class ScriptedDaraja:
    """Answers as scripted, then by default: pushes are accepted, payments are still under processing."""

    def __init__(self, clock: HeldClock) -> None:
        self._clock, self._numbers = clock, count(1)
        self.pushes: list[PushOrder] = []
        self.queries: list[str] = []
        self.push_answers: list[PushAnswer] = []
        self.query_answers: list[QueryAnswer] = []
        self.query_default: QueryAnswer = say("4999")
        self.during_push: Callable[[PushOrder], Any] = lambda _: None
        self.obstacles: list[PushOutcome | Exception] = []

    async def prepare(self, _account_id: str, _shortcode: Shortcode, _attempt: int) -> PushOutcome | None:
        """See engine.collect.Daraja."""
        obstacle = self.obstacles.pop(0) if self.obstacles else None
        if isinstance(obstacle, Exception):
            raise obstacle
        return obstacle

    async def push(self, _account_id: str, _shortcode: Shortcode, order: PushOrder, attempt: int) -> PushOutcome:
        """See engine.collect.Daraja."""
        self.pushes.append(order)
        self.during_push(order)
        await asyncio.sleep(0)
        if self.push_answers:
            return self.push_answers.pop(0)(self._clock(), attempt)
        return accept(self._clock(), attempt, f"ws_CO_{next(self._numbers)}")

    async def query(
        self, _account_id: str, _shortcode: Shortcode, checkout_request_id: str, last_word: bool
    ) -> QueryOutcome:
        """See engine.collect.Daraja."""
        self.queries.append(checkout_request_id)
        await asyncio.sleep(0)
        answer = self.query_answers.pop(0) if self.query_answers else self.query_default
        return answer(self._clock(), checkout_request_id, last_word)


class Till:
    """One node: the engine composed as `main` composes it."""

    def __init__(self, database_url: str, clock: HeldClock, daraja: ScriptedDaraja, seed: int = 1) -> None:
        self.url, self.clock, self.daraja = database_url, clock, daraja
        self.entropy = random.Random(seed).randbytes  # noqa: S311 - the same in every run
        self.store = open_store(database_url)
        self.accounts = Accounts(self.store, Vault(VAULT_KEY), clock, self.entropy)
        self.budgets = Budgets(self.store, self.accounts, clock)
        self.notices, self.health = Notices(), CallbackHealth(clock)
        self.ledger = Ledger(self.store, clock, self.entropy, self.health, self.notices)
        self.feed = Feed(self.store, self.notices, clock)
        self.collector = Collector(
            self.ledger,
            self.accounts,
            daraja,
            self.budgets,
            lambda token: f"https://shop.example/c/{token}",
            clock,
            self.entropy,
        )
        self.worker = Worker(self.store, self.accounts, self.collector, self.budgets, self.health, self.notices, clock)
        self.cashier = Cashier(
            self.store, self.ledger, self.accounts, self.collector, self.budgets, clock, self.entropy
        )
        self.checkouts = Checkouts(self.store, self.ledger, self.accounts, clock, self.entropy)
        self.prompting = Prompting(self.store, self.ledger, self.cashier, clock)
        self._phones = count(700_000_001)
        self._calls = (f"{seed}-{number}" for number in count(1))

    # ── opening and closing ──────────────────────────────

    async def open(self, **changes: Any) -> "Till":
        """Add the one account, unless another node did, and read it."""
        if not await self.store.read(self.accounts.load):
            await self.add_account("default", **changes)
        await self.load()
        return self

    async def add_account(self, name: str, **changes: Any) -> str:
        """Add an account. → its id."""
        fields: dict[str, Any] = {
            "environment": "simulator",
            "base_url": "https://daraja.example",
            "shortcode": "174379",
            "credentials": CREDENTIALS,
            "calls_per_minute": 6_000,
            "queries_per_minute": 6_000,
        }
        new = NewAccount(name=name, **{**fields, **changes})
        account = await self.store.write(lambda tx: self.accounts.add(tx, new))
        await self.load()
        return account.id

    async def load(self) -> None:
        """Read the accounts, as a worker does now and then."""
        await self.store.read(self.accounts.load)
        self.ledger.know_shortcodes(self.accounts.shortcodes)

    async def close(self) -> None:
        """Let go of the store."""
        await self.store.close()

    # ── a merchant's and a payer's acts ──────────────────────────────

    def order(self, **changes: Any) -> Order:
        """Make an order of KES 100 from a phone and under a reference of its own."""
        number = next(self._phones)
        return read_order(**{"amount": 100, "phone": f"254{number}", "reference": f"order-{number}", **changes})

    async def ask(self, *, key: IdempotencyKey | None = None, **changes: Any) -> PaymentRow:
        """Ask for money. → the payment, not yet pushed."""
        answered = await self.cashier.request(self.order(**changes), key)
        return await self.read(str(msgspec.json.decode(answered.body)["id"]))

    async def prompt(self, **changes: Any) -> PaymentRow:
        """Ask for money and push it. → the payment."""
        asked = await self.ask(**changes)
        await self.worker.run_once()
        return await self.read(asked.id)

    async def work(self, *, after_s: float = 0) -> Counter[str]:
        """Let time pass and the worker do what is due then."""
        self.clock.pass_s(after_s)
        return await self.worker.run_once()

    async def hear(self, row: PaymentRow, reading: AnyReading, *, identity: str = "", **changes: Any) -> Recorded:
        """Record a reading about a payment that is named by its id."""
        identity = identity or f"heard-{next(self._calls)}"
        return await self.ledger.record(Evidence(reading, identity, payment=row.id, **changes))

    async def call_back(
        self,
        row: PaymentRow,
        code: str = "0",
        *,
        receipt: str = "SFF6XYZ123",
        token: str | None = None,
        origin: Origin = NO_ORIGIN,
        identity: str = "",
        raw: bytes = b"",
        **changes: Any,
    ) -> Recorded:
        """Record a callback as it comes in on a path: by default the payment's own, saying that it was paid."""
        fields: dict[str, Any] = {"amount": row.amount, "checkout_request_id": row.checkout_request_id or "ws_CO_1"}
        paid = {"receipt": receipt} if code == "0" else {"amount": 0}
        token = row.token if token is None else token
        fields["trusted"] = bool(token)
        reading = CallbackReceived(self.clock(), code, **{**fields, **paid, **changes})
        identity = identity or f"callback-{next(self._calls)}"
        return await self.ledger.record(Evidence(reading, identity, token=token, raw=raw, origin=origin))

    async def together(self, *acts: Awaitable[Any]) -> list[Any]:
        """Do all of it at once, so that it is folded in one batch."""
        return list(await asyncio.gather(*acts))

    # ── what the store holds ──────────────────────────────

    async def read(self, payment_id: str) -> PaymentRow:
        """Return the row."""
        row = await self.store.read(lambda tx: find_payment(tx, payment_id))
        assert row is not None
        return row

    async def evidence(self, row: PaymentRow) -> list[EvidenceRow]:
        """Return what is kept of a payment."""
        return await self.store.read(lambda tx: list_evidence(tx, row.id))

    async def kinds(self, row: PaymentRow) -> list[str]:
        """Return the kinds of the evidence that is kept of a payment."""
        return [msgspec.json.decode(piece.reading)["kind"] for piece in await self.evidence(row)]

    async def events(self, row: PaymentRow) -> list[EventRow]:
        """Return what was published of a payment."""
        return await self.store.read(lambda tx: list_events(tx, row.id))

    async def story(self, row: PaymentRow) -> list[str]:
        """Return what was published of a payment, by name, without its creation."""
        return [event.type.removeprefix("payment.") for event in await self.events(row)][1:]

    async def find(self, **wanted: Any) -> list[PaymentRow]:
        """Return the payments that fit, newest first."""
        return list(await self.cashier.find(Search(**wanted)))

    async def quarantined(self) -> list[QuarantineRow]:
        """Return what is about no payment that is known."""
        return await self.store.read(lambda tx: list_quarantine(tx, 100))

    async def due_in_s(self, row: PaymentRow) -> float | None:
        """Return in how many seconds somebody must act on a payment."""
        due_at_ms = (await self.read(row.id)).due_at_ms
        return None if due_at_ms is None else (due_at_ms - self.clock()) / 1000

    async def spoil(self, row: PaymentRow, **values: Any) -> None:
        """Write into a row what the ledger never would."""
        await self.store.write(lambda tx: tx.execute(update(payments).where(payments.c.id == row.id).values(values)))

    async def statuses(self) -> dict[str, int]:
        """Count the payments at each status."""
        rows = await self.store.read(lambda tx: tx.all(select(payments.c.status)))
        return dict(Counter(str(row[0]) for row in rows))


def flags_of(row: PaymentRow) -> list[str]:
    """Return the row's flags."""
    flags: list[str] = msgspec.json.decode(row.flags)
    return flags


def paid_row(recorded: Recorded) -> PaymentRow:
    """Return the payment of an answer that has one."""
    assert recorded.payment is not None
    return recorded.payment
