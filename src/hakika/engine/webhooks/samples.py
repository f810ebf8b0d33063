"""Samples for probes: a payment that never was, in each state that an event can tell of."""

from typing import Any

import msgspec

from hakika.engine.alerts.showing import show_alert
from hakika.engine.representation import iso
from hakika.store.alerts.records import AlertRow

SAMPLE_ID = "pay_00000000000000000000000000"
_DECLINES = {
    "failed": ("1", "The balance is insufficient for the transaction."),
    "cancelled": ("1032", "Request cancelled by user."),
    "expired": ("1037", "No response from user."),
}


def sample_payment(event_type: str, mode: str, now_ms: int) -> dict[str, Any]:
    """What an event of that type could have as its data; a checkout's has the fields of a checkout."""
    kind, _, word = event_type.partition(".")
    if kind == "alert":
        return _sample_alert(word, mode, now_ms)
    if kind == "checkout":
        return _sample_checkout(word, mode, now_ms)
    return _sample_payment(word, mode, now_ms)


def _sample_payment(word: str, mode: str, now_ms: int) -> dict[str, Any]:
    status = {"created": "pending", "updated": "completed"}.get(word, word)
    paid = status in {"completed", "mispaid", "reversed"}
    code, message = _DECLINES.get(status, ("0" if paid else "", ""))
    failure = {"code": code, "message": message, "advice": "", "retryable": True, "retry_after_s": 0}
    return {
        "id": SAMPLE_ID,
        "object": "payment",
        "mode": mode,
        "status": status,
        "stage": "queued" if status == "pending" else None,
        "amount": 100,
        "amount_received": (50 if status == "mispaid" else 100) if paid else None,
        "currency": "KES",
        "phone": "254712345678",
        "payer_phone": "254712345678" if paid else None,
        "reference": "sample-1042",
        "account": "acc_00000000000000000000000000",
        "account_reference": "sample-1042",
        "description": "A sample: no money moved",
        "receipt": "SAMPLE0001" if paid else None,
        "result_code": code or None,
        "failure": failure if message else None,
        "confirmed_by": "callback" if code else None,
        "late": False,
        "flags": [],
        "checkout_request_id": "ws_CO_00000000000000000000",
        "merchant_request_id": "0-0-0",
        "metadata": {},
        "queries": 0,
        "frozen": None,
        "created_at": iso(now_ms),
        "prompted_at": None if status == "pending" else iso(now_ms),
        "paid_at": iso(now_ms) if paid else None,
        "final_at": None if status == "pending" else iso(now_ms),
        "updated_at": iso(now_ms),
    }


def _sample_alert(word: str, mode: str, now_ms: int) -> dict[str, Any]:
    evidence = {"count": 3, "since_ms": now_ms, "first": [SAMPLE_ID], "account": "default"}
    row = AlertRow(
        id="alr_00000000000000000000000000",
        mode=mode,
        rule="pending-long",
        subject="acc_00000000000000000000000000",
        severity="critical",
        status="open" if word == "opened" else "closed",
        summary="A sample: 3 payments are pending for more than 5 min (default).",
        evidence=msgspec.json.encode(evidence).decode(),
        opened_at_ms=now_ms,
        seen_at_ms=now_ms,
        told_at_ms=now_ms,
        told=1,
        closed_at_ms=0 if word == "opened" else now_ms,
    )
    return show_alert(row)


def _sample_checkout(status: str, mode: str, now_ms: int) -> dict[str, Any]:
    return {
        "id": "chk_00000000000000000000000000",
        "object": "checkout",
        "mode": mode,
        "status": status,
        "reference": "sample-1042",
        "amount": 100,
        "description": "A sample: no money moved",
        "payment": SAMPLE_ID if status == "completed" else None,
        "payments": [SAMPLE_ID] if status == "completed" else [],
        "metadata": {},
        "created_at": iso(now_ms),
        "completed_at": iso(now_ms) if status == "completed" else None,
    }
