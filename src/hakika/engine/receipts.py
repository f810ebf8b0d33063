"""Receipts: each belongs to the first payment that proved it. Claims never take one."""

from collections.abc import Mapping, Sequence

import msgspec

from hakika.domain import evidence as said
from hakika.domain.payment import PAID
from hakika.engine.case import Case, Evidence
from hakika.store.evidence import EvidenceStatements
from hakika.store.payments import PaymentRow
from hakika.store.transaction import Transaction


def settle_receipts(tx: Transaction, statements: EvidenceStatements, touched: Sequence[Case]) -> None:
    """Enter the receipts in their order, read their owners back, and stamp as taken what is another's."""
    wanted = {
        (receipt, case.row.id)
        for case in touched
        for piece in case.heard
        if (receipt := proved_receipt(case, piece)) and receipt != owned_receipt(case.row)
    }
    if not wanted:
        return
    if tx.may_presume and len({receipt for receipt, _ in wanted}) == len(wanted):
        # Nearly always all are new: then nobody has to wait for the answer.
        tx.write_later(statements.enter_receipts, sorted(wanted))
        return
    if tx.write_rows(statements.take_receipts, sorted(wanted)) == len(wanted):
        return  # all were new: nobody owned one before
    owners: dict[str, str] = dict(tx.look_up(statements.receipt_owners, sorted({receipt for receipt, _ in wanted})))
    losers = {payment for receipt, payment in wanted if owners[receipt] != payment}
    for case in touched:
        if case.row.id in losers:
            case.heard = [_stamp_taken(case, piece, owners) for piece in case.heard]


def owned_receipt(row: PaymentRow) -> str:
    """The receipt that a payment shows, if it is entered as its own."""
    return row.receipt if row.status in PAID and "receipt_claimed" not in row.flags else ""


def proved_receipt(case: Case, piece: Evidence) -> str:
    """The receipt by which a piece proves money for its payment, or `""`."""
    match piece.reading:
        case said.CallbackReceived(trusted=True, code="0", receipt=receipt, checkout_request_id=checkout_id):
            known = case.facts.checkout_ids
            ours = not checkout_id or not known or checkout_id in known or case.facts.lost or case.facts.refused
            return receipt if ours else ""
        case said.PaybillConfirmed(receipt=receipt) | said.OperatorResolved(outcome="completed", receipt=receipt):
            return receipt
        case _:
            return ""


def _stamp_taken(case: Case, piece: Evidence, owners: Mapping[str, str]) -> Evidence:
    receipt = proved_receipt(case, piece)
    if not receipt or owners.get(receipt, case.row.id) == case.row.id:
        return piece
    assert isinstance(piece.reading, said.CallbackReceived | said.PaybillConfirmed | said.OperatorResolved)
    return msgspec.structs.replace(piece, reading=msgspec.structs.replace(piece.reading, taken=True))
