"""Checkouts and payment links: their rows, how they are found, locked and written."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, insert, select, update

from hakika.store.payments import COLUMNS, PaymentRow
from hakika.store.tables import checkouts as table
from hakika.store.tables import deliveries, events, links, payments
from hakika.store.transaction import Transaction


class CheckoutRow(NamedTuple):
    """One purchase, in the order of the table's columns. Amount 0: the payer chooses."""

    id: str
    mode: str
    account: str
    reference: str
    amount: int
    amount_least: int
    amount_most: int
    description: str
    return_url: str
    cancel_url: str
    language: str
    metadata: str
    ask_again: str
    link: str
    created_at_ms: int
    expires_at_ms: int
    status: str
    payment: str
    attempts: int
    sequence: int
    ended_at_ms: int
    due_at_ms: int | None


class LinkRow(NamedTuple):
    """A template from which checkouts are made. `template` is JSON."""

    id: str
    mode: str
    account: str
    reference: str
    template: str
    single_use: bool
    active: bool
    used: int
    created_at_ms: int


def insert_checkout(tx: Transaction, row: CheckoutRow) -> None:
    """Store a new checkout."""
    tx.execute(insert(table), row._asdict())


def write_checkout(tx: Transaction, row: CheckoutRow) -> None:
    """Store what changed in a checkout."""
    tx.execute(update(table).where(table.c.id == row.id).values(row._asdict()))


def _rows(tx: Transaction, statement: Select[Any]) -> list[CheckoutRow]:
    return [CheckoutRow._make(row) for row in tx.all(statement)]


def find_checkout(tx: Transaction, checkout_id: str) -> CheckoutRow | None:
    """The checkout of that id."""
    return next(iter(_rows(tx, select(table).where(table.c.id == checkout_id))), None)


def lock_checkouts(tx: Transaction, checkout_ids: Sequence[str]) -> list[CheckoutRow]:
    """These checkouts, locked, in id order."""
    statement = select(table).where(table.c.id.in_(checkout_ids))
    return _rows(tx, tx.dialect.for_update(statement, in_order_of=table.c.id))


def find_due_checkouts(tx: Transaction, now_ms: int, limit: int) -> list[str]:
    """The ids of checkouts on which something is due."""
    due = select(table.c.id).where(table.c.due_at_ms <= now_ms).order_by(table.c.due_at_ms, table.c.id).limit(limit)
    return [str(row[0]) for row in tx.all(due)]


def list_checkouts(
    tx: Transaction, mode: str, reference: str | None, status: str | None, link: str | None, before: str, limit: int
) -> list[CheckoutRow]:
    """Checkouts, newest first; `before` is the last id seen, or `""`."""
    statement = select(table).order_by(table.c.id.desc()).limit(limit)
    for column, value in ((table.c.reference, reference), (table.c.status, status), (table.c.link, link)):
        if value is not None:
            statement = statement.where(column == value)
    if mode:
        statement = statement.where(table.c.mode == mode)
    if before:
        statement = statement.where(table.c.id < before)
    return _rows(tx, statement)


def find_attempts(tx: Transaction, checkout_id: str) -> list[PaymentRow]:
    """The payments made for a checkout, oldest first."""
    statement = select(*COLUMNS).where(payments.c.checkout == checkout_id).order_by(payments.c.id)
    return [PaymentRow._make(row) for row in tx.all(statement)]


def find_asked(tx: Transaction, phone: str, since_ms: int) -> list[PaymentRow]:
    """The payments that checkouts asked a phone for since then."""
    asked = select(*COLUMNS).where(
        payments.c.phone == phone, payments.c.created_at_ms > since_ms, payments.c.checkout != ""
    )
    return [PaymentRow._make(row) for row in tx.all(asked)]


def count_undelivered(tx: Transaction, checkout_id: str) -> int:
    """How many endpoints still wait for the news that a checkout is completed."""
    owed = (
        select(deliveries.c.endpoint)
        .join(events, events.c.number == deliveries.c.event)
        .where(
            events.c.checkout == checkout_id,
            events.c.type == "checkout.completed",
            deliveries.c.status == "waiting",
        )
    )
    return len(tx.all(owed))


# ── links ──────────────────────────────


def insert_link(tx: Transaction, row: LinkRow) -> None:
    """Store a new link."""
    tx.execute(insert(links), row._asdict())


def find_link(tx: Transaction, link_id: str, *, lock: bool = False) -> LinkRow | None:
    """The link of that id."""
    statement = select(links).where(links.c.id == link_id)
    row = tx.one(tx.dialect.for_update(statement) if lock else statement)
    return None if row is None else LinkRow._make(row)


def list_links(tx: Transaction, mode: str, limit: int, before: str = "") -> list[LinkRow]:
    """Links, newest first."""
    statement = select(links).order_by(links.c.id.desc()).limit(limit)
    if mode:
        statement = statement.where(links.c.mode == mode)
    if before:
        statement = statement.where(links.c.id < before)
    return [LinkRow._make(row) for row in tx.all(statement)]


def set_link(tx: Transaction, link_id: str, *, active: bool | None = None, used: int | None = None) -> None:
    """Switch a link on or off, or count a use."""
    changes = {name: value for name, value in (("active", active), ("used", used)) if value is not None}
    if changes:
        tx.execute(update(links).where(links.c.id == link_id).values(changes))
