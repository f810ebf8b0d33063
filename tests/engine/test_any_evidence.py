"""Random evidence, in random order, often copied, in random batches: the row is what the evidence says."""

import random
from functools import reduce

import msgspec
import pytest
from sqlalchemy import select

from hakika.domain.errors import HakikaError
from hakika.domain.events import STATUS_EVENTS
from hakika.domain.evidence import (
    AnyReading,
    CallbackReceived,
    CallbackUnreadable,
    GaveUp,
    OperatorResolved,
    PaybillConfirmed,
    PushAccepted,
    PushLost,
    PushRefused,
    PushStarted,
    QueryAnswered,
    QueryUnanswered,
)
from hakika.domain.payment import NOTHING, TRANSITIONS, Asked, Facts, Status, join, lift, view
from hakika.engine.case import Evidence, Origin, read_facts, view_of
from hakika.store.payments import PaymentRow
from hakika.store.tables import receipts
from tests.engine.till import Till

pytestmark = pytest.mark.anyio

READING: msgspec.json.Decoder[AnyReading] = msgspec.json.Decoder(AnyReading)
STATUS_OF = {str(event): status for status, event in STATUS_EVENTS.items()}
CODES = ["0", "0", "0", "1032", "1037", "2001", "4999", "7777"]
PAYMENTS, STEPS = 4, 40


class Chance:
    """Makes evidence about payments from one seed."""

    def __init__(self, seed: int, till: Till, rows: list[PaymentRow]) -> None:
        self.random, self.till, self.rows = random.Random(seed), till, rows  # noqa: S311
        self.said: list[Evidence] = []

    def checkout(self, row: PaymentRow) -> str:
        """Name a payment's prompt, rarely another's or none."""
        names = [f"ws_CO_{place}" for place, one in enumerate(self.rows) if one.id == row.id]
        return self.random.choice([*names * 6, "ws_CO_elsewhere", ""])

    def evidence(self) -> Evidence:
        """Make a piece, or say again what was said."""
        if self.said and self.random.random() < 0.25:
            return self.said[self.random.randrange(len(self.said))]
        row = self.random.choice(self.rows)
        piece = self.callback(row) if self.random.random() < 0.5 else self.other(row)
        self.said.append(piece)
        return piece

    def callback(self, row: PaymentRow) -> Evidence:
        """Make a callback: mostly on the payment's path, sometimes without token or from another shortcode."""
        token = self.random.choice([row.token] * 4 + ["", "f" * 32])
        code, at_ms = self.random.choice(CODES), self.moment()
        reading: AnyReading = CallbackReceived(
            at_ms,
            code,
            trusted=bool(token),
            checkout_request_id=self.checkout(row),
            amount=self.random.choice([100, 100, 100, 0, 1]),
            receipt=self.random.choice(["SFF6R1", "SFF6R2", "SFF6R3", "SFF6R4", "SFF6R5", ""]) if code == "0" else "",
        )
        if self.random.random() < 0.1:
            reading = CallbackUnreadable(at_ms, "nonsense", trusted=bool(token))
        shortcode = self.random.choice(["174379"] * 5 + ["600999"])
        return Evidence(reading, f"cb-{self.random.random()}", token=token, origin=Origin(shortcode=shortcode))

    def other(self, row: PaymentRow) -> Evidence:
        """Make anything that names its payment by its id."""
        at_ms, code, own = self.moment(), self.random.choice(CODES), f"ws_CO_{self.rows.index(row)}"
        receipt = f"SFF6R{self.random.randrange(1, 6)}"
        readings: list[AnyReading] = [
            PushStarted(at_ms, 1),
            PushAccepted(at_ms, 1, own),
            PushLost(at_ms, 1),
            PushRefused(at_ms, 1, "500.003.02", resend=True),
            QueryAnswered(at_ms, code, own, last_word=self.random.random() < 0.2),
            QueryUnanswered(at_ms, "an error"),
            PaybillConfirmed(at_ms, receipt, self.random.choice([100, 1])),
            OperatorResolved(at_ms, self.random.choice(["completed", "failed"]), "why", "who", receipt),
            GaveUp(at_ms, "a day"),
        ]
        return Evidence(self.random.choice(readings), f"id-{self.random.random()}", payment=row.id)

    def moment(self) -> int:
        """Choose a time within two minutes."""
        return self.till.clock() + self.random.randrange(120_000)


async def check(till: Till, row: PaymentRow) -> None:
    """Hold the row against its evidence, and its events against the machine."""
    kept = [READING.decode(piece.reading) for piece in await till.evidence(row)]
    facts: Facts = reduce(join, map(lift, kept), NOTHING)
    assert not row.frozen, row.frozen
    assert read_facts(row) == facts
    assert view_of(row) == view(Asked(row.amount, bool(row.verified)), facts)
    path = [STATUS_OF[event.type] for event in await till.events(row) if event.type in STATUS_OF]
    steps = list(zip([Status.PENDING, *path[1:]], path[1:], strict=False))
    assert all(after in TRANSITIONS[before] for before, after in steps), path
    assert path[-1] == row.status
    assert [event.sequence for event in await till.events(row)] == list(range(1, row.sequence + 1))


async def check_receipts(till: Till, rows: list[PaymentRow]) -> None:
    """Every receipt that a payment shows as proven is its own."""
    owned = await till.store.read(lambda tx: tx.all(select(receipts.c.receipt, receipts.c.payment)))
    owners = {str(row.receipt): str(row.payment) for row in owned}
    for row in rows:
        for proof in read_facts(row).proofs:
            if proof.receipt and proof.checkout_request_id in {"", row.checkout_request_id}:
                assert owners[proof.receipt] == row.id, (proof, owners)


@pytest.mark.parametrize("seed", range(6))
async def test_the_row_is_what_its_evidence_says(till: Till, seed: int) -> None:
    """After every batch: facts = join of all stored readings, view = view of facts, path of events allowed."""
    rows = [await till.ask() for _ in range(PAYMENTS)]
    chance = Chance(seed, till, rows)
    for _ in range(STEPS):
        batch = [chance.evidence() for _ in range(chance.random.randrange(1, 6))]
        answers = await till.together(*(till.ledger.record(piece) for piece in batch))
        assert not [answer for answer in answers if isinstance(answer, HakikaError)]
        latest = [await till.read(row.id) for row in rows]
        for row in latest:
            await check(till, row)
        await check_receipts(till, latest)
