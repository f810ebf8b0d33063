"""`hakika verify`: a sound store has no differences, and each way of spoiling it shows exactly that difference."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from hakika.daraja.protocol import PushOutcome
from hakika.domain.evidence import CallbackReceived, CallbackUnreadable, PushAccepted
from hakika.engine.case import Evidence, Origin
from hakika.engine.desk import Posted, read_posted
from hakika.engine.resolution import Resolution
from hakika.engine.spool import Spool
from hakika.engine.verification import Difference, Report, verify_all
from hakika.store.events import EventRow, EventStatements, publish
from hakika.store.payments import PaymentRow
from hakika.store.tables import (
    event_counter,
    events,
    evidence,
    payments,
    quarantine,
    receipts,
    reference_claims,
)
from tests.engine.till import Till, say

pytestmark = pytest.mark.anyio

CALLBACK = (
    b'{"Body":{"stkCallback":{"MerchantRequestID":"mr-ws_CO_1","CheckoutRequestID":"ws_CO_1","ResultCode":0,'
    b'"ResultDesc":"ok","CallbackMetadata":{"Item":[{"Name":"Amount","Value":100},'
    b'{"Name":"MpesaReceiptNumber","Value":"SFF6XYZ123"}]}}}}'
)


def accept(at_ms: int, attempt: int) -> PushOutcome:
    """Daraja takes the push, in bytes that say so."""
    raw = b'{"ResponseCode":"0","CheckoutRequestID":"ws_CO_1","MerchantRequestID":"mr-ws_CO_1"}'
    return PushOutcome(PushAccepted(at_ms, attempt, "ws_CO_1", "mr-ws_CO_1"), raw=raw)


def verify(till: Till, spool: Path = Path("/nonexistent/callbacks.spool")) -> Report:
    """Verify the store of a till."""
    return verify_all(till.store, spool)


def rules(report: Report) -> list[str]:
    """Name the rules that are broken."""
    return sorted({difference.rule for difference in report.differences})


async def spoil(till: Till, *statements: Any) -> None:
    """Write what the ledger never would."""
    await till.store.write(lambda tx: [tx.execute(statement) for statement in statements])


async def paid(till: Till) -> PaymentRow:
    """Make a payment that was paid."""
    row = await till.prompt()
    await till.call_back(row, receipt="SFF6XYZ123")
    return await till.read(row.id)


async def test_whatever_happened_a_sound_store_has_no_differences(till: Till) -> None:
    """Payments of every kind replay to exactly what is stored; all pages, evidence and events are counted."""
    await paid(till)
    taken = await till.prompt()
    await till.call_back(taken, receipt="SFF6XYZ123")
    mispaid = await till.prompt()
    await till.call_back(mispaid, amount=1, receipt="SFF6XYZ124")
    cancelled = await till.prompt()
    await till.call_back(cancelled, "1032")
    await till.call_back(cancelled, "1032", identity="again")
    await till.call_back(cancelled, receipt="SFF6XYZ125")
    claimed = await till.prompt()
    await till.call_back(claimed, receipt="CLAIMED001", token="")
    till.daraja.query_answers = [say("0")]
    await till.cashier.query(claimed.id)
    resolved = await till.prompt()
    await till.cashier.resolve(resolved.id, Resolution("completed", "seen", "SFF6XYZ126"), "asha")
    await till.cashier.resolve(resolved.id, Resolution("reversed", "refunded"), "asha")
    await till.ask()
    report = verify(till)
    assert report.differences == []
    assert (report.payments, report.events) == (7, 15)
    assert await till.statuses() == {"completed": 3, "unresolved": 1, "mispaid": 1, "reversed": 1, "pending": 1}


async def test_an_empty_store_is_sound(till: Till) -> None:
    """Nothing is no difference."""
    assert verify(till) == Report()


SPOILED: dict[str, tuple[str, Callable[[PaymentRow], list[Any]], str]] = {
    "status": (
        "last_event view",
        lambda _: [update(payments).values(status="failed")],
        "status is 'failed'; its evidence makes it 'completed'",
    ),
    "receipt": ("receipt view", lambda _: [update(payments).values(receipt="OTHER00001")], "receipt is 'OTHER00001'"),
    "amount": ("view", lambda _: [update(payments).values(amount_received=99)], "amount_received is 99"),
    "code": ("view", lambda _: [update(payments).values(code="1032")], "code is '1032'"),
    "flags": ("view", lambda _: [update(payments).values(flags='["late"]')], "flags is ('late',)"),
    "paid_at": ("view", lambda _: [update(payments).values(paid_at_ms=7)], "paid_at_ms is 7"),
    "checkout": (
        "view",
        lambda _: [update(payments).values(checkout_request_id="ws_CO_9")],
        "checkout_request_id is 'ws_CO_9'",
    ),
    "facts": ("facts", lambda _: [update(payments).values(facts="{}")], "proofs is (); the evidence says"),
    "evidence lost": (
        "facts receipt view",
        lambda _: [delete(evidence).where(evidence.c.source == "callback")],
        "its evidence makes it 'pending'",
    ),
    "reading": ("facts", lambda _: [update(evidence).values(reading="{")], "cannot be read"),
    "event lost": (
        "numbers path",
        lambda _: [delete(events).where(events.c.sequence == 1)],
        "its events are numbered [2], not 1 to 2",
    ),
    "last event lost": (
        "last_event numbers path",
        lambda _: [delete(events).where(events.c.sequence == 2)],
        "it is completed, and the last event says payment.created",
    ),
    "event type": (
        "last_event path",
        lambda _: [update(events).where(events.c.sequence == 2).values(type="payment.failed")],
        "the last event says payment.failed",
    ),
    "snapshot": (
        "path",
        lambda _: [update(events).where(events.c.sequence == 2).values(snapshot='{"status":"failed"}')],
        "shows a payment that is failed",
    ),
    "counter": ("numbers", lambda _: [update(event_counter).values(number=9)], "the counter stands at 9"),
    "receipt not owned": ("receipt", lambda _: [delete(receipts)], "which is not entered as its own"),
    "receipt not proven": (
        "receipt",
        lambda row: [insert(receipts).values(receipt="UNPROVEN01", payment=row.id)],
        "UNPROVEN01 is entered as its own, and no evidence proves it",
    ),
    "claim lost": ("claim", lambda _: [delete(reference_claims)], "no claim is entered"),
    "claim kept": ("claim", lambda _: [update(payments).values(holds_reference=False)], "that it does not hold"),
    "frozen": ("frozen", lambda _: [update(payments).values(frozen="completed may not become failed")], "may not"),
    "orphan": (
        "orphan",
        lambda _: [insert(receipts).values(receipt="NOBODYS001", payment="pay_nobody")],
        "receipts names payment pay_nobody",
    ),
    "parked": (
        "parked",
        lambda row: [
            insert(quarantine).values(
                identity="x", at_ms=1, reason="", checkout_request_id=row.checkout_request_id, reading="{}", origin="{}"
            )
        ],
        "is quarantined; it is",
    ),
}


@pytest.mark.parametrize("way", SPOILED)
async def test_each_way_of_spoiling_shows_exactly_that(till: Till, way: str) -> None:
    """One payment is paid and one thing is spoiled: these rules break and no others."""
    row = await paid(till)
    broken, statements, words = SPOILED[way]
    await spoil(till, *statements(row))
    report = verify(till)
    assert rules(report) == broken.split()
    assert any(words in difference.detail for difference in report.differences), report.differences


async def test_an_event_about_no_payment_is_no_orphan(till: Till) -> None:
    """Alerts, endpoints and probes publish events of their own; a payment's that names none is one."""
    await paid(till)
    await till.store.write(
        lambda tx: publish(tx, EventStatements(tx.dialect), [EventRow(0, "evt_1", "", "alert.opened", 1, 1, "{}")])
    )
    assert verify(till).differences == []
    await spoil(till, update(events).where(events.c.id == "evt_1").values(type="payment.failed"))
    assert rules(verify(till)) == ["orphan"]


async def test_a_path_outside_the_table_is_found(till: Till) -> None:
    """Events that go from completed to failed are a difference, although numbered well."""
    row = await paid(till)
    await till.cashier.resolve(row.id, Resolution("reversed", "refunded"), "asha")
    await spoil(
        till,
        update(events).where(events.c.sequence == 3).values(type="payment.failed", snapshot='{"status":"failed"}'),
    )
    report = verify(till)
    assert Difference(row.id, "path", "event 3 (payment.failed) may not follow completed") in report.differences


async def test_a_pending_payment_that_nobody_will_act_on_is_found(till: Till) -> None:
    """What is pending has a time at which somebody acts."""
    row = await till.prompt()
    await till.spoil(row, due_at_ms=None)
    assert verify(till).differences == [Difference(row.id, "due", "it is pending, and nobody will ever act on it")]


async def test_only_the_spoiled_payment_is_named(till: Till) -> None:
    """Of several payments the one that is wrong is the one in the report."""
    await paid(till)
    row = await till.prompt()
    await till.prompt()
    await till.spoil(row, status="completed", amount_received=100)
    assert {difference.payment for difference in verify(till).differences} == {row.id}


async def test_what_waits_in_the_spool_is_found(till: Till, tmp_path: Path) -> None:
    """Callbacks that are on disk only, and those that could never be recorded, are unprocessed."""
    spool = Spool(tmp_path / "callbacks.spool")
    assert verify(till, spool.file).differences == []
    spool.append(b"one")
    spool.set_aside(b"two", torn=False)
    report = verify(till, spool.file)
    assert rules(report) == ["spool"]
    assert len(report.differences) == 2


async def test_a_torn_line_is_a_warning(till: Till, tmp_path: Path) -> None:
    """Its sender was never answered and nothing can be done about it: it does not make the proof fail for ever."""
    spool = Spool(tmp_path / "callbacks.spool")
    spool.set_aside(b"half", torn=True)
    report = verify(till, spool.file)
    assert report.differences == []
    assert [(found.rule, "delete it" in found.detail) for found in report.warnings] == [("spool", True)]


async def test_more_payments_than_a_page(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """All pages are read, and progress is told up to the whole."""
    for _ in range(5):
        await till.ask()
    monkeypatch.setattr("hakika.engine.verification.PAGE", 2)
    told: list[tuple[int, int]] = []
    report = verify_all(till.store, Path("/nonexistent"), lambda done, total: told.append((done, total)))
    assert report.payments == 5
    assert told == [(0, 5), (2, 5), (4, 5), (5, 5)]


async def test_bytes_that_would_be_read_otherwise_today_are_a_warning(till: Till) -> None:
    """A reading that differs from what today's reader makes of its bytes is no failure, and is told."""
    till.daraja.push_answers = [accept]
    row = await till.prompt()
    wrong = CallbackReceived(till.clock(), "1032", trusted=True, checkout_request_id="ws_CO_1")
    await till.ledger.record(Evidence(wrong, "cb", token=row.token, raw=CALLBACK))
    report = verify(till)
    assert report.differences == []
    assert [(warning.rule, warning.payment) for warning in report.warnings] == [("reading", row.id)]


async def test_a_callback_as_it_comes_is_read_again_alike(till: Till) -> None:
    """Callbacks, readable or not, believed or not, read again as they were read; stamps are no difference."""
    till.daraja.push_answers = [accept]
    row = await till.prompt()
    for body, token, foreign in (
        (CALLBACK, row.token, False),
        (CALLBACK, "", True),
        (b"<html>", row.token, True),
    ):
        posted = Posted(body, token, Origin("10.0.0.1", "/c/…"), till.clock(), foreign)
        await till.ledger.record(read_posted(posted))
    report = verify(till)
    assert (report.differences, report.warnings) == ([], [])


async def test_a_copy_from_a_foreign_address_replays_to_what_is_stored(till: Till) -> None:
    """The same bytes again, from an address that is not on the list, leave facts that the evidence explains."""
    row = await till.prompt()
    for foreign in (False, True):
        await till.ledger.record(read_posted(Posted(CALLBACK, row.token, Origin(), till.clock(), foreign)))
        till.clock.pass_s(1)
    assert verify(till).differences == []


async def test_an_unreadable_callback_is_evidence_like_any_other(till: Till) -> None:
    """What is no callback at all is kept, flagged, and replays."""
    row = await till.prompt()
    await till.hear(row, CallbackUnreadable(till.clock(), "not JSON", trusted=True))
    assert verify(till).differences == []
