"""Payments: their rows, how they are found, locked and written."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Integer, Select, bindparam, case, insert, or_, select, update

from hakika.domain.schedule import AWAITED_QUERIES_AFTER_MS, CALLBACK_OVERDUE_MS, QUERY_LEASE_MS
from hakika.store.tables import payments as table
from hakika.store.transaction import Answer, Dialect, Lookup, Rows, Transaction


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
        self.write_folded: Rows = dialect.update_rows(table, [table.c.id], FOLDED)
        self.write_prompt: Rows = dialect.update_rows(
            table, [table.c.id], [table.c.checkout_request_id, table.c.merchant_request_id]
        )


# Built once: whoever asks for money or waits runs these, and building one anew costs more than running it.
_INSERT = insert(table)
_BY_ID = select(*COLUMNS).where(table.c.id == bindparam("wanted"))
_RECENT_FOR_PHONE = (
    select(*COLUMNS)
    .where(table.c.phone == bindparam("payer"), table.c.created_at_ms >= bindparam("since_ms"))
    .order_by(table.c.created_at_ms.desc())
    .limit(50)
)
_SAME_REFERENCE = (
    select(*COLUMNS)
    .where(
        table.c.reference == bindparam("charged"),
        table.c.account == bindparam("charging"),
        table.c.id != bindparam("itself"),
    )
    .order_by(table.c.id)
)
_RIVALS_OF_A_REPEAT = _SAME_REFERENCE.where(table.c.allow_repeat.is_(False))


def insert_payment(tx: Transaction, row: PaymentRow) -> None:
    """Store a new payment."""
    tx.tell_later(_INSERT, **row._asdict())


def _rows(tx: Transaction, statement: Select[Any]) -> list[PaymentRow]:
    return [PaymentRow._make(row) for row in tx.all(statement)]


def find_payment(tx: Transaction, payment_id: str) -> PaymentRow | None:
    """The payment of that id."""
    return next(map(PaymentRow._make, tx.ask(_BY_ID, wanted=payment_id)), None)


def find_by_checkout(tx: Transaction, checkout_request_id: str, account: str = "") -> PaymentRow | None:
    """The payment that Daraja knows under that CheckoutRequestID, of one account or of any."""
    statement = select(*COLUMNS).where(table.c.checkout_request_id == checkout_request_id)
    if account:
        statement = statement.where(table.c.account == account)
    return next(iter(_rows(tx, statement)), None)


def find_recent_for_phone(tx: Transaction, phone: str, since_ms: int) -> list[PaymentRow]:
    """Payments asked of that phone since then, newest first."""
    return [PaymentRow._make(row) for row in tx.ask(_RECENT_FOR_PHONE, payer=phone, since_ms=since_ms)]


def ask_for_rivals(tx: Transaction, row: PaymentRow) -> Answer:
    """Ask for what `find_rivals` finds, later."""
    statement = _RIVALS_OF_A_REPEAT if row.allow_repeat else _SAME_REFERENCE
    return tx.ask_later(statement, charged=row.reference, charging=row.account, itself=row.id)


def read_rivals(found: Answer) -> list[PaymentRow]:
    """Other payments under the same reference of the same account. Two with `allow_repeat` are no rivals."""
    return [PaymentRow._make(one) for one in found.rows]


def find_rivals(tx: Transaction, row: PaymentRow) -> list[PaymentRow]:
    """Other payments under the same reference of the same account. Two with `allow_repeat` are no rivals."""
    found = ask_for_rivals(tx, row)
    tx.send()
    return read_rivals(found)


_ACCOUNTS_DUE = (
    select(table.c.account).where(table.c.due_at_ms <= bindparam("now_ms")).distinct().order_by(table.c.account)
)
_NEXT_DUE = select(table.c.due_at_ms).where(table.c.due_at_ms.is_not(None)).order_by(table.c.due_at_ms).limit(1)


def accounts_due(tx: Transaction, now_ms: int) -> list[str]:
    """The accounts that have a payment on which somebody must act now."""
    return [str(row[0]) for row in tx.ask(_ACCOUNTS_DUE, now_ms=now_ms)]


def find_due(tx: Transaction, account: str, stages: Sequence[str], now_ms: int, limit: int) -> list[PaymentRow]:
    """Due payments of an account at these stages, locked: those that somebody waits for first, then by age."""
    if limit <= 0:
        return []
    found = tx.ask(_build_due(tx.dialect.for_update, tuple(stages)), acting_for=account, now_ms=now_ms, most=limit)
    return [PaymentRow._make(row) for row in found]


@functools.lru_cache(64)
def _build_due(lock: Callable[..., Select[Any]], stages: tuple[str, ...]) -> Select[Any]:
    now_ms = bindparam("now_ms", type_=BigInteger)
    nobody_waits = (table.c.awaited_until_ms < now_ms).label("nobody_waits")
    at_these = or_(*(table.c.stage == stage for stage in stages))  # an IN would be spelled anew for each call
    statement = (
        select(*COLUMNS)
        .where(table.c.account == bindparam("acting_for"), at_these, table.c.due_at_ms <= now_ms)
        .order_by(nobody_waits, table.c.due_at_ms, table.c.id)
        .limit(bindparam("most", type_=Integer))
    )
    return lock(statement, skip_locked=True)


def next_due_at(tx: Transaction) -> int | None:
    """When the next payment is due, or None."""
    found = tx.ask(_NEXT_DUE)
    return int(found[0][0]) if found else None


def set_due(tx: Transaction, payment_ids: Sequence[str], due_at_ms: int) -> None:
    """Act on these at that time: a lease while somebody acts now."""
    tx.write_later(_build_set_due(tx.dialect.update_rows), [(due_at_ms, one) for one in payment_ids])


@functools.lru_cache(64)
def _build_set_due(update_rows: Callable[..., Rows]) -> Rows:
    return update_rows(table, [table.c.id], [table.c.due_at_ms])


def free_queued(tx: Transaction, payment_id: str, due_at_ms: int) -> None:
    """Whoever took this one to send it could not: another may at once."""
    queued = update(table).where(table.c.id == payment_id, table.c.stage == "queued", table.c.status == "pending")
    tx.execute(queued.values(due_at_ms=due_at_ms))


def lease_queries(tx: Transaction, payment_ids: Sequence[str], now_ms: int, until_ms: int) -> None:
    """Somebody asks about these now. That they are asked counts from now on, not from the answer."""
    rows = _build_lease(tx.dialect.update_rows)
    tx.write_later(rows, [(now_ms, until_ms, one) for one in payment_ids])


@functools.lru_cache(64)
def _build_lease(update_rows: Callable[..., Rows]) -> Rows:
    return update_rows(table, [table.c.id], [table.c.queried_at_ms, table.c.due_at_ms])


_OVERDUE_AT = table.c.prompted_at_ms + CALLBACK_OVERDUE_MS
_WAITS_FOR_CALLBACK = table.c.due_at_ms == _OVERDUE_AT
"""Of a prompted payment: nobody holds it, and nothing but its callback's being overdue is planned (domain.schedule)."""
_NOW = bindparam("now_ms", type_=BigInteger)
_NEXT_FOR_WHO_WAITS = case(
    *((table.c.prompted_at_ms + ms > _NOW, table.c.prompted_at_ms + ms) for ms in AWAITED_QUERIES_AFTER_MS),
    else_=_OVERDUE_AT,
)
"""`schedule.next_query_at` while callbacks arrive and somebody waits; a test holds the two together."""
_PUT_OFF = (
    update(table)
    .where(table.c.id.in_(bindparam("ids", expanding=True)))
    .values(due_at_ms=case((table.c.awaited_until_ms < _NOW, _OVERDUE_AT), else_=_NEXT_FOR_WHO_WAITS))
)
_SET_AWAITED = (
    update(table)
    .where(table.c.id.in_(bindparam("ids", expanding=True)))
    .values(
        awaited_until_ms=bindparam("until_ms"),
        due_at_ms=case(
            (
                (table.c.stage == "prompted")
                & (table.c.prompted_at_ms > 0)
                & _WAITS_FOR_CALLBACK
                & (table.c.due_at_ms != table.c.queried_at_ms + QUERY_LEASE_MS),  # a lease that ends that moment
                _NEXT_FOR_WHO_WAITS,
            ),
            else_=table.c.due_at_ms,
        ),
    )
)


def put_off(tx: Transaction, payment_ids: Sequence[str], now_ms: int) -> None:
    """Ask about these the next time that who waits asks for it, or when a callback is overdue if nobody waits."""
    if payment_ids:
        tx.execute(_PUT_OFF, {"ids": list(payment_ids), "now_ms": now_ms})


def hasten_queries(tx: Transaction, account: str, now_ms: int) -> int:
    """Make every prompted, pending payment of an account due now; returns how many."""
    waiting = (
        select(table.c.id)
        .where(
            table.c.account == account,
            table.c.status == "pending",
            table.c.stage == "prompted",
            or_(table.c.queries == 0, _WAITS_FOR_CALLBACK),
            table.c.due_at_ms > now_ms,
        )
        .order_by(table.c.id)
    )
    # What is locked is being folded right now, and is planned anew by whoever folds it.
    ids = [str(row[0]) for row in tx.all(tx.dialect.for_update(waiting, skip_locked=True))]
    set_due(tx, ids, now_ms)
    return len(ids)


def set_awaited(tx: Transaction, payment_ids: Sequence[str], now_ms: int, until_ms: int) -> list[str]:
    """Somebody waits for these payments until then: they go before those that nobody waits for. → those marked.

    What would be asked about only once its callback is overdue is due sooner; what is held or hurried is not moved.
    """
    pending = (
        select(table.c.id)
        .where(table.c.id.in_(payment_ids), table.c.status == "pending", table.c.awaited_until_ms < until_ms)
        .order_by(table.c.id)
    )
    # What is locked is being folded right now, and may well have ended by that.
    ids = [str(row[0]) for row in tx.all(tx.dialect.for_update(pending, skip_locked=True))]
    if ids:
        tx.execute(_SET_AWAITED, {"ids": ids, "now_ms": now_ms, "until_ms": until_ms})
    return ids


def find_payments(tx: Transaction, payment_ids: Sequence[str]) -> list[PaymentRow]:
    """The payments of those ids."""
    return [PaymentRow._make(row) for row in tx.look_up(_build_by_ids(tx.dialect.lookup), payment_ids)]


@functools.lru_cache(64)
def _build_by_ids(lookup: Callable[..., Lookup]) -> Lookup:
    return lookup(select(*COLUMNS), table.c.id)


def count_callbacks(
    tx: Transaction, account: str, since_ms: int, missed_ms: int, before_ms: int, latest: int
) -> tuple[int, int]:
    """Of the `latest` payments of ours, sent since and ended before then by M-Pesa's word: (how many, called back).

    One without a callback counts if it was prompted by `missed_ms`.
    """
    ended = (
        select(table.c.called_back_at_ms)
        .where(
            table.c.account == account,
            table.c.verified.is_(True),
            table.c.prompted_at_ms > 0,
            table.c.final_at_ms > 0,
            table.c.final_at_ms <= before_ms,
            or_(table.c.called_back_at_ms > 0, table.c.prompted_at_ms <= missed_ms),
            table.c.sending_at_ms >= since_ms,
        )
        .order_by(table.c.created_at_ms.desc())
        .limit(latest)
    )
    rows = tx.all(ended)
    return len(rows), sum(1 for row in rows if row[0])
