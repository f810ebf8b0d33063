"""Finding payments by what people know of them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, CompoundSelect, or_, select, union

from hakika.store.payments import COLUMNS, PaymentRow
from hakika.store.tables import RECEIPT_IS_CLAIMED, accounts, receipts
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
    result_code: str | None = None  # M-Pesa's, or a word of ours
    confirmed_by: str | None = None
    flags: tuple[str, ...] = ()  # all of them
    late: bool | None = None
    frozen: bool | None = None
    created_after_ms: int | None = None
    created_before_ms: int | None = None
    limit: int = 20
    cursor: str | None = None


def search_payments(tx: Transaction, search: Search) -> list[PaymentRow]:
    """The payments that fit. Ids sort by time, so the newest come first."""
    wanted = (*_equal(search), *_marked(search), *_within(search))
    statement = select(*COLUMNS).where(*wanted).order_by(table.c.id.desc()).limit(search.limit)
    return [PaymentRow._make(row) for row in tx.all(statement)]


def _equal(search: Search) -> Iterator[ColumnElement[bool]]:
    equal = {
        table.c.reference: search.reference,
        table.c.phone: search.phone,
        table.c.checkout_request_id: search.checkout_request_id,
        table.c.status: search.status,
        table.c.amount: search.amount,
        table.c.account_reference: search.account_reference,
        table.c.merchant_request_id: search.merchant_request_id,
        table.c.code: search.result_code,
        table.c.confirmed_by: search.confirmed_by,
    }
    yield from (column == value for column, value in equal.items() if value is not None)
    if search.receipt is not None:
        yield table.c.id.in_(_showing(search.receipt))
    if search.account is not None:
        named = select(accounts.c.id).where(or_(accounts.c.id == search.account, accounts.c.name == search.account))
        yield table.c.account.in_(named)
    if search.mode is not None:
        live = table.c.environment == "production"
        yield live if search.mode == "live" else ~live


def _showing(receipt: str) -> CompoundSelect[Any]:
    """The ids of the payments that a receipt leads to: that of its owner, and those that show it as claimed."""
    # Who owns it is indexed there already: an index of all payments as well would cost each callback one more page.
    owner = select(receipts.c.payment).where(receipts.c.receipt == receipt)
    claimed = select(table.c.id).where(table.c.receipt == receipt, RECEIPT_IS_CLAIMED).correlate(None)
    return union(owner, claimed)


def _marked(search: Search) -> Iterator[ColumnElement[bool]]:
    yield from (_has_flag(flag) for flag in search.flags)
    if search.late is not None:
        yield _has_flag("late") if search.late else ~_has_flag("late")
    if search.frozen is not None:
        yield table.c.frozen != "" if search.frozen else table.c.frozen == ""


def _within(search: Search) -> Iterator[ColumnElement[bool]]:
    if search.created_after_ms is not None:
        yield table.c.created_at_ms >= search.created_after_ms
    if search.created_before_ms is not None:
        yield table.c.created_at_ms < search.created_before_ms
    if search.cursor is not None:
        yield table.c.id < search.cursor


def _has_flag(flag: str) -> ColumnElement[bool]:
    return table.c.flags.contains(f'"{flag}"', autoescape=True)  # a JSON list of words


def find_by_anything(tx: Transaction, name: str) -> list[PaymentRow]:
    """The payments that are called so: by id, reference, CheckoutRequestID or receipt; newest first."""
    # Asked apart: in one condition with the others it would cost the databases the use of their indexes.
    showing = [str(row[0]) for row in tx.all(_showing(name.upper()))]
    called = or_(
        table.c.id.in_([name, *showing]),
        table.c.reference == name,
        table.c.checkout_request_id == name,
    )
    statement = select(*COLUMNS).where(called).order_by(table.c.id.desc()).limit(20)
    return [PaymentRow._make(row) for row in tx.all(statement)]
