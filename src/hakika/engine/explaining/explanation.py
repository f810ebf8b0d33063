"""An explanation: what happened to a payment, in words, what it means for the money, and which cure and checks apply.

Pure: it reads the row and the evidence that it came from. The first thing that holds is what the payment mainly shows;
whatever else is worth knowing stands beside it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from hakika.daraja.codes import look_up
from hakika.domain import evidence as said
from hakika.domain.payment import DECLINED, PAID
from hakika.domain.schedule import CALLBACK_OVERDUE_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from hakika.engine.case import view_of
from hakika.engine.explaining.causes import CAUSES, find_cause, link_to
from hakika.engine.explaining.pains import Cause
from hakika.engine.health import SETTLING_MS
from hakika.store.evidence import EvidenceRow, list_evidence
from hakika.store.payments import PaymentRow
from hakika.store.transaction import Transaction

STUCK_AFTER_MS = 5 * MINUTE_MS
"""Longer than the prompt's life, the callback and all early queries together: then somebody should look."""

_READ = msgspec.json.Decoder(said.AnyReading)


class Remark(msgspec.Struct, frozen=True):
    """One thing that a payment shows, and its cure. `checks` are names of the doctor's."""

    cause: str
    title: str
    happened: str
    why: str
    money: str
    cure: str
    checks: tuple[str, ...]
    docs: str


class Explanation(msgspec.Struct, frozen=True):
    """A payment, explained."""

    object: str
    payment: str
    status: str
    cause: str
    title: str
    happened: str
    why: str
    money: str
    cure: str
    checks: tuple[str, ...]
    docs: str
    also: tuple[Remark, ...]


class Piece(NamedTuple):
    """One piece of evidence, read."""

    reading: said.AnyReading
    copies: int


Shown = tuple[str, str]
"""The name of a cause, and what happened, in a sentence."""


class Story:
    """A payment and all that was said about it."""

    def __init__(self, row: PaymentRow, pieces: Sequence[Piece], now_ms: int) -> None:
        self.row, self.now_ms = row, now_ms
        self.flags = frozenset(view_of(row).flags)
        self.pieces = pieces
        readings = [piece.reading for piece in pieces]
        refusals = [reading for reading in readings if isinstance(reading, said.PushRefused)]
        losses = [reading for reading in readings if isinstance(reading, said.PushLost)]
        self.refusal = refusals[-1] if refusals else None
        self.loss = losses[-1] if losses else None
        self.queries = [r for r in readings if isinstance(r, said.QueryAnswered | said.QueryUnanswered)]
        self.results = [piece for piece in pieces if isinstance(piece.reading, said.CallbackReceived)]
        self.trusted = [piece for piece in self.results if said.source_of(piece.reading) == said.Source.CALLBACK]
        self.paybill = any(isinstance(reading, said.PaybillConfirmed) for reading in readings)
        self.claimed = any(said.source_of(reading) == said.Source.CLAIM for reading in readings)
        self.reasons = [r.reason for r in readings if isinstance(r, said.SendingStopped | said.GaveUp)]

    @property
    def prompted_ms(self) -> int:
        """How long ago the phone was prompted."""
        return self.now_ms - (self.row.prompted_at_ms or self.row.sending_at_ms or self.row.created_at_ms)

    @property
    def is_silent(self) -> bool:
        """Whether a callback is owed, overdue and has not come."""
        row = self.row
        if not row.prompted_at_ms or self.trusted:
            return False
        if row.status in DECLINED | PAID and row.confirmed_by != said.Source.QUERY:
            return False
        # A query may be quicker than a callback that is on its way.
        settled = row.final_at_ms and self.now_ms >= row.final_at_ms + SETTLING_MS
        return bool(settled) or self.prompted_ms >= CALLBACK_OVERDUE_MS

    @property
    def asked(self) -> str:
        """What Daraja said when it was asked, in a sentence; `""` where it was not."""
        if not self.queries:
            return ""
        last = self.queries[-1]
        times = "once" if len(self.queries) == 1 else f"{len(self.queries)} times"
        text = last.description if isinstance(last, said.QueryAnswered) else last.reason
        return f" Daraja was asked {times}; it last said {_quote(last.code, text)}."


def tell_explanation(tx: Transaction, row: PaymentRow, now_ms: int) -> Explanation:
    """Explain a payment from what the store keeps of it."""
    return explain(row, list_evidence(tx, row.id), now_ms)


def explain(row: PaymentRow, kept: Sequence[EvidenceRow], now_ms: int) -> Explanation:
    """Explain a payment: mainly, and what stands beside it."""
    story = Story(row, [Piece(_READ.decode(piece.reading), piece.copies) for piece in kept], now_ms)
    name, happened = _judge(story)
    main = CAUSES[name]
    beside = {other: sentence for other, sentence in _look_beside(story) if other != name}
    advice = look_up(row.code, story.refusal.message if story.refusal else "").advice
    return Explanation(
        object="explanation",
        payment=row.id,
        status=row.status,
        cause=main.name,
        title=main.title,
        happened=happened,
        why=main.why,
        money=_tell_money(row, main),
        cure=main.cure or advice,
        checks=main.checks,
        docs=link_to(main),
        also=tuple(_remark(CAUSES[other], sentence, row) for other, sentence in beside.items()),
    )


def _remark(cause: Cause, happened: str, row: PaymentRow) -> Remark:
    # What a cause leaves open has been settled meanwhile by something else; and what it rules out it rules out of one
    # call: of a query that was not answered, or of a push before the one that rang.
    settled = row.status in PAID | DECLINED and cause.money.startswith("May ")
    of_one_call = cause.money.startswith("None ")
    return Remark(
        cause=cause.name,
        title=cause.title,
        happened=happened,
        why=cause.why,
        money="As the payment's status says." if settled or of_one_call else cause.money,
        cure=cause.cure,
        checks=cause.checks,
        docs=link_to(cause),
    )


# ── what it mainly shows ──────────────────────────────


def _judge(story: Story) -> Shown:
    row = story.row
    if row.frozen:
        return "frozen", f"It broke a rule: {row.frozen}."
    if row.status == "pending":
        return _judge_pending(story)
    if row.status == "unresolved":
        return _judge_unresolved(story)
    return _judge_declined(story) if row.status in DECLINED else _judge_paid(story)


def _judge_pending(story: Story) -> Shown:
    row, refusal = story.row, story.refusal
    match row.stage:
        case "queued" if refusal:
            again = "It is sent again by itself, for a minute at most."
            return find_cause(refusal.code, refusal.message).name, f"{_tell_refusal(refusal)} {again}"
        case "queued":
            return "queued", f"It was asked for {_span(story.now_ms - row.created_at_ms)} ago and is not sent yet."
        case "sending":
            return "sending", f"It left for Daraja {_span(story.prompted_ms)} ago, and no answer has come yet."
        case "unsure":
            return _judge_lost(story)
        case _:
            return _judge_prompted(story)


def _judge_prompted(story: Story) -> Shown:
    ago = f"The phone was prompted {_span(story.prompted_ms)} ago"
    if story.trusted:
        result = story.trusted[-1].reading
        assert isinstance(result, said.CallbackReceived)
        says = _quote(result.code, result.description)
        return "still-processing", f"{ago}. A callback came that decides nothing: {says}.{story.asked}"
    if story.prompted_ms >= STUCK_AFTER_MS:
        return "stuck", f"{ago}, and no callback has come.{story.asked}"
    if story.prompted_ms >= CALLBACK_OVERDUE_MS:
        return "callback-missing", f"{ago}, and no callback has come.{story.asked}"
    if story.queries:
        return "still-processing", f"{ago}.{story.asked}"
    return "ringing", f"{ago}, and has not been answered yet."


def _judge_lost(story: Story) -> Shown:
    reason = story.loss.reason if story.loss else ""
    told = (
        f"It was sent, and Daraja's answer was lost: {_end(reason)}" if reason else "It was sent, and no answer came."
    )
    # Only words about what answered instead: whatever else they say, nobody knows whether the phone rings.
    found = find_cause("", reason)
    name = found.name if found.name in {"firewall", "too-fast"} else "answer-lost"
    return name, f"{told} {_tell_reasons(story)}".strip()


def _judge_unresolved(story: Story) -> Shown:
    if "receipt_taken" in story.flags:
        return "receipt-taken", "M-Pesa's result came with a receipt that another payment had proven before."
    if not story.row.checkout_request_id:
        return _judge_lost(story)
    return "stuck", f"{_tell_reasons(story)}{story.asked}".strip()


def _judge_paid(story: Story) -> Shown:
    row = story.row
    receipt = f", receipt {row.receipt}" if row.receipt else ""
    if row.status == "reversed":
        return "reversed", f"KES {row.amount_received} arrived{receipt}, and went back."
    if row.status == "mispaid":
        return "mispaid", f"KES {row.amount_received} arrived{receipt}. KES {row.amount} was asked for."
    arrived = f"KES {row.amount_received} arrived{receipt}, as the {row.confirmed_by} said."
    if story.flags & {"paid_twice", "receipts_disputed"}:
        return "charged-twice", f"{arrived} {_tell_twice(story)}"
    if story.flags & {"late", "contradicted"}:
        return "paid-late", f"{arrived} Before that it had been said not to be paid, or given up."
    return "paid", arrived


def _tell_twice(story: Story) -> str:
    rivals = [piece.reading.payment for piece in story.pieces if isinstance(piece.reading, said.RivalPaid)]
    if rivals:
        return f"So did the money of {', '.join(rivals)}, under the same reference."
    return "More than one receipt is proven for it."


def _judge_declined(story: Story) -> Shown:
    row, refusal = story.row, story.refusal
    match row.code:
        case "withdrawn":
            return "withdrawn", "It was called off before it was sent."
        case "operator":
            return "person-decided", "A person looked it up and said that it was not paid."
        case "not_sent":
            stopped = _tell_reasons(story)
            if refusal:
                name = find_cause(refusal.code, refusal.message).name
                return name, f"{_tell_refusal(refusal)} It was not sent again. {stopped}".strip()
            return "not-sent", f"It was not sent. {stopped}".strip()
    if refusal and row.confirmed_by == said.Source.PUSH:
        return find_cause(refusal.code, refusal.message).name, _tell_refusal(refusal)
    return find_cause(row.code).name, f"M-Pesa said {_quote(row.code, _describe(story))}, by {row.confirmed_by}."


def _describe(story: Story) -> str:
    """M-Pesa's own words beside the code that ended it."""
    for piece in story.pieces:
        match piece.reading:
            case said.CallbackReceived(trusted=True, code=story.row.code, description=text) if text:
                return text
            case said.QueryAnswered(code=story.row.code, description=text) if text:
                return text
            case _:
                pass
    return ""


# ── what stands beside it ──────────────────────────────

_FLAGS = {
    "late": ("paid-late", "The proof came after it had been said not to be paid, or given up."),
    "contradicted": ("paid-late", "A decline and a proof both exist: the proof counts."),
    "paid_twice": ("charged-twice", "Another payment under the same reference holds money too."),
    "receipts_disputed": ("charged-twice", "More than one receipt is proven."),
    "amount_disputed": ("mispaid", "Trusted sources do not agree on the amount."),
    "amount_unverified": ("unverified", "Nobody but its registrant has named the amount."),
    "amount_unreadable": ("callback-unreadable", "The amount in a callback could not be read."),
    "callback_unreadable": ("callback-unreadable", "Something came on its callback path that is no callback."),
    "checkout_mismatch": ("another-prompt", "Something came that names another CheckoutRequestID."),
    "date_unreadable": ("callback-unreadable", "The time of payment in a callback could not be read."),
    "foreign_ip": ("forged-callback", "A callback came from an address that is not on M-Pesa's list."),
    "receipt_claimed": ("forged-callback", "Its receipt is known from a claim alone."),
    "receipt_taken": ("receipt-taken", "A result came with a receipt that another payment had proven before."),
    "receipt_unreadable": ("callback-unreadable", "The receipt in a callback could not be read."),
    "shortcode_mismatch": ("forged-callback", "A callback names another shortcode."),
    "truncated": ("callback-unreadable", "A callback was longer than 64 KiB: only its beginning was kept."),
}
"""Flag → what it shows. A masked phone (`phone_unreadable`) is usual, and shows nothing."""


def _look_beside(story: Story) -> Iterator[Shown]:
    yield from (_FLAGS[flag] for flag in sorted(story.flags) if flag in _FLAGS)
    if story.claimed:
        yield "forged-callback", "Somebody posted a result without this payment's secret path."
    told = sum(piece.copies for piece in story.trusted)
    if story.paybill and told:
        yield "two-channels", "The same money was told by callback and by the paybill's confirmation."
    if told > 1:
        yield "callback-repeated", f"Its callback came {told} times."
    if story.is_silent:
        yield "callback-missing", f"Its callback has not come.{story.asked}"
    if story.refusal and story.row.confirmed_by != said.Source.PUSH:
        yield find_cause(story.refusal.code, story.refusal.message).name, _tell_refusal(story.refusal)
    yield from _look_at_queries(story)


def _look_at_queries(story: Story) -> Iterator[Shown]:
    for query in story.queries:
        if isinstance(query, said.QueryUnanswered):
            name = find_cause(query.code, query.reason).name
            if name in {"too-fast", "firewall", "unreachable", "still-processing"} and story.row.status == "pending":
                yield name, f"A query was not answered: {_quote(query.code, query.reason)}."


# ── words ──────────────────────────────


def _tell_money(row: PaymentRow, cause: Cause) -> str:
    if row.status in DECLINED:
        none = cause.money if cause.money.startswith("None moved") and ";" not in cause.money else "None moved."
        return f"{none} Should proof come after all, it wins."
    if row.status == "completed":
        return f"KES {row.amount_received} arrived. {cause.money if cause.name == 'charged-twice' else ''}".strip()
    return cause.money


def _tell_refusal(refusal: said.PushRefused) -> str:
    return f"Daraja refused the request: {_quote(refusal.code, refusal.message)}."


def _tell_reasons(story: Story) -> str:
    return _end(story.reasons[-1]) if story.reasons else ""


def _quote(code: str, text: str) -> str:
    return f"{code} “{text}”".strip() if text else code or "nothing"


def _end(sentence: str) -> str:
    return sentence if sentence.endswith(".") else f"{sentence}."


def _span(duration_ms: int) -> str:
    if duration_ms < 2 * MINUTE_MS:
        return f"{max(0, duration_ms) // SECOND_MS} s"
    return f"{duration_ms // MINUTE_MS} min" if duration_ms < 2 * HOUR_MS else f"{duration_ms // HOUR_MS} h"
