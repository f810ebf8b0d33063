"""The store without a server: read as it is, written under the lock that a server would hold."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from sqlalchemy import text

from hakika.cli.voice import Failure
from hakika.config import Settings, check_settings, daraja_urls
from hakika.database_urls import sqlite_file
from hakika.domain.errors import SettingError, StoreUnavailable
from hakika.domain.phone import read_phone
from hakika.engine.clock import Clock
from hakika.engine.explaining.explanation import Explanation, tell_explanation
from hakika.engine.ids import system_entropy
from hakika.engine.keys import create_key, revoke_key, show_key
from hakika.engine.representation import as_dict, iso, mode_of
from hakika.engine.timeline import show_parked, tell_all
from hakika.logs import configure_logs
from hakika.serving.presence import hold_database
from hakika.store.accounts import AccountRow, list_accounts
from hakika.store.evidence import list_quarantine
from hakika.store.keys import list_api_keys
from hakika.store.opening import Store, open_store
from hakika.store.payments import find_payment
from hakika.store.search import Search, find_by_anything, search_payments
from hakika.store.transaction import Transaction

if TYPE_CHECKING:
    from hakika.api.account_shapes import AccountChange, NewAccountShape

T = TypeVar("T")
Shape = TypeVar("Shape", "NewAccountShape", "AccountChange")


class Direct:
    """The store."""

    def __init__(self, settings: Settings) -> None:
        check_settings(settings)
        configure_logs(settings.log_format, "warning")
        self._settings = settings

    # ── reading ──────────────────────────────

    def find(self, name: str) -> list[dict[str, Any]]:
        """See Remote.find."""
        return [as_dict(row) for row in self._read(lambda tx: find_by_anything(tx, name))]

    def list_payments(self, wanted: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
        """See Remote.list_payments."""
        search = Search(**{**wanted, "flags": tuple(wanted.get("flags", ()))})
        if search.phone:
            search = search._replace(phone=read_phone(search.phone))
        rows = self._read(lambda tx: search_payments(tx, search._replace(limit=search.limit + 1)))
        return [as_dict(row) for row in rows[: search.limit]], len(rows) > search.limit

    def tell(self, payment_id: str) -> list[dict[str, Any]]:
        """See Remote.tell."""
        entries: list[dict[str, Any]] = msgspec.json.decode(
            msgspec.json.encode(self._read(lambda tx: tell_all(tx, payment_id)))
        )
        return entries

    def explain(self, payment_id: str) -> dict[str, Any]:
        """See Remote.explain."""
        clock = Clock(self._settings.clock_speed, self._settings.clock_anchor_ms)

        def tell(tx: Transaction) -> Explanation:
            row = find_payment(tx, payment_id)
            assert row is not None, payment_id  # it was found just before, and payments are never deleted
            return tell_explanation(tx, row, clock())

        explanation: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self._read(tell)))
        return explanation

    def read_stats(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """See Remote.read_stats."""
        from hakika.engine.watching.stats import find_account, read_day, read_period, show_stats

        now_ms = Clock(self._settings.clock_speed, self._settings.clock_anchor_ms)()
        first, last = (date.fromisoformat(wanted[name]) if name in wanted else None for name in ("from", "to"))
        period = read_period(first, last, wanted.get("days"), now_ms)
        mode, name = wanted.get("mode") or mode_of(self._settings.environment), wanted.get("account", "")
        with opened(self._settings) as store:
            account = store.read_now(lambda tx: find_account(tx, name))
            read = partial(read_day, mode=mode, account=account)
            days = [store.read_now(partial(read, day=day)) for day in period.days()]
        return show_stats(days, period, mode, name, now_ms)

    def list_accounts(self) -> list[dict[str, Any]]:
        """See Remote.list_accounts."""
        return [show_account(row) for row in self._read(list_accounts)]

    def list_keys(self) -> list[dict[str, Any]]:
        """See Remote.list_keys."""
        return [show_key(row) for row in self._read(list_api_keys)]

    def list_quarantine(self, limit: int) -> list[dict[str, Any]]:
        """See Remote.list_quarantine."""
        return [show_parked(row) for row in self._read(lambda tx: list_quarantine(tx, limit))]

    def _read(self, job: Callable[[Transaction], T]) -> T:
        with opened(self._settings) as store:
            return store.read_now(job)

    # ── writing ──────────────────────────────

    def query(self, payment_id: str) -> dict[str, Any]:
        """See Remote.query."""
        return self._act(lambda cashier: cashier.query(payment_id))

    def cancel(self, payment_id: str, reason: str) -> dict[str, Any]:
        """See Remote.cancel."""
        return self._act(lambda cashier: cashier.cancel(payment_id, reason))

    def resolve(self, payment_id: str, outcome: str, receipt: str, reason: str, operator: str) -> dict[str, Any]:
        """See Remote.resolve."""
        from hakika.engine.resolution import Resolution

        resolution = msgspec.convert({"outcome": outcome, "reason": reason, "receipt": receipt}, Resolution)
        return self._act(lambda cashier: cashier.resolve(payment_id, resolution, operator))

    def create_key(self, name: str, mode: str) -> dict[str, Any]:
        """See Remote.create_key."""

        def create(house: Any) -> dict[str, Any]:
            opens = mode or mode_of(house.settings.environment)
            key, row = house.store.write_now(lambda tx: create_key(tx, name, opens, house.clock, system_entropy))
            return {**show_key(row), "key": key}

        return self._write(create)

    def revoke_key(self, key_id: str) -> None:
        """See Remote.revoke_key."""
        self._write(lambda house: house.store.write_now(lambda tx: revoke_key(tx, key_id, house.clock())))

    def add_account(self, body: dict[str, Any]) -> dict[str, Any]:
        """See Remote.add_account."""
        from hakika.api.account_shapes import NewAccountShape
        from hakika.api.accounts import read_new_account

        shape = _fit(NewAccountShape, body)
        new = read_new_account(shape, daraja_urls(self._settings)[shape.environment])
        return self._keep_account(lambda house, tx: house.accounts.add(tx, new))

    def amend_account(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """See Remote.amend_account."""
        from hakika.api.account_shapes import AccountChange
        from hakika.api.accounts import read_change

        given = read_change(_fit(AccountChange, body))
        return self._keep_account(lambda house, tx: house.accounts.amend(tx, name, **given))

    def _keep_account(self, keep: Callable[[Any, Transaction], Any]) -> dict[str, Any]:
        kept = self._write(lambda house: house.store.write_now(lambda tx: keep(house, tx)))
        return next(account for account in self.list_accounts() if account["id"] == kept.id)

    def _write(self, job: Callable[[Any], T]) -> T:
        from hakika.main import build_house

        with hold_database(self._settings.database_url):
            house = build_house(self._settings)
            try:
                return job(house)
            finally:
                asyncio.run(house.store.close())

    def _act(self, verb: Callable[[Any], Awaitable[Any]]) -> dict[str, Any]:
        async def act() -> dict[str, Any]:
            async with self._cashier() as cashier:
                return as_dict(await verb(cashier))

        with hold_database(self._settings.database_url):
            return asyncio.run(act())

    @contextlib.asynccontextmanager
    async def _cashier(self) -> AsyncIterator[Any]:
        from hakika.daraja.client import open_client
        from hakika.main import build_house

        house = build_house(self._settings)
        try:
            await house.store.read(house.accounts.load)
            house.ledger.know_shortcodes(house.accounts.shortcodes)
            async with open_client(house.clock, house.tokens) as daraja:
                yield house.hire(daraja, "")[0]
        finally:
            await house.store.close()


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """Open the store for reading. Raises SettingError where there is no database of ours."""
    configure_logs(settings.log_format, "warning")  # unset, they would go to standard output, and unmasked
    file = sqlite_file(settings.database_url)
    if file is not None and not file.exists():
        raise SettingError("DATABASE_URL", f"there is no {file} here.", "Start with `hakika serve`, or correct it.")
    store = open_store(settings.database_url)
    try:
        _check_schema(store)
        yield store
    finally:
        asyncio.run(store.close())


def _check_schema(store: Store) -> None:
    try:
        store.read_now(lambda tx: tx.execute(text("SELECT version_num FROM alembic_version")).all())
    except StoreUnavailable as error:
        if "no such table" not in error.detail:
            raise
    except Exception as error:
        if "alembic_version" not in str(error):
            raise
    else:
        return
    raise SettingError("DATABASE_URL", "that database has no tables of Hakika.", "Run `hakika migrate`.")


def _fit(shape: type[Shape], body: dict[str, Any]) -> Shape:
    """The body in the API's own shape. Raises Failure, naming what does not fit."""
    from pydantic import ValidationError

    try:
        return shape(**body)
    except ValidationError as error:
        faults = "; ".join(f"`{fault['loc'][0]}`: {fault['msg']}" for fault in error.errors())
        raise Failure("The request is not valid", faults, code="invalid_request", cure="Correct it.") from None


def show_account(row: AccountRow) -> dict[str, Any]:
    """An account without its secrets, as the API shows it."""
    return {
        "id": row.id,
        "object": "account",
        "name": row.name,
        "environment": row.environment,
        "shortcode": row.shortcode,
        "till": row.till or None,
        "calls_per_minute": row.calls_per_minute,
        "queries_per_minute": row.queries_per_minute,
        "active": bool(row.active),
        "display_name": row.display_name,
        "return_hosts": row.return_hosts.split(",") if row.return_hosts else [],
        "created_at": iso(row.created_at_ms),
    }
