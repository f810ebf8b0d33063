"""What comes in, what goes out, and one payment's case while a batch of evidence is folded."""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from hakika.domain.errors import HakikaError
from hakika.domain.evidence import AnyReading
from hakika.domain.payment import Facts, Stage, Status, View
from hakika.engine.agenda import CallbacksArrive, Hint
from hakika.store.events import EventRow
from hakika.store.payments import PaymentRow


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who sent it, and where to."""

    remote: str = ""
    path: str = ""
    shortcode: str = ""  # the header Businessshortcode (daraja.md §2.3)
    truncated: bool = False


Guard = Callable[[PaymentRow, Facts], HakikaError | None]
"""A decision's condition, judged under the row lock: the error to answer with, or None to go on."""

NO_ORIGIN = Origin()
NO_HINT = Hint()


class Evidence(msgspec.Struct, frozen=True):
    """One piece of evidence on its way in. It names its payment by id, by token, or by CheckoutRequestID.

    `identity` tells a copy from a second piece: the hash of a callback's bytes, a query's own id.
    """

    reading: AnyReading
    identity: str
    payment: str = ""
    token: str = ""
    raw: bytes = b""
    origin: Origin = NO_ORIGIN
    guard: Guard | None = None
    hint: Hint = NO_HINT


class Recorded(msgspec.Struct, frozen=True):
    """What came of it: the payment as it now is, or None where the evidence was quarantined."""

    payment: PaymentRow | None
    event: EventRow | None = None
    trial: bool = False  # the doctor's own: nothing but an event is kept of it, and nothing counts it


def _is_none(_: str) -> bool:
    return False


class Surroundings(msgspec.Struct, frozen=True):
    """What folding needs to know besides the database."""

    now_ms: int
    event_ids: Iterator[str]
    callbacks_arrive: CallbacksArrive
    shortcodes: Mapping[str, frozenset[str]]  # account → the shortcodes that its callbacks may name
    public_url: str = ""  # where payers find us
    is_trial: Callable[[str], bool] = _is_none  # whether a token is of a callback that the doctor posted


class Case:
    """One payment and the evidence of this batch about it."""

    __slots__ = ("before", "copies", "event", "facts", "heard", "row", "seen")

    def __init__(self, row: PaymentRow) -> None:
        self.row = self.before = row
        self.facts = read_facts(row)
        self.seen = view_of(row)
        self.heard: list[Evidence] = []
        self.copies: frozenset[str] = frozenset()  # identities of what asks for a query and was kept before
        self.event: EventRow | None = None


# Looked up, not constructed: an Enum's call costs ten times as much, and this is on the hot path.
_STATUSES = {status.value: status for status in Status}
_STAGES = {stage.value: stage for stage in Stage}
_FACTS = msgspec.json.Decoder(Facts)
_FLAGS = msgspec.json.Decoder(tuple[str, ...])


def view_of(row: PaymentRow) -> View:
    """The view that the row keeps."""
    return View(
        status=_STATUSES[row.status],
        stage=_STAGES[row.stage],
        receipt=row.receipt,
        amount_received=row.amount_received,
        code=row.code,
        confirmed_by=row.confirmed_by,
        paid_at_ms=row.paid_at_ms,
        payer_phone=row.payer_phone,
        flags=() if row.flags == "[]" else _FLAGS.decode(row.flags),
    )


def read_facts(row: PaymentRow) -> Facts:
    """The facts that the row keeps."""
    return _FACTS.decode(row.facts)
