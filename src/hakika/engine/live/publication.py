"""An event as the world sees it: the one shape in the API, in webhooks, in streams and over WebSockets."""

import msgspec

from hakika.engine.representation import encode, iso, mode_of
from hakika.store.events import EventRow
from hakika.store.payments import PaymentRow

STAGE = "payment.stage"
"""How a change of stage is called in a stream. It is no event: it has no id, no number, and is never sent again."""


class Event(msgspec.Struct, frozen=True):
    """One event. `data` is the payment (or checkout) as it then was."""

    id: str | None
    object: str
    type: str
    timestamp: str
    number: int | None
    sequence: int
    mode: str
    payment: str | None
    checkout: str | None
    data: msgspec.Raw


_ENCODE = msgspec.json.Encoder().encode


def encode_event(row: EventRow) -> bytes:
    """The event as JSON."""
    return _ENCODE(
        Event(
            id=row.id,
            object="event",
            type=row.type,
            timestamp=iso(row.at_ms),
            number=row.number,
            sequence=row.sequence,
            mode=row.mode,
            payment=row.payment or None,
            checkout=row.checkout or None,
            data=msgspec.Raw(row.snapshot.encode()),
        )
    )


def encode_stage(row: PaymentRow) -> bytes:
    """A payment's change of stage, in the shape of an event without id and number."""
    return _ENCODE(
        Event(
            id=None,
            object="event",
            type=STAGE,
            timestamp=iso(row.updated_at_ms),
            number=None,
            sequence=row.sequence,
            mode=mode_of(row.environment),
            payment=row.id,
            checkout=row.checkout or None,
            data=msgspec.Raw(encode(row)),
        )
    )
