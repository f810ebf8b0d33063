"""The first half of folding: which payment a piece of evidence is about, whether to trust it, and keeping it."""

from collections.abc import Mapping, Sequence
from operator import itemgetter

import msgspec

from hakika.domain import evidence as said
from hakika.domain.evidence import AnyReading, source_of
from hakika.engine.case import NO_ORIGIN, Case, Evidence, Surroundings
from hakika.store.evidence import EvidenceStatements, QuarantineRow
from hakika.store.payments import PaymentRow, PaymentStatements
from hakika.store.transaction import Transaction

_ENCODE = msgspec.json.Encoder().encode
_READING: msgspec.json.Decoder[AnyReading] = msgspec.json.Decoder(AnyReading)


def lock_cases(tx: Transaction, statements: PaymentStatements, batch: Sequence[Evidence]) -> dict[str, Case]:
    """Lock the payments that the batch is about. → cases by id, by token and by CheckoutRequestID."""
    tokens = sorted({piece.token for piece in batch if piece.token})
    ids = {piece.payment for piece in batch if piece.payment}
    checkouts = {_checkout_of(piece) for piece in batch if not piece.payment} - {""}
    rows: list[PaymentRow] = []
    if not ids:
        # Nearly always all come by token: one statement finds and locks them, in id order.
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
    tx.write_rows(statements.keep, kept)


def quarantine(tx: Transaction, statements: EvidenceStatements, strangers: Sequence[Evidence], now_ms: int) -> None:
    """Store what is about no payment that we know, so that nothing is lost and nothing is believed."""
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
        for piece in strangers
        if not piece.payment
    ]
    tx.write_rows(statements.park, sorted(parked, key=itemgetter(0)))  # in one order on all nodes: no deadlock


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


def _reason_of(piece: Evidence) -> str:
    if isinstance(piece.reading, said.CallbackUnreadable):
        return f"unreadable: {piece.reading.reason}"
    return "about no payment of ours"


def _origin_of(piece: Evidence) -> str:
    return "{}" if piece.origin is NO_ORIGIN else _ENCODE(piece.origin).decode()
