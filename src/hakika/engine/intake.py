"""The first half of folding: which payment a piece of evidence is about, whether to trust it, and keeping it."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from operator import itemgetter

import msgspec

from hakika.domain import evidence as said
from hakika.domain.evidence import AnyReading, source_of
from hakika.domain.payment import Asked, Facts, join, lift, may_be_overruled, overrule
from hakika.engine.case import NO_ORIGIN, Case, Evidence, Origin, Surroundings
from hakika.engine.conclusion import asks_confirmation
from hakika.store.evidence import EvidenceStatements, QuarantineRow, find_kept, list_evidence
from hakika.store.payments import PaymentRow, PaymentStatements, find_by_checkout
from hakika.store.quarantine import FOREIGN, THIN_EVERY_BYTES, thin_quarantine, weigh
from hakika.store.transaction import Transaction

_ENCODE = msgspec.json.Encoder().encode
_READING: msgspec.json.Decoder[AnyReading] = msgspec.json.Decoder(AnyReading)
_ORIGIN: msgspec.json.Decoder[Origin] = msgspec.json.Decoder(Origin)

UNREADABLE_KEPT_BYTES = 2048
"""Of what is no callback and came on no payment's path, the beginning shows a person what it was."""


def lock_cases(tx: Transaction, statements: PaymentStatements, batch: Sequence[Evidence]) -> dict[str, Case]:
    """Lock the payments that the batch is about. → cases by id, by token and by CheckoutRequestID."""
    tokens = sorted({piece.token for piece in batch if piece.token})
    ids = {piece.payment for piece in batch if piece.payment}
    checkouts = {_checkout_of(piece) for piece in batch if not piece.payment} - {""}
    rows: list[PaymentRow] = []
    if not ids and all(piece.token for piece in batch):
        # Nearly always all come by token: one statement finds and locks them, in id order. What comes otherwise is
        # found first: to lock some and then others is how nodes come to wait for each other in a circle.
        rows = [PaymentRow._make(row) for row in tx.look_up(statements.lock_by_token, tokens)]
        checkouts -= {row.checkout_request_id or "" for row in rows}
    if ids or checkouts:
        ids |= {row[0] for row in tx.look_up(statements.ids_by_token, tokens)}
        ids |= {row[0] for row in tx.look_up(statements.ids_by_checkout, sorted(checkouts))}
        rows = [PaymentRow._make(row) for row in tx.look_up(statements.lock_by_id, sorted(ids))]
    cases: dict[str, Case] = {}
    for row in rows:
        case = Case(row)
        cases[row.id] = cases[row.token] = case
        if row.checkout_request_id:
            cases[row.checkout_request_id] = case
    return cases


def find_case(cases: Mapping[str, Case], piece: Evidence) -> Case | None:
    """The case that a piece is about: by id, by token, or by CheckoutRequestID.

    A callback that names another payment's CheckoutRequestID on this one's path is about the other: there,
    without its token, it is a claim, and this payment is left alone.
    """
    if piece.payment:
        return cases.get(piece.payment)
    home = cases.get(piece.token) if piece.token else None
    named = cases.get(_checkout_of(piece))
    if home and named:
        return home if home.row.checkout_request_id == named.row.checkout_request_id else named
    return home or named


def stamp_trust(case: Case, piece: Evidence, around: Surroundings) -> Evidence:
    """Trust a callback only on its payment's own path, and from its payment's own shortcode."""
    reading = piece.reading
    if not isinstance(reading, said.CallbackReceived | said.CallbackUnreadable):
        return piece
    expected = around.shortcodes.get(case.row.account)
    if reading.trusted and piece.origin.shortcode and expected and piece.origin.shortcode not in expected:
        return _distrust(piece, reading, flags=("shortcode_mismatch",))
    if reading.trusted and piece.token == case.row.token:
        return piece
    return _distrust(piece, reading)


def _distrust(
    piece: Evidence, reading: said.CallbackReceived | said.CallbackUnreadable, flags: tuple[str, ...] = ()
) -> Evidence:
    # A claim is another piece than the same bytes believed: whichever came first, the other is no copy of it.
    return msgspec.structs.replace(
        piece,
        reading=msgspec.structs.replace(reading, trusted=False, flags=(*reading.flags, *flags)),
        identity=f"{piece.identity}:claim" + "".join(f":{flag}" for flag in flags),
    )


def stamp_overruled(case: Case) -> None:
    """Stamp the successes without an amount that come after another amount was stated, or together with it."""
    if not any(may_be_overruled(piece.reading) for piece in case.heard):
        return
    known = case.facts
    for piece in case.heard:
        if not may_be_overruled(piece.reading):
            known = join(known, lift(piece.reading))
    asked = Asked(case.row.amount, case.row.verified)
    case.heard = [_overrule(asked, known, piece) for piece in case.heard]


def _overrule(asked: Asked, known: Facts, piece: Evidence) -> Evidence:
    reading = overrule(asked, known, piece.reading)
    if reading is piece.reading:
        return piece
    # Another piece than the same answer believed, as a claim is.
    return msgspec.structs.replace(piece, reading=reading, identity=f"{piece.identity}:overruled")


def learn_prompts(tx: Transaction, touched: Sequence[Case]) -> None:
    """Where the push's answer was lost, take the prompt's id from callbacks on the payment's secret path.

    Whichever comes first. An id that is known to be another payment's is not taken (decision 0003).
    """
    for case in touched:
        readings = [piece.reading for piece in case.heard]
        just_lost = any(isinstance(reading, said.PushLost) for reading in readings)
        if not (just_lost or case.facts.lost):
            continue
        if just_lost:
            readings += [_READING.decode(row.reading) for row in list_evidence(tx, case.row.id)]
        theirs = {one for other in touched if other is not case for one in other.facts.checkout_ids}
        theirs.update(case.facts.checkout_ids)
        for checkout_id, merchant_id in sorted(_named_in(readings)):
            owner = None if checkout_id in theirs else find_by_checkout(tx, checkout_id)
            if checkout_id not in theirs and (owner is None or owner.id == case.row.id):
                theirs.add(checkout_id)
                digest = blake2b(checkout_id.encode(), digest_size=16).hexdigest()
                named = said.PromptNamed(0, checkout_id, merchant_id)  # time 0: copies of it differ in nothing
                case.heard.append(Evidence(named, f"prompt:{digest}", payment=case.row.id))


def _named_in(readings: Sequence[AnyReading]) -> set[tuple[str, str]]:
    return {
        (reading.checkout_request_id, reading.merchant_request_id)
        for reading in readings
        if isinstance(reading, said.CallbackReceived)
        and reading.trusted
        and not reading.taken
        and reading.checkout_request_id
    }


def note_copies(tx: Transaction, touched: Sequence[Case]) -> None:
    """Note which of the pieces that ask for a query were kept before: said again, they ask for nothing."""
    for case in touched:
        asking = sorted({piece.identity for piece in case.heard if asks_confirmation(case, piece)})
        if asking:
            case.copies = find_kept(tx, case.row.id, asking)


def keep(tx: Transaction, statements: EvidenceStatements, touched: Sequence[Case], now_ms: int) -> None:
    """Store every piece as it came, with its reading. A copy only counts up."""
    kept = [
        (
            case.row.id,
            piece.identity,
            source_of(piece.reading).value,
            now_ms,
            _ENCODE(piece.reading).decode(),
            piece.raw or None,
            _origin_of(piece),
        )
        for case in touched
        for piece in case.heard
    ]
    tx.write_later(statements.keep, kept)


def quarantine(tx: Transaction, statements: EvidenceStatements, strangers: Sequence[Evidence], now_ms: int) -> None:
    """Store what is about no payment that we know, so that nothing is lost and nothing is believed.

    Anybody may post here, so what it takes of the disk is bounded at once, not when housekeeping comes round.
    """
    parked = [
        (
            piece.identity,
            now_ms,
            _reason_of(piece),
            _checkout_of(piece),
            _ENCODE(_distrusted(piece.reading)).decode(),
            piece.raw or None,
            _origin_of(piece),
        )
        for piece in map(_shorten, strangers)
        if not piece.payment
    ]
    tx.write_rows(statements.park, sorted(parked, key=itemgetter(0)))  # in one order on all nodes: no deadlock
    statements.parked_bytes += sum(weigh(*row[4:]) for row in parked)
    if statements.parked_bytes >= THIN_EVERY_BYTES:
        statements.parked_bytes = 0
        thin_quarantine(tx)


def adopt(tx: Transaction, statements: EvidenceStatements, cases: Mapping[str, Case]) -> list[tuple[int, Evidence]]:
    """Find what was quarantined about these CheckoutRequestIDs. → (its number there, the evidence)."""
    found = [QuarantineRow._make(row) for row in tx.look_up(statements.parked_for, sorted(cases))]
    return [
        (
            row.id,
            Evidence(
                reading=_READING.decode(row.reading),
                identity=row.identity,
                payment=cases[row.checkout_request_id].row.id,
                raw=row.raw or b"",
                origin=_ORIGIN.decode(row.origin),
            ),
        )
        for row in found
    ]


def _checkout_of(piece: Evidence) -> str:
    reading = piece.reading
    return reading.checkout_request_id if isinstance(reading, said.CallbackReceived) else ""


def _distrusted(reading: AnyReading) -> AnyReading:
    if isinstance(reading, said.CallbackReceived | said.CallbackUnreadable):
        return msgspec.structs.replace(reading, trusted=False)
    return reading


def _shorten(piece: Evidence) -> Evidence:
    if not isinstance(piece.reading, said.CallbackUnreadable) or len(piece.raw) <= UNREADABLE_KEPT_BYTES:
        return piece
    origin = msgspec.structs.replace(piece.origin, truncated=True)
    return msgspec.structs.replace(piece, raw=piece.raw[:UNREADABLE_KEPT_BYTES], origin=origin)


def _reason_of(piece: Evidence) -> str:
    reading = piece.reading
    if isinstance(reading, said.CallbackUnreadable):
        return f"unreadable: {reading.reason}"
    foreign = isinstance(reading, said.CallbackReceived) and "foreign_ip" in reading.flags
    return FOREIGN if foreign else "about no payment of ours"


def _origin_of(piece: Evidence) -> str:
    return "{}" if piece.origin is NO_ORIGIN else _ENCODE(piece.origin).decode()
