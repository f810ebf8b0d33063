"""Finding payments by what people know of them."""

from typing import NamedTuple

from sqlalchemy import or_, select

from hakika.store.payments import COLUMNS, PaymentRow
from hakika.store.tables import accounts
from hakika.store.tables import payments as table
from hakika.store.transaction import Transaction


class Search(NamedTuple):
    """What a payment must fit; None asks for nothing. Newest first; `cursor` is the last id seen."""

    reference: str | None = None
    phone: str | None = None
    receipt: str | None = None
    checkout_request_id: str | None = None
    status: str | None = None
    account: str | None = None  # its id or name
    mode: str | None = None
    amount: int | None = None
    account_reference: str | None = None
    merchant_request_id: str | None = None
    created_after_ms: int | None = None
    created_before_ms: int | None = None
    limit: int = 20
    cursor: str | None = None


def search_payments(tx: Transaction, search: Search) -> list[PaymentRow]:
    """The payments that fit. Ids sort by time, so the newest come first."""
    equal = {
        table.c.reference: search.reference,
        table.c.phone: search.phone,
        table.c.receipt: search.receipt,
        table.c.checkout_request_id: search.checkout_request_id,
        table.c.status: search.status,
        table.c.amount: search.amount,
        table.c.account_reference: search.account_reference,
        table.c.merchant_request_id: search.merchant_request_id,
    }
    statement = select(*COLUMNS)
    if search.account is not None:
        named = select(accounts.c.id).where(or_(accounts.c.id == search.account, accounts.c.name == search.account))
        statement = statement.where(table.c.account.in_(named))
    if search.mode is not None:
        live = table.c.environment == "production"
        statement = statement.where(live if search.mode == "live" else ~live)
    for column, value in equal.items():
        if value is not None:
            statement = statement.where(column == value)
    if search.created_after_ms is not None:
        statement = statement.where(table.c.created_at_ms >= search.created_after_ms)
    if search.created_before_ms is not None:
        statement = statement.where(table.c.created_at_ms < search.created_before_ms)
    if search.cursor is not None:
        statement = statement.where(table.c.id < search.cursor)
    statement = statement.order_by(table.c.id.desc()).limit(search.limit)
    return [PaymentRow._make(row) for row in tx.all(statement)]


def find_by_anything(tx: Transaction, name: str) -> list[PaymentRow]:
    """The payments that are called so: by id, reference, CheckoutRequestID or receipt; newest first."""
    called = or_(
        table.c.id == name,
        table.c.reference == name,
        table.c.checkout_request_id == name,
        table.c.receipt == name.upper(),
    )
    statement = select(*COLUMNS).where(called).order_by(table.c.id.desc()).limit(20)
    return [PaymentRow._make(row) for row in tx.all(statement)]
