"""Reading everything, page by page, each page as of one moment: what `hakika verify` compares."""

from collections import defaultdict
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Table, and_, func, or_, select

from hakika.store.events import EventRow
from hakika.store.evidence import EvidenceRow
from hakika.store.payments import COLUMNS, PaymentRow
from hakika.store.tables import event_counter, events, evidence, payments, quarantine, receipts, reference_claims
from hakika.store.transaction import Transaction


class PaymentFile(NamedTuple):
    """All that is stored of one payment."""

    row: PaymentRow
    evidence: list[EvidenceRow]
    events: list[EventRow]
    owned: list[str]  # the receipts that are entered as its own
    claims: int  # how many references are claimed by it


class Totals(NamedTuple):
    """How much there is, and what must be nothing."""

    payments: int
    events: int
    last_event: int
    counter: int
    orphans: list[tuple[str, str]]  # (table, the payment that is named and does not exist)
    parked: list[tuple[str, str]]  # (CheckoutRequestID, the payment that has it)


def count_payments(tx: Transaction) -> int:
    """How many there are."""
    return _number(tx, select(func.count()).select_from(payments))


def read_page(tx: Transaction, after_id: str, size: int) -> list[PaymentFile]:
    """The next payments after that id, each with all that is stored of it, as of one moment."""
    tx.hold_snapshot()
    page = select(*COLUMNS).where(payments.c.id > after_id).order_by(payments.c.id).limit(size)
    found = [PaymentRow._make(row) for row in tx.all(page)]
    ids = [payment.id for payment in found]
    told: dict[str, list[EvidenceRow]] = defaultdict(list)
    for row in tx.all(select(*evidence.columns).where(evidence.c.payment.in_(ids)).order_by(evidence.c.id)):
        told[row.payment].append(EvidenceRow._make(row))
    published: dict[str, list[EventRow]] = defaultdict(list)
    for row in tx.all(select(*events.columns).where(events.c.payment.in_(ids)).order_by(events.c.number)):
        published[row.payment].append(EventRow._make(row))
    owned: dict[str, list[str]] = defaultdict(list)
    for row in tx.all(select(receipts.c.receipt, receipts.c.payment).where(receipts.c.payment.in_(ids))):
        owned[row.payment].append(row.receipt)
    claimed = select(reference_claims.c.payment, func.count().label("held")).where(reference_claims.c.payment.in_(ids))
    claims = {row.payment: int(row.held) for row in tx.all(claimed.group_by(reference_claims.c.payment))}
    return [PaymentFile(one, told[one.id], published[one.id], owned[one.id], claims.get(one.id, 0)) for one in found]


def read_totals(tx: Transaction) -> Totals:
    """What can only be seen of all together, as of one moment."""
    tx.hold_snapshot()
    orphans = [
        (table.name, str(row[0]))
        for table in (evidence, events, receipts, reference_claims)
        for row in tx.all(_find_orphans(table))
    ]
    parked = (
        select(quarantine.c.checkout_request_id, payments.c.id)
        .join(payments, payments.c.checkout_request_id == quarantine.c.checkout_request_id)
        .where(and_(quarantine.c.adopted_by == "", quarantine.c.checkout_request_id != ""))
        .limit(100)
    )
    return Totals(
        payments=_number(tx, select(func.count()).select_from(payments)),
        events=_number(tx, select(func.count()).select_from(events)),
        last_event=_number(tx, select(func.max(events.c.number))),
        counter=_number(tx, select(event_counter.c.number)),
        orphans=orphans,
        parked=[(str(row.checkout_request_id), str(row.id)) for row in tx.all(parked)],
    )


def _find_orphans(table: Table) -> Select[Any]:
    unknown: ColumnElement[bool] = table.c.payment.not_in(select(payments.c.id))
    if table is events:  # those of alerts, endpoints and probes are about no payment
        unknown = and_(unknown, or_(events.c.payment != "", events.c.type.like("payment.%")))
    return select(table.c.payment).where(unknown).distinct().limit(100)


def _number(tx: Transaction, statement: Select[Any]) -> int:
    row = tx.one(statement)
    return int(row[0] or 0) if row else 0
