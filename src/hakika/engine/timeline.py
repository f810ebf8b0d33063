"""A payment's story: all evidence and all events, in order, with who said it."""

from typing import Any

import msgspec

from hakika.engine.representation import iso
from hakika.store.events import EventRow, list_events
from hakika.store.evidence import EvidenceRow, QuarantineRow, list_evidence
from hakika.store.transaction import Transaction

RAW_SHOWN_BYTES = 4_096


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry: `object` is `evidence` (with `source` and what was understood) or `event`."""

    at: str
    object: str
    kind: str
    source: str = ""
    reading: dict[str, Any] | None = None
    raw: str = ""
    origin: dict[str, Any] | None = None
    copies: int = 1
    event: str = ""
    number: int = 0
    sequence: int = 0
    payment: msgspec.Raw | None = None


def tell_all(tx: Transaction, payment_id: str) -> list[Entry]:
    """All that is known of a payment, in the order in which it was stored."""
    told = [((piece.at_ms, 1, piece.id), _tell_evidence(piece)) for piece in list_evidence(tx, payment_id)]
    # What was concluded comes after what it was concluded from; only `payment.created` comes before everything.
    told += [
        ((event.at_ms, 2 if event.sequence > 1 else 0, event.number), _tell_event(event))
        for event in list_events(tx, payment_id)
    ]
    return [entry for _, entry in sorted(told, key=lambda pair: pair[0])]


def _tell_evidence(piece: EvidenceRow) -> Entry:
    reading = msgspec.json.decode(piece.reading, type=dict[str, Any])
    kind = str(reading.pop("kind"))
    if "at_ms" in reading:
        reading["at"] = iso(reading.pop("at_ms"))
    origin = msgspec.json.decode(piece.origin, type=dict[str, Any])
    return Entry(
        at=iso(piece.at_ms),
        object="evidence",
        kind=kind,
        source=piece.source,
        reading=reading,
        raw=(piece.raw or b"")[:RAW_SHOWN_BYTES].decode(errors="replace"),
        origin=origin or None,
        copies=piece.copies,
    )


def _tell_event(event: EventRow) -> Entry:
    return Entry(
        at=iso(event.at_ms),
        object="event",
        kind=event.type,
        event=event.id,
        number=event.number,
        sequence=event.sequence,
        payment=msgspec.Raw(event.snapshot.encode()),
    )


def show_parked(row: QuarantineRow) -> dict[str, Any]:
    """Something that came and is about no payment that we know, as people may see it."""
    return {
        "id": row.id,
        "object": "quarantined",
        "at": iso(row.at_ms),
        "reason": row.reason,
        "checkout_request_id": row.checkout_request_id or None,
        "copies": row.copies,
        "origin": msgspec.json.decode(row.origin),
        "raw": (row.raw or b"")[:RAW_SHOWN_BYTES].decode(errors="replace"),
    }
