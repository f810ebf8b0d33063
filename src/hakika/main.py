"""The composition root: the one place where everything is put together."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from dataclasses import dataclass

import structlog
from fastapi import FastAPI

from hakika.api.access import Gate
from hakika.api.app import create_app, with_callbacks
from hakika.api.callbacks import AddressBook, Asgi
from hakika.config import Environment, Settings, check_credentials, daraja_urls
from hakika.daraja.client import open_client
from hakika.domain.errors import StoreUnavailable
from hakika.engine.accounts import Account, Accounts, Credentials, NewAccount, StoredTokens
from hakika.engine.budgets import Budgets
from hakika.engine.cashier import Cashier
from hakika.engine.clock import Clock
from hakika.engine.collect import Collector, Daraja
from hakika.engine.desk import Desk
from hakika.engine.health import CallbackHealth
from hakika.engine.ids import Entropy, system_entropy
from hakika.engine.ledger import Ledger
from hakika.engine.notices import Notices
from hakika.engine.representation import mode_of
from hakika.engine.vault import Vault, find_key
from hakika.engine.worker import Worker
from hakika.store.evidence import thin_quarantine
from hakika.store.keys import forget_idempotency_keys
from hakika.store.migrations import upgrade
from hakika.store.opening import Store, open_store
from hakika.store.transaction import Transaction

log = structlog.get_logger("hakika")

QUARANTINE_KEPT = 10_000
HOUSEKEEPING_EVERY_MS = 60_000
DRAIN_EVERY_MS = 1_000
DAY_MS = 24 * 60 * 60 * 1000
GC_THRESHOLD = 50_000  # the hot path makes no cycles: with the usual 700 a collection doubled the p99


@dataclass(frozen=True)
class House:
    """Everything, put together."""

    settings: Settings
    clock: Clock
    store: Store
    accounts: Accounts
    tokens: StoredTokens
    ledger: Ledger
    health: CallbackHealth
    budgets: Budgets
    desk: Desk
    entropy: Entropy

    def hire(self, daraja: Daraja, own_origin: str) -> tuple[Cashier, Worker]:
        """Give the house a Daraja. → the cashier and the worker."""
        origin = self.settings.callback_origin(own_origin)
        collector = Collector(
            self.ledger,
            self.accounts,
            daraja,
            self.budgets,
            lambda token: f"{origin}/c/{token}",
            self.clock,
            self.entropy,
        )
        worker = Worker(
            self.store, self.accounts, collector, self.budgets, self.health, self.ledger.notices, self.clock
        )
        cashier = Cashier(self.store, self.ledger, self.accounts, collector, self.budgets, self.clock, self.entropy)
        return cashier, worker


def build_house(settings: Settings, clock: Clock | None = None, entropy: Entropy = system_entropy) -> House:
    """Open the store at its newest schema and put everything on it. Raises SettingError."""
    clock = clock or Clock(settings.clock_speed, settings.clock_anchor_ms)
    upgrade(settings.database_url)
    store = open_store(settings.database_url)
    vault = Vault(find_key(settings.secret_key, settings.data_dir / "secret.key"))
    accounts = Accounts(store, vault, clock, entropy)
    health = CallbackHealth(clock)
    ledger = Ledger(store, clock, entropy, health, Notices())
    desk = Desk(ledger, settings.data_dir / "callbacks.spool", clock)
    tokens = StoredTokens(store, vault, clock)
    budgets = Budgets(store, accounts, clock)
    return House(settings, clock, store, accounts, tokens, ledger, health, budgets, desk, entropy)


def sync_default_account(house: House, tx: Transaction) -> None:
    """Bring the account in the settings into the database, as `default`. Raises SettingError without any account."""
    settings, accounts = house.settings, house.accounts
    known = {account.name: account for account in accounts.load(tx)}
    if not settings.consumer_key and known:
        return
    check_credentials(settings)
    wanted = NewAccount(
        name="default",
        environment=settings.environment,
        base_url=settings.daraja_url,
        shortcode=settings.shortcode,
        till=settings.till,
        credentials=Credentials(settings.consumer_key, settings.consumer_secret, settings.passkey),
        calls_per_minute=settings.calls_per_minute,
        queries_per_minute=settings.query_limit,
    )
    current = known.get("default")
    if current is None:
        accounts.add(tx, wanted)
    elif _differs(current, wanted):
        accounts.change(tx, current.id, wanted)
    accounts.load(tx)


def _differs(current: Account, wanted: NewAccount) -> bool:
    now = current.shortcode
    return (
        (now.base_url, now.shortcode, now.till, now.consumer_key, now.consumer_secret, now.passkey)
        != (
            wanted.base_url,
            wanted.shortcode,
            wanted.till,
            wanted.credentials.consumer_key,
            wanted.credentials.consumer_secret,
            wanted.credentials.passkey,
        )
        or current.environment != wanted.environment
        or current.calls_per_minute != wanted.calls_per_minute
        or current.queries_per_minute != wanted.queries_per_minute
        or not current.active
    )


def build_server(settings: Settings, own_origin: str = "", local_key: str = "") -> Asgi:
    """The server as an ASGI application. Raises SettingError.

    `own_origin`: where it listens, for callbacks from the simulator; `local_key`: for programs on this machine.
    """
    house = build_house(settings)
    house.store.write_now(lambda tx: sync_default_account(house, tx))

    @contextlib.asynccontextmanager
    async def live(app: FastAPI) -> AsyncIterator[None]:
        async with open_client(house.clock, house.tokens) as daraja:
            house.ledger.know_shortcodes(house.accounts.shortcodes)
            app.state.cashier, app.state.worker = house.hire(daraja, own_origin)
            tasks = [asyncio.create_task(app.state.worker.run()), asyncio.create_task(keep_house(house))]
            gc.collect()
            gc.freeze()
            gc.set_threshold(GC_THRESHOLD)
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await house.store.close()

    app = create_app(live)
    state = app.state
    state.mode = mode_of(settings.environment)
    state.gate = Gate(house.store, settings.api_key, mode_of(settings.environment), local_key)
    state.accounts, state.ledger = house.accounts, house.ledger
    state.desk, state.clock, state.daraja_urls = house.desk, house.clock, daraja_urls(settings)
    return with_callbacks(app, read_addresses(settings))


def read_addresses(settings: Settings) -> AddressBook:
    """Who may post callbacks. The simulator posts from loopback, and there is nobody to tell it from."""
    expected = () if settings.environment is Environment.SIMULATOR else settings.allowed_ips
    return AddressBook(expected, settings.trusted_proxies, refuse=settings.refuse_foreign_ips)


async def keep_house(house: House) -> None:
    """Drain the spool, and forget what has had its time."""
    tidied_at_ms = 0
    while True:
        try:
            await house.desk.drain()
            if house.clock() - tidied_at_ms > HOUSEKEEPING_EVERY_MS:
                tidied_at_ms = house.clock()
                await house.store.write(lambda tx: thin_quarantine(tx, QUARANTINE_KEPT))
                await house.store.write(lambda tx: forget_idempotency_keys(tx, house.clock() - DAY_MS))
        except StoreUnavailable as error:
            log.warning("housekeeping_waits", error=str(error))
        except Exception as error:
            log.error("housekeeping_failed", exc_info=error)
        await asyncio.sleep(house.clock.seconds(DRAIN_EVERY_MS))
