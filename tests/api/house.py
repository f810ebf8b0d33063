"""A whole house for tests: the API on a real store, in process, with time and Daraja handed in."""

import asyncio
import dataclasses
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI
from starlette.datastructures import State

from hakika.api.access import Gate
from hakika.api.app import create_app, with_callbacks
from hakika.api.callbacks import AddressBook, Asgi
from hakika.api.door import Door
from hakika.api.metrics import Readers, Sources
from hakika.api.pages.sessions import Sessions
from hakika.api.pages.turnstile import Turnstile
from hakika.config import Settings, daraja_urls
from hakika.daraja.protocol import PushOrder, PushOutcome, QueryOutcome, Shortcode
from hakika.domain.evidence import PushAccepted, QueryAnswered
from hakika.engine.cashier import Cashier
from hakika.engine.checkout.prompting import Prompting
from hakika.engine.clock import Clock
from hakika.engine.watching.gauges import Gauging
from hakika.engine.watching.nonces import Nonces
from hakika.engine.watching.probe import Probe
from hakika.engine.webhooks.deliver import Deliverer
from hakika.engine.webhooks.outbound import open_sender
from hakika.engine.worker import Worker
from hakika.main import House, build_house, lay_ground, sync_default_account

API_KEY = "hk_the-configured-key-of-these-tests"
CONSUMER_KEY, CONSUMER_SECRET, PASSKEY = "the-consumer-key-4711", "the-consumer-secret-4712", "the-passkey-4713"
VAULT_KEY = "aGFraWthLWhha2lrYS1oYWtpa2EtaGFraWthLWhha2k="
PHONE = "254712345678"
ACCEPTED = b'{"ResultCode":0,"ResultDesc":"Accepted"}'
SAFARICOM = "196.201.212.69"
CLOSED = dict.fromkeys(("pay.example.com", "sandbox.safaricom.co.ke"), "127.0.0.1:9")
START_MS = 1_790_000_000_000


class StillClock(Clock):
    """Time that passes only when a test says so; who waits for it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = START_MS
        self._moved = asyncio.Event()

    def __call__(self) -> int:
        """The time now."""
        return self.now_ms

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ms += round(seconds * 1000)
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait_for(self, event: asyncio.Event, duration_ms: float) -> bool:
        """Wait for the event, or until the time is over because a test let it pass."""
        until_ms = self.now_ms + duration_ms
        while not event.is_set() and self.now_ms < until_ms:
            waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._moved.wait())]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
        return event.is_set()


class ScriptedDaraja:
    """Accepts every push; a query answers what the test put in `code`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.pushes: list[PushOrder] = []
        self.code = "4999"

    async def prepare(self, _: str, __: Shortcode, ___: int) -> PushOutcome | None:
        """See engine.collect.Daraja."""

    async def push(self, _: str, __: Shortcode, order: PushOrder, attempt: int) -> PushOutcome:
        """See engine.collect.Daraja."""
        self.pushes.append(order)
        number = len(self.pushes)
        return PushOutcome(PushAccepted(self._clock(), attempt, f"ws_CO_{number}", f"29115-{number}"))

    async def query(self, _: str, __: Shortcode, checkout_request_id: str, last_word: bool) -> QueryOutcome:
        """See engine.collect.Daraja."""
        return QueryOutcome(QueryAnswered(self._clock(), self.code, checkout_request_id, "", last_word=last_word))


class Open:
    """An open house: what a test speaks to, and what it may look at."""

    def __init__(
        self,
        house: House,
        cashier: Cashier,
        worker: Worker,
        daraja: ScriptedDaraja,
        asgi: Asgi,
        deliverer: Deliverer,
    ) -> None:
        self.deliverer = deliverer
        self.house, self.cashier, self.worker, self.daraja, self.asgi = house, cashier, worker, daraja, asgi
        self.state: Any = None  # the application's: what its routes work with
        assert isinstance(house.clock, StillClock)
        self.clock = house.clock
        self.api = self.visit(headers={"Authorization": f"Bearer {API_KEY}"})

    def visit(self, address: str = "127.0.0.1", headers: Mapping[str, str] | None = None) -> httpx2.AsyncClient:
        """A client that comes from that address; an error inside would come out here."""
        transport = httpx2.ASGITransport(self.asgi, raise_app_exceptions=True, client=(address, 4711))
        return httpx2.AsyncClient(transport=transport, base_url="http://hakika.test", headers=dict(headers or {}))

    async def ask(self, **fields: Any) -> dict[str, Any]:
        """Ask for money, and have it."""
        body = {"amount": 100, "phone": PHONE, "reference": "order-1"} | fields
        answer = await self.api.post("/v1/payments", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def prompt(self, **fields: Any) -> tuple[dict[str, Any], str]:
        """Ask, and let the worker push. → the payment, and the path of its callback."""
        asked = await self.ask(**fields)
        await self.worker.run_once()
        assert self.daraja.pushes[-1].phone == asked["phone"], "it was not pushed"
        return await self.read(asked["id"]), self.daraja.pushes[-1].callback_url.removeprefix("https://pay.example.com")

    async def read(self, payment_id: str) -> dict[str, Any]:
        """Read a payment."""
        return dict((await self.api.get(f"/v1/payments/{payment_id}")).json())

    async def post(self, path: str, body: bytes | str, address: str = SAFARICOM, **headers: str) -> httpx2.Response:
        """Post to a callback path as Safaricom does."""
        sent = {"Content-Type": "application/json;charset=UTF-8"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return await self.visit(address).post(path, content=body, headers=sent)

    async def timeline(self, payment_id: str) -> list[dict[str, Any]]:
        """All that is known of a payment."""
        return list((await self.api.get(f"/v1/payments/{payment_id}/timeline")).json()["data"])

    async def events(self, payment_id: str) -> Counter[str]:
        """How often each kind of event was published of a payment."""
        return Counter(entry["kind"] for entry in await self.timeline(payment_id) if entry["object"] == "event")

    async def checks(self) -> dict[str, Any]:
        """What /ready says."""
        return dict((await self.api.get("/ready")).json()["checks"])


_phones = count(254_110_000_000)
_idle: list[FastAPI] = []
"""Applications of houses that are closed; the next takes one, with a state of its own."""


def unused_phone() -> str:
    """A phone that no test has used: one that has no prompt open."""
    return str(next(_phones))


def result(checkout_id: str, *, code: object = 0, amount: object = 100, receipt: str = "NLJ7RT61SV") -> str:
    """A result as Safaricom posts it (daraja.md §2.3)."""
    items = [
        {"Name": "Amount", "Value": amount},
        {"Name": "MpesaReceiptNumber", "Value": receipt},
        {"Name": "Balance"},
        {"Name": "TransactionDate", "Value": 20260921120000},
        {"Name": "PhoneNumber", "Value": int(PHONE)},
    ]
    callback: dict[str, Any] = {
        "MerchantRequestID": "29115-1",
        "CheckoutRequestID": checkout_id,
        "ResultCode": code,
        "ResultDesc": "The service request is processed successfully.",
    }
    if code in {0, "0"}:
        callback["CallbackMetadata"] = {"Item": items}
    return json.dumps({"Body": {"stkCallback": callback}})


def settings_for(database_url: str, data_dir: Path, **given: Any) -> Settings:
    """Settings that no environment bends."""
    fields: dict[str, Any] = {
        "consumer_key": CONSUMER_KEY,
        "consumer_secret": CONSUMER_SECRET,
        "shortcode": "174379",
        "passkey": PASSKEY,
        "environment": "sandbox",
        "callback_base_url": "https://pay.example.com",
        "database_url": database_url,
        "api_key": API_KEY,
        "secret_key": VAULT_KEY,
        "data_dir": data_dir,
        "calls_per_minute": 100_000,
    }
    return Settings(_env_file=None, **(fields | given))  # type: ignore[call-arg]


@asynccontextmanager
async def open_house(settings: Settings, clock: StillClock | None = None) -> AsyncIterator[Open]:
    """Put a house together as main.build_server does, with our clock and Daraja, and nothing that runs by itself."""
    house = build_house(settings, clock or StillClock())
    await house.store.write(lambda tx: sync_default_account(house, tx))
    house.ledger.know_shortcodes(house.accounts.shortcodes)
    daraja = ScriptedDaraja(house.clock)
    cashier, worker = house.hire(daraja, "")
    worker.beat_at_ms = house.clock()
    app = _idle.pop() if _idle else create_app()  # its routes are built by the first request: 40 ms
    app.state = State({"cors_origins": ()})
    state = app.state
    state.mode = "test"
    state.gate, state.cashier, state.worker = Gate(house.store, settings.api_key, "test"), cashier, worker
    state.accounts, state.ledger, state.desk = house.accounts, house.ledger, house.desk
    state.clock, state.daraja_urls, state.probe = house.clock, daraja_urls(settings), Probe(house.store)
    state.metrics = Sources(
        *(house.ledger, house.desk, house.budgets, house.health),
        *(Gauging(house.store, house.accounts, house.clock), Readers(settings.trusted_proxies, settings.metrics_from)),
    )
    state.feed, state.cors_origins = house.feed, settings.cors_origins
    state.endpoints, state.outbox = house.endpoints, house.outbox
    state.channels, state.opt_outs = house.messaging.channels, house.messaging.opt_outs
    state.sessions = Sessions(house.vault, state.gate, house.clock)
    state.nonces = Nonces(house.vault, house.clock)
    state.return_after_ms = int(settings.return_after_s * 1000)
    house.ledger.public_url, state.checkouts = settings.public_origin(), house.checkouts
    state.prompting = Prompting(house.store, house.ledger, cashier, house.clock)
    state.callback_origin = settings.callback_origin
    # The doctor finds the internet closed at once, where tests have none.
    state.lay_ground = lambda: dataclasses.replace(lay_ground(house, state), resolve=CLOSED)
    expected = settings.allowed_ips
    addresses = AddressBook(expected, settings.trusted_proxies, refuse=settings.refuse_foreign_ips)
    state.turnstile = Turnstile(addresses, house.clock)
    state.door = Door(state.gate, addresses, house.clock, state.mode, to_anyone=bool(settings.open_compat_routes))
    try:
        async with open_sender(house.rule, within_s=2) as sender:
            state.deliverer = house.hire_deliverer(sender)
            state.postman = house.messaging.hire(sender, house.rule, house.ledger.notices)
            opened = Open(house, cashier, worker, daraja, with_callbacks(app, addresses), state.deliverer)
            opened.state = state
            yield opened
        _idle.append(app)
    finally:
        await house.store.close()
