"""The composition root: the one place where everything is put together."""

import asyncio
import contextlib
import functools
import gc
import os
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import FastAPI
from starlette.datastructures import State

from hakika.api.access import Gate
from hakika.api.app import create_app, prepare_routes, with_callbacks
from hakika.api.callbacks import AddressBook, Asgi
from hakika.api.door import Door
from hakika.api.metrics import Readers, Sources
from hakika.api.pages.sessions import Sessions
from hakika.api.pages.turnstile import Turnstile
from hakika.config import (
    NOWHERE,
    TUNNELS,
    Environment,
    Settings,
    check_credentials,
    daraja_urls,
    with_simulators_account,
)
from hakika.daraja.client import open_client
from hakika.doctor.ground import Ground
from hakika.doctor.measures import build_measures
from hakika.domain.errors import StoreUnavailable
from hakika.engine.accounts import OWN, Accounts, Credentials, NewAccount, StoredTokens
from hakika.engine.alerts.lookout import Lookout, Measures
from hakika.engine.budgets import Budgets
from hakika.engine.cashier import Cashier
from hakika.engine.checkout.checkouts import Checkouts
from hakika.engine.checkout.prompting import Prompting
from hakika.engine.clock import Clock
from hakika.engine.collect import Collector, Daraja
from hakika.engine.desk import Desk
from hakika.engine.health import CallbackHealth
from hakika.engine.ids import Entropy, system_entropy
from hakika.engine.ledger import Ledger
from hakika.engine.live.awaited import Awaited
from hakika.engine.live.feed import Feed
from hakika.engine.live.notices import Notices
from hakika.engine.messages.assembly import Messaging
from hakika.engine.representation import mode_of
from hakika.engine.stopping import WITHIN_MS, Stopping
from hakika.engine.tunnel import CallbackOrigin, Tunnel
from hakika.engine.vault import Vault, find_key
from hakika.engine.watching.gauges import Gauging
from hakika.engine.watching.lingering import Lingering
from hakika.engine.watching.nonces import Nonces
from hakika.engine.watching.probe import Probe
from hakika.engine.watching.trial import Trials
from hakika.engine.webhooks.addresses import AddressRule, read_rule
from hakika.engine.webhooks.deliver import Deliverer
from hakika.engine.webhooks.endpoints import Endpoints
from hakika.engine.webhooks.notifier import Notifier, open_notifier
from hakika.engine.webhooks.outbound import Sender, open_sender
from hakika.engine.webhooks.outbox import Outbox
from hakika.engine.worker import Worker
from hakika.store.keys import forget_idempotency_keys
from hakika.store.migrations import upgrade
from hakika.store.opening import Store, open_store
from hakika.store.quarantine import thin_quarantine
from hakika.store.transaction import Transaction

log = structlog.get_logger("hakika")

HOUSEKEEPING_EVERY_MS = 60_000
DRAIN_EVERY_MS = CHECKOUTS_EVERY_MS = 1_000
LOOPBACK = ("127.0.0.0/8", "::1")
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
    feed: Feed
    rule: AddressRule
    endpoints: Endpoints
    outbox: Outbox
    checkouts: Checkouts
    vault: Vault
    messaging: Messaging

    def hire_deliverer(self, sender: Sender, notifier: Notifier | None = None) -> Deliverer:
        """Give the house somebody who delivers."""
        notices = self.ledger.notices
        deliverer = Deliverer(
            self.store, self.endpoints, sender, self.clock, self.entropy, notices.tell_events, notifier
        )
        deliverer.on_sent.append(self.ledger.tally.take_sent)
        notices.listen_events(deliverer.notice)
        self.outbox.on_owed(deliverer.notice)
        return deliverer

    def hire_lookout(self, measures: Measures) -> Lookout:
        """Give the house somebody who looks out for what an operator must know."""
        return Lookout(self.store, self.ledger.notices, self.clock, self.entropy, measures)

    def hire(self, daraja: Daraja, own_origin: str, ask: CallbackOrigin | None = None) -> tuple[Cashier, Worker]:
        """Give the house a Daraja. → the cashier and the worker. `ask`: the callbacks' origin, where it can change."""
        fixed = self.settings.callback_origin(own_origin)
        ask = ask or (lambda: fixed)
        collector = Collector(
            self.ledger,
            self.accounts,
            daraja,
            self.budgets,
            lambda token: f"{ask()}/c/{token}",
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
    ledger.is_trial = Trials(Nonces(vault, clock)).knows
    desk = Desk(ledger, settings.data_dir / "callbacks.spool", clock)
    tokens = StoredTokens(store, vault, clock)
    budgets = Budgets(store, accounts, clock)
    feed = Feed(store, ledger.notices, clock)
    rule = read_rule(settings.webhook_allow_private, loopback=settings.environment is Environment.SIMULATOR)
    endpoints = Endpoints(vault, rule, clock, entropy)
    outbox = Outbox(store, endpoints, ledger.notices, clock, entropy)
    checkouts = Checkouts(store, ledger, accounts, clock, entropy)
    return House(
        *(settings, clock, store, accounts, tokens, ledger, health, budgets, desk, entropy),
        *(feed, rule, endpoints, outbox, checkouts, vault),
        Messaging(store, vault, accounts, clock, entropy),
    )


def sync_default_account(house: House, tx: Transaction) -> None:
    """Bring the account in the settings into the database, as `default`. Raises SettingError without any account."""
    settings, accounts = house.settings, house.accounts
    if not settings.consumer_key and accounts.load(tx):
        return
    settings = with_simulators_account(settings)
    check_credentials(settings)
    own = NewAccount(
        name=OWN,
        environment=settings.environment,
        base_url=settings.daraja_url,
        shortcode=settings.shortcode,
        till=settings.till,
        credentials=Credentials(settings.consumer_key, settings.consumer_secret, settings.passkey),
        calls_per_minute=settings.calls_per_minute,
        queries_per_minute=settings.query_limit,
        display_name=settings.display_name,
        return_hosts=settings.return_hosts,
    )
    accounts.adopt(tx, own)
    accounts.load(tx)


def follow_tunnel(house: House, tunnel: Tunnel | None, own_origin: str) -> CallbackOrigin:
    """Let everybody know who must, when the public address changes. → the callbacks' origin, to be asked each time."""
    settings = house.settings
    if tunnel is None:
        house.ledger.public_url, fixed = settings.public_origin(own_origin), settings.callback_origin(own_origin)
        return lambda: fixed

    def follow() -> None:
        house.ledger.public_url = settings.public_url.rstrip("/") or tunnel.origin or own_origin

    follow()
    tunnel.listen(follow)
    house.health.watch(lambda: tunnel.open_since_ms)
    return lambda: tunnel.origin or NOWHERE


def build_server(
    settings: Settings,
    own_origin: str = "",
    local_key: str = "",
    stopping: Stopping | None = None,
    tunnel: Tunnel | None = None,
) -> Asgi:
    """The server as an ASGI application. Raises SettingError.

    `own_origin`: where it listens, for callbacks from the simulator; `local_key`: for programs on this machine;
    `stopping`: set before the application is shut down, so that nobody waits longer than needed; `tunnel`: where the
    public address can change, what is known of it; it is kept while the server runs, and its clock is the server's.
    """
    stopping = stopping or Stopping()
    house = build_house(settings, tunnel.clock if tunnel else None)
    house.store.write_now(lambda tx: sync_default_account(house, tx))
    origin = follow_tunnel(house, tunnel, own_origin)

    @contextlib.asynccontextmanager
    async def live(app: FastAPI) -> AsyncIterator[None]:
        async with (
            open_client(house.clock, house.tokens) as daraja,
            open_sender(house.rule) as sender,
            open_notifier(house.rule) as notifier,
        ):
            house.ledger.know_shortcodes(house.accounts.shortcodes)
            app.state.cashier, app.state.worker = house.hire(daraja, own_origin, origin)
            others = hire_others(house, app.state, sender, notifier)
            kept = (tunnel.keep(),) if tunnel else ()
            prepare_routes(app)
            gc.collect()
            gc.freeze()
            gc.set_threshold(GC_THRESHOLD)
            async with at_work(house, app.state.worker, stopping, *others, *kept):
                yield

    app = create_app(live)
    app.state.callback_origin, app.state.tunnel = origin, tunnel
    furnish(app.state, house, local_key)
    return with_callbacks(app, read_addresses(settings))


def hire_others(house: House, state: Any, sender: Sender, notifier: Notifier) -> tuple[Coroutine[Any, Any, None], ...]:
    """Give the house all who work beside the worker. → what each of them does, for ever."""
    state.prompting = Prompting(house.store, house.ledger, state.cashier, house.clock)
    state.deliverer = house.hire_deliverer(sender, notifier)
    state.lookout = house.hire_lookout(build_measures(state.lay_ground))
    state.postman = house.messaging.hire(sender, house.rule, house.ledger.notices)
    return (
        state.deliverer.run(),
        keep_checkouts(house, state.prompting),
        state.lookout.run(),
        state.postman.run(),
    )


def furnish(state: Any, house: House, local_key: str) -> None:
    """Put what requests need where the routes find it."""
    settings, mode = house.settings, mode_of(house.settings.environment)
    state.mode, state.gate = mode, Gate(house.store, settings.api_key, mode, local_key)
    state.accounts, state.ledger = house.accounts, house.ledger
    state.desk, state.clock, state.daraja_urls = house.desk, house.clock, daraja_urls(settings)
    state.endpoints, state.outbox = house.endpoints, house.outbox
    state.channels, state.opt_outs = house.messaging.channels, house.messaging.opt_outs
    state.sessions = Sessions(house.vault, state.gate, house.clock)
    state.nonces = Nonces(house.vault, house.clock)
    state.checkouts, state.return_after_ms = house.checkouts, int(settings.return_after_s * 1000)
    state.metrics = Sources(
        *(house.ledger, house.desk, house.budgets, house.health),
        *(Gauging(house.store, house.accounts, house.clock), Readers(settings.trusted_proxies, settings.metrics_from)),
    )
    state.probe, state.feed, state.cors_origins = Probe(house.store), house.feed, settings.cors_origins
    addresses = read_addresses(settings)
    state.turnstile, state.lay_ground = Turnstile(addresses, house.clock), functools.partial(lay_ground, house, state)
    state.door = Door(state.gate, addresses, house.clock, state.mode, to_anyone=bool(settings.open_compat_routes))


@contextlib.asynccontextmanager
async def at_work(
    house: House, worker: Worker, stopping: Stopping, *others: Coroutine[Any, Any, None]
) -> AsyncIterator[None]:
    """Have what is due done while the block lasts. In the end: claim no more, finish what is under way, let go."""
    awaited = Awaited(house.store, house.ledger.notices, house.clock)
    parts = (
        worker.run(),
        house.feed.run(),
        awaited.run(),
        keep_house(house),
        _heed(stopping, house, worker),
        *others,
    )
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        yield
        stopping.ask()
        await worker.finish(int(WITHIN_MS * house.clock.speed))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await house.store.close()


async def _heed(stopping: Stopping, house: House, worker: Worker) -> None:
    await stopping.asked.wait()
    worker.retire()
    house.ledger.notices.end()
    await stopping.hurried.wait()
    worker.hurry()


EXAMINED = ("worker", "deliverer", "lookout", "desk", "tunnel", "nonces", "ledger", "outbox", "feed")
"""The running server's parts that the doctor looks into."""


def lay_ground(house: House, state: State) -> Ground:
    """What the doctor stands on in a running server: for each examination anew."""
    return Ground(
        settings=house.settings,
        environ=os.environ,
        clock=house.clock,
        store=house.store,
        accounts=house.accounts,
        callback_origin=state.callback_origin(),
        vault=house.vault,
        live={part: getattr(state, part) for part in EXAMINED if getattr(state, part, None) is not None},
    )


def read_addresses(settings: Settings) -> AddressBook:
    """Who may post callbacks. The simulator posts from loopback, and there is nobody to tell it from."""
    expected = () if settings.environment is Environment.SIMULATOR else settings.allowed_ips
    # ngrok and cloudflared run on this machine, and say in X-Forwarded-For who came to their other end.
    proxies = settings.trusted_proxies or (LOOPBACK if settings.tunnel in TUNNELS else ())
    return AddressBook(expected, proxies, refuse=settings.refuse_foreign_ips)


async def keep_house(house: House) -> None:
    """Drain the spool, and forget what has had its time."""
    tidied_at_ms, lingering = 0, Lingering(house.store, house.clock)
    while True:
        try:
            await house.desk.drain()
            await lingering.look()
            if house.clock() - tidied_at_ms > HOUSEKEEPING_EVERY_MS:
                tidied_at_ms = house.clock()
                await house.store.write(thin_quarantine)
                await house.store.write(lambda tx: forget_idempotency_keys(tx, house.clock() - DAY_MS))
                await house.messaging.forget(house.settings.messages_kept_days)
        except StoreUnavailable as error:
            log.warning("housekeeping_waits", error=str(error))
        except Exception as error:
            log.error("housekeeping_failed", exc_info=error)
        await asyncio.sleep(house.clock.seconds(DRAIN_EVERY_MS))


async def keep_checkouts(house: House, prompting: Prompting) -> None:
    """Expire checkouts that are over, and ask again where a checkout says so."""
    while True:
        try:
            await prompting.run_once()
        except StoreUnavailable as error:
            log.warning("checkouts_wait", error=str(error))
        except Exception as error:
            log.error("checkouts_failed", exc_info=error)
        await asyncio.sleep(house.clock.seconds(CHECKOUTS_EVERY_MS))
