"""Payments: their rows, how they are found, locked and written."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, insert, select, update

from hakika.store.tables import payments as table
from hakika.store.transaction import Dialect, Lookup, Rows, Transaction


class PaymentRow(NamedTuple):
    """One row, in the order of the table's columns (a test holds them together)."""

    id: str
    account: str
    environment: str
    reference: str
    amount: int
    verified: bool
    phone: str
    description: str
    account_reference: str
    metadata: str
    allow_repeat: bool
    token: str
    client_secret: str
    created_at_ms: int
    checkout: str
    facts: str
    status: str
    stage: str
    receipt: str
    amount_received: int
    code: str
    confirmed_by: str
    paid_at_ms: int
    payer_phone: str
    flags: str
    checkout_request_id: str | None
    merchant_request_id: str
    holds_reference: bool
    frozen: str
    sequence: int
    updated_at_ms: int
    sending_at_ms: int
    prompted_at_ms: int
    called_back_at_ms: int
    queried_at_ms: int
    queries: int
    final_at_ms: int
    awaited_until_ms: int
    due_at_ms: int | None


COLUMNS = tuple(table.columns)
ASKED: Final = 15
"""How many columns, the first, say what was asked: they never change."""
assert COLUMNS[ASKED] is table.c.facts

# Written with each piece of evidence. The CheckoutRequestID is not among them: rewriting its indexes for each
# callback would cost a tenth of the hot path, and it changes once in a payment's life.
FOLDED = (
    table.c.facts,
    table.c.status,
    table.c.stage,
    table.c.receipt,
    table.c.amount_received,
    table.c.code,
    table.c.confirmed_by,
    table.c.paid_at_ms,
    table.c.payer_phone,
    table.c.flags,
    table.c.holds_reference,
    table.c.frozen,
    table.c.sequence,
    table.c.updated_at_ms,
    table.c.sending_at_ms,
    table.c.prompted_at_ms,
    table.c.called_back_at_ms,
    table.c.queried_at_ms,
    table.c.queries,
    table.c.final_at_ms,
    table.c.due_at_ms,
)


class PaymentStatements:
    """The hot statements on payments, compiled for one database."""

    def __init__(self, dialect: Dialect) -> None:
        # In id order, so that nodes never wait in a circle; where nothing is locked, sorting would cost for nothing.
        locked = dialect.for_update(select(*COLUMNS), in_order_of=table.c.id)
        self.lock_by_id: Lookup = dialect.lookup(locked, table.c.id)
        self.lock_by_token: Lookup = dialect.lookup(locked, table.c.token)
        self.ids_by_token: Lookup = dialect.lookup(select(table.c.id), table.c.token)
        self.ids_by_checkout: Lookup = dialect.lookup(select(table.c.id), table.c.checkout_request_id)
        self.write_folded: Rows = dialect.update_rows(table, table.c.id, FOLDED)
        self.write_prompt: Rows = dialect.update_rows(
            table, table.c.id, [table.c.checkout_request_id, table.c.merchant_request_id]
        )


def insert_payment(tx: Transaction, row: PaymentRow) -> None:
    """Store a new payment."""
    tx.execute(insert(table), row._asdict())


def _rows(tx: Transaction, statement: Select[Any]) -> list[PaymentRow]:
    return [PaymentRow._make(row) for row in tx.all(statement)]


def find_payment(tx: Transaction, payment_id: str) -> PaymentRow | None:
    """The payment of that id."""
    return next(iter(_rows(tx, select(*COLUMNS).where(table.c.id == payment_id))), None)


def find_by_checkout(tx: Transaction, checkout_request_id: str, account: str = "") -> PaymentRow | None:
    """The payment that Daraja knows under that CheckoutRequestID, of one account or of any."""
    statement = select(*COLUMNS).where(table.c.checkout_request_id == checkout_request_id)
    if account:
        statement = statement.where(table.c.account == account)
    return next(iter(_rows(tx, statement)), None)


def find_recent_for_phone(tx: Transaction, phone: str, since_ms: int) -> list[PaymentRow]:
    """Payments asked of that phone since then, newest first."""
    return _rows(
        tx,
        select(*COLUMNS)
        .where(table.c.phone == phone, table.c.created_at_ms >= since_ms)
        .order_by(table.c.created_at_ms.desc())
        .limit(50),
    )


def find_rivals(tx: Transaction, row: PaymentRow) -> list[PaymentRow]:
    """Other payments under the same reference of the same account, each asked without `allow_repeat`."""
    return _rows(
        tx,
        select(*COLUMNS)
        .where(
            table.c.reference == row.reference,
            table.c.account == row.account,
            table.c.id != row.id,
            table.c.allow_repeat.is_(False),
        )
        .order_by(table.c.id),
    )


def accounts_due(tx: Transaction, now_ms: int) -> list[str]:
    """The accounts that have a payment on which somebody must act now."""
    statement = select(table.c.account).where(table.c.due_at_ms <= now_ms).distinct().order_by(table.c.account)
    return [str(row[0]) for row in tx.all(statement)]


def find_due(tx: Transaction, account: str, stages: Sequence[str], now_ms: int, limit: int) -> list[PaymentRow]:
    """Due payments of an account at these stages, locked: those that somebody waits for first, then by age."""
    nobody_waits = (table.c.awaited_until_ms < now_ms).label("nobody_waits")
    statement = (
        select(*COLUMNS)
        .where(table.c.account == account, table.c.stage.in_(stages), table.c.due_at_ms <= now_ms)
        .order_by(nobody_waits, table.c.due_at_ms, table.c.id)
        .limit(limit)
    )
    return _rows(tx, tx.dialect.for_update(statement, skip_locked=True)) if limit > 0 else []


def next_due_at(tx: Transaction) -> int | None:
    """When the next payment is due, or None."""
    row = tx.one(select(table.c.due_at_ms).where(table.c.due_at_ms.is_not(None)).order_by(table.c.due_at_ms).limit(1))
    return None if row is None else int(row[0])


def set_due(tx: Transaction, payment_ids: Sequence[str], due_at_ms: int) -> None:
    """Act on these at that time: a lease while somebody acts now."""
    if payment_ids:
        tx.execute(update(table).where(table.c.id.in_(payment_ids)).values(due_at_ms=due_at_ms))


def lease_queries(tx: Transaction, payment_ids: Sequence[str], now_ms: int, until_ms: int) -> None:
    """Somebody asks about these now. That they are asked counts from now on, not from the answer."""
    if payment_ids:
        leased = update(table).where(table.c.id.in_(payment_ids))
        tx.execute(leased.values(due_at_ms=until_ms, queried_at_ms=now_ms))


def hasten_queries(tx: Transaction, account: str, now_ms: int) -> int:
    """Make every prompted, pending payment of an account due now; returns how many."""
    waiting = (
        select(table.c.id)
        .where(
            table.c.account == account,
            table.c.status == "pending",
            table.c.stage == "prompted",
            table.c.queries == 0,
            table.c.due_at_ms > now_ms,
        )
        .order_by(table.c.id)
    )
    # What is locked is being folded right now, and is planned anew by whoever folds it.
    ids = [str(row[0]) for row in tx.all(tx.dialect.for_update(waiting, skip_locked=True))]
    set_due(tx, ids, now_ms)
    return len(ids)


def set_awaited(tx: Transaction, payment_id: str, until_ms: int) -> None:
    """Somebody waits for this payment until then: it goes before those that nobody waits for."""
    tx.execute(
        update(table)
        .where(table.c.id == payment_id, table.c.awaited_until_ms < until_ms)
        .values(awaited_until_ms=until_ms)
    )


def count_callbacks(tx: Transaction, account: str, before_ms: int, latest: int) -> tuple[int, int]:
    """Of the `latest` payments of ours that ended before then by M-Pesa's word: (how many, called back)."""
    ended = (
        select(table.c.called_back_at_ms)
        .where(
            table.c.account == account,
            table.c.verified.is_(True),
            table.c.prompted_at_ms > 0,
            table.c.final_at_ms > 0,
            table.c.final_at_ms <= before_ms,
        )
        .order_by(table.c.created_at_ms.desc())
        .limit(latest)
    )
    rows = tx.all(ended)
    return len(rows), sum(1 for row in rows if row[0])
