"""From evidence to state: one transaction, whoever the messenger.

lock      the payments that the evidence is about, in id order
settle    receipts: each belongs to the first payment that proved it; amounts: a stated one is not overruled
learn     the prompt's id where the push's answer was lost, and what is a copy
keep      every piece as it came, with its reading
conclude  what each payment therefore is, and when to act next
follow    what this makes due elsewhere: adopted evidence, claims on references, rivals
publish   events and their deliveries, last: the event counter's lock orders the commits
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from hakika.domain.errors import HakikaError, NotFound
from hakika.domain.evidence import RivalPaid
from hakika.domain.payment import DECLINED, PAID
from hakika.engine.case import Case, Evidence, Recorded, Surroundings
from hakika.engine.checkout.attempts import settle_attempts
from hakika.engine.conclusion import conclude
from hakika.engine.intake import (
    adopt,
    find_case,
    keep,
    learn_prompts,
    lock_cases,
    note_copies,
    quarantine,
    stamp_overruled,
    stamp_trust,
)
from hakika.engine.receipts import settle_receipts
from hakika.engine.watching.trial import publish_trials
from hakika.store.events import NOTHING_PUBLISHED, EventStatements, Publication, publish_last
from hakika.store.evidence import EvidenceStatements, claim_reference, free_reference, mark_adopted
from hakika.store.payments import FOLDED, PaymentRow, PaymentStatements, find_rivals
from hakika.store.transaction import Dialect, Transaction

MOVES_TOLD = 200
"""Ids in one message to other nodes: PostgreSQL carries 8000 bytes. Who follows more sees the next change."""


class Statements:
    """All hot statements, compiled for one database."""

    def __init__(self, dialect: Dialect) -> None:
        self.payments = PaymentStatements(dialect)
        self.evidence = EvidenceStatements(dialect)
        self.events = EventStatements(dialect)


class Folded(NamedTuple):
    """What came of a batch: an answer for each piece, in its order; and what to tell whoever follows, once durable."""

    answers: list[Recorded | HakikaError]
    rows: Sequence[PaymentRow] = ()
    published: Publication = NOTHING_PUBLISHED
    moved: Sequence[PaymentRow] = ()  # those whose stage changed, which is no event


def apply(tx: Transaction, statements: Statements, around: Surroundings, batch: Sequence[Evidence]) -> Folded:
    """Fold a batch into the payments."""
    answers, touched, follow_ups = _fold_round(tx, statements, around, batch)
    while follow_ups:
        _, more, follow_ups = _fold_round(tx, statements, around, follow_ups)
        touched += more
    beside = [*settle_attempts(tx, touched, around), *publish_trials(batch, around)]
    moved = [case.row for case in touched if case.event is None and case.row.stage != case.before.stage]
    if moved:
        tx.tell_others(" ".join(["stage", *(row.id for row in moved[:MOVES_TOLD])]))
    published = publish_last(tx, statements.events, [*(case.event for case in touched if case.event), *beside])
    latest = {case.row.id: case.row for case in touched}
    recorded = [
        Recorded(latest[answer.row.id], answer.event) if isinstance(answer, Case) else answer for answer in answers
    ]
    return Folded(recorded, list(latest.values()), published, moved)


_Answer = Case | Recorded | HakikaError


def _fold_round(
    tx: Transaction, statements: Statements, around: Surroundings, batch: Sequence[Evidence]
) -> tuple[list[_Answer], list[Case], list[Evidence]]:
    """Everything but publishing. → answers, the cases touched, and the evidence that follows from them."""
    cases = lock_cases(tx, statements.payments, batch)
    answers: list[_Answer] = []
    strangers = []
    for piece in batch:
        case = find_case(cases, piece)
        if case is None and not around.is_trial(piece.token):
            strangers.append(piece)
        refusal = _judge(case, piece, around) if case else None
        if case and not refusal:
            case.heard.append(stamp_trust(case, piece, around))
        answers.append(refusal or case or _unknown(piece, around))
    quarantine(tx, statements.evidence, strangers, around.now_ms)
    touched = [case for case in dict.fromkeys(cases.values()) if case.heard]
    settle_receipts(tx, statements.evidence, touched)
    for case in touched:
        stamp_overruled(case)
    learn_prompts(tx, touched)
    note_copies(tx, touched)
    keep(tx, statements.evidence, touched, around.now_ms)
    for case in touched:
        conclude(case, around)
    follow_ups = _follow(tx, statements, touched)
    _write(tx, statements.payments, touched)
    return answers, touched, follow_ups


def _judge(case: Case, piece: Evidence, around: Surroundings) -> HakikaError | None:
    """Whether a decision still holds, after all that this batch has said of its payment so far."""
    if piece.guard is None:
        return None
    so_far = Case(case.row)
    so_far.heard = list(case.heard)
    if so_far.heard:
        stamp_overruled(so_far)
        conclude(so_far, around)
    return piece.guard(so_far.row, so_far.facts)


def _unknown(piece: Evidence, around: Surroundings) -> Recorded | HakikaError:
    if piece.payment:
        return NotFound(f"There is no payment {piece.payment}.")
    return Recorded(None, trial=around.is_trial(piece.token))


def _follow(tx: Transaction, statements: Statements, touched: Sequence[Case]) -> list[Evidence]:
    """What the new state makes due elsewhere, as evidence to fold next in the same transaction."""
    follow_ups: list[Evidence] = []
    named = {
        checkout_id: case
        for case in touched
        if case.row.checkout_request_id != case.before.checkout_request_id
        for checkout_id in case.facts.checkout_ids
    }
    for number, piece in adopt(tx, statements.evidence, named):
        mark_adopted(tx, [number], piece.payment)
        follow_ups.append(piece)
    for case in touched:
        status, row = case.seen.status, case.row
        if status in DECLINED and row.holds_reference:
            free_reference(tx, row.account, row.reference, row.id)
            case.row = row._replace(holds_reference=False)
        elif status in PAID and row.status != case.before.status and _may_have_rivals(case):
            follow_ups += _meet_rivals(tx, case)
    return follow_ups


def _may_have_rivals(case: Case) -> bool:
    # Of several charges on purpose one holds the claim, and an ordinary payment that is paid beside them looks itself
    # only where it holds none: so each of them looks.
    return case.row.allow_repeat or not case.row.holds_reference or bool(case.facts.rivals)


def _meet_rivals(tx: Transaction, case: Case) -> list[Evidence]:
    """Money came where another may be paid under the same reference: take the claim if it is free, flag both.

    What was charged on purpose (`allow_repeat`) is no surprise where it was: only the ordinary one is flagged.
    """
    row = case.row
    holder = claim_reference(tx, row.account, row.reference, row.id)
    case.row = row._replace(holds_reference=holder == row.id)
    met = []
    for rival in find_rivals(tx, row):
        if not rival.allow_repeat and (rival.status in PAID or rival.id == holder):
            met.append(_rivalry(rival.id, row.id))
        if not row.allow_repeat and rival.status in PAID:
            met.append(_rivalry(row.id, rival.id))
    return met


def _rivalry(payment: str, rival: str) -> Evidence:
    # Time 0: a fact about two payments, not about a moment.
    return Evidence(RivalPaid(at_ms=0, payment=rival), identity=f"rival:{rival}", payment=payment)


_folded = attrgetter(*(column.name for column in FOLDED), "id")


def _write(tx: Transaction, statements: PaymentStatements, touched: Sequence[Case]) -> None:
    tx.write_later(statements.write_folded, [_folded(case.row) for case in touched])
    prompts = [
        (case.row.checkout_request_id, case.row.merchant_request_id, case.row.id)
        for case in touched
        if case.row.checkout_request_id != case.before.checkout_request_id
    ]
    tx.write_later(statements.write_prompt, prompts)
