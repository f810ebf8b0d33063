"""Evidence as it came, what is not (yet) about any payment of ours, and who owns which receipt and reference."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, delete, func, insert, literal_column, select, update

from hakika.store.tables import evidence, quarantine, receipts, reference_claims
from hakika.store.transaction import Answer, Dialect, Lookup, Rows, Transaction


class EvidenceRow(NamedTuple):
    """One piece of evidence. `at_ms` is when it was stored, `copies` how often it came."""

    id: int
    payment: str
    identity: str
    source: str
    at_ms: int
    reading: str
    raw: bytes | None
    origin: str
    copies: int


class QuarantineRow(NamedTuple):
    """Something that came and is about no payment that we know."""

    id: int
    identity: str
    at_ms: int
    reason: str
    checkout_request_id: str
    reading: str
    raw: bytes | None
    origin: str
    adopted_by: str
    copies: int


class EvidenceStatements:
    """The hot statements on evidence, receipts and references, compiled for one database."""

    def __init__(self, dialect: Dialect) -> None:
        told = evidence.c
        self.keep: Rows = dialect.insert_rows(
            evidence,
            [told.payment, told.identity, told.source, told.at_ms, told.reading, told.raw, told.origin],
            on_conflict="copies",
        )
        parked = quarantine.c
        self.park: Rows = dialect.insert_rows(
            quarantine,
            [
                parked.identity,
                parked.at_ms,
                parked.reason,
                parked.checkout_request_id,
                parked.reading,
                parked.raw,
                parked.origin,
            ],
            on_conflict="copies",
        )
        self.parked_bytes = 0  # since the quarantine was last thinned by this process
        self.take_receipts: Rows = dialect.insert_rows(
            receipts, [receipts.c.receipt, receipts.c.payment], on_conflict="nothing"
        )
        self.enter_receipts: Rows = dialect.insert_rows(receipts, [receipts.c.receipt, receipts.c.payment])
        self.receipt_owners: Lookup = dialect.lookup(select(receipts.c.receipt, receipts.c.payment), receipts.c.receipt)
        self.parked_for: Lookup = dialect.lookup(
            select(*quarantine.columns).where(parked.adopted_by == literal_column("''")).order_by(parked.id),
            parked.checkout_request_id,
        )


def list_evidence(tx: Transaction, payment_id: str) -> list[EvidenceRow]:
    """All evidence of a payment, in the order in which it was stored."""
    statement = select(*evidence.columns).where(evidence.c.payment == payment_id).order_by(evidence.c.id)
    return [EvidenceRow._make(row) for row in tx.all(statement)]


def find_kept(tx: Transaction, payment_id: str, identities: Sequence[str]) -> frozenset[str]:
    """Which of these pieces are already kept of a payment."""
    told = evidence.c
    statement = select(told.identity).where(told.payment == payment_id, told.identity.in_(identities))
    return frozenset(str(row[0]) for row in tx.all(statement))


def list_quarantine(tx: Transaction, limit: int, before_id: int | None = None) -> list[QuarantineRow]:
    """What is about no payment that we know, newest first."""
    statement = select(*quarantine.columns).where(quarantine.c.adopted_by == "")
    if before_id is not None:
        statement = statement.where(quarantine.c.id < before_id)
    statement = statement.order_by(quarantine.c.id.desc()).limit(limit)
    return [QuarantineRow._make(row) for row in tx.all(statement)]


def count_quarantine(tx: Transaction) -> int:
    """How much of it there is."""
    row = tx.one(select(func.count()).select_from(quarantine).where(quarantine.c.adopted_by == ""))
    return int(row[0]) if row else 0


def mark_adopted(tx: Transaction, quarantine_ids: Sequence[int], payment_id: str) -> None:
    """These turned out to be about that payment."""
    tx.execute(update(quarantine).where(quarantine.c.id.in_(quarantine_ids)).values(adopted_by=payment_id))


def find_receipt_owner(tx: Transaction, receipt: str) -> str | None:
    """The payment that proved that receipt first, or None."""
    row = tx.one(select(receipts.c.payment).where(receipts.c.receipt == receipt))
    return None if row is None else str(row[0])


# Built once: they are run for every payment.
_CLAIM = select(reference_claims.c.payment).where(
    reference_claims.c.account == bindparam("charging"), reference_claims.c.reference == bindparam("charged")
)
_INSERT_CLAIM = insert(reference_claims)


def ask_for_claim(tx: Transaction, account: str, reference: str) -> Answer:
    """Lock a reference and ask for its holder's id, later."""
    tx.lock_name(f"reference:{account}:{reference}")
    return tx.ask_later(_CLAIM, charging=account, charged=reference)


def take_claim(tx: Transaction, found: Answer, account: str, reference: str, payment_id: str) -> str:
    """Take the claim that was asked for, or leave it with its holder. → the id of the payment that holds it."""
    if found.rows:
        return str(found.rows[0][0])
    tx.tell_later(_INSERT_CLAIM, account=account, reference=reference, payment=payment_id)
    return payment_id


def claim_reference(tx: Transaction, account: str, reference: str, payment_id: str) -> str:
    """Take the claim on a reference, or leave it with its holder. → the id of the payment that holds it."""
    found = ask_for_claim(tx, account, reference)
    tx.send()
    return take_claim(tx, found, account, reference, payment_id)


def free_reference(tx: Transaction, account: str, reference: str, payment_id: str) -> None:
    """Give back the claim that a payment holds: it ended without money."""
    claims = reference_claims.c
    tx.execute(
        delete(reference_claims).where(
            claims.account == account, claims.reference == reference, claims.payment == payment_id
        )
    )
