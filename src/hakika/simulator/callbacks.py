"""The callbacks that Safaricom owes: what they say, when they are due, and how faults bend them.

Each is posted once, whatever the receiver answers: Daraja does not retry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from typing import Any

import msgspec

from hakika.simulator.kenya import transaction_date
from hakika.simulator.outcomes import PAID, callback_code, callback_text
from hakika.simulator.pushes import Push
from hakika.simulator.wire import JSON_HEADERS

OVERTAKEN_BY_MS = 1_000
"""How far a reordered callback stays behind the one that overtook it: enough for both to arrive in that order."""


@dataclass(frozen=True, slots=True)
class CallbackPost:
    """One POST that is to be made now."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    due_ms: int
    checkout_request_id: str


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """A callback that waits for its time; equal times keep the order in which they were planned."""

    at_ms: int
    number: int
    push: Push = field(compare=False)
    round: int = field(compare=False)
    overtaken: bool = field(compare=False, default=False)

    @property
    def is_void(self) -> bool:
        """Tell whether the push has got another end since."""
        return self.round != self.push.round


class Outbox:
    """The callbacks in the order of their times."""

    def __init__(self) -> None:
        self._heap: list[Due] = []
        self._held: list[Due] = []
        self._number = 0
        self._receipts: tuple[str, ...] = ()

    def plan(self, push: Push) -> None:
        """Plan the callbacks for the end that a push now has."""
        if "callback_lost" in push.faults:
            return
        late = push.faults.get("callback_late")
        repeated = push.faults.get("callback_repeated")
        copies, gap_ms = (repeated.number("copies"), repeated.number("gap_ms")) if repeated else (1, 0)
        first_ms = push.settled_ms + push.latency_ms + (late.number("delay_ms") if late else 0)
        for copy in range(copies):
            self._add(first_ms + copy * gap_ms, push)

    def _add(self, at_ms: int, push: Push, *, overtaken: bool = False) -> None:
        self._number += 1
        heappush(self._heap, Due(at_ms, self._number, push, push.round, overtaken))

    def next_due_ms(self) -> int | None:
        """Say when the next callback is due."""
        while self._heap and self._heap[0].is_void:
            heappop(self._heap)
        return min((due.at_ms for due in (*self._heap[:1], *self._held)), default=None)

    def take_due(self, now_ms: int) -> list[CallbackPost]:
        """Take out the callbacks whose time has come, in order."""
        posts = []
        while (due_ms := self.next_due_ms()) is not None and due_ms <= now_ms:
            self._release([held for held in self._held if held.at_ms <= due_ms], due_ms)
            due = heappop(self._heap)
            reordered = due.push.faults.get("callback_reordered")
            if reordered and not due.overtaken:
                self._held.append(replace(due, at_ms=due.at_ms + reordered.number("hold_ms")))
                continue
            posts.append(self._write(due))
            if not due.overtaken:
                overtaken = [held for held in self._held if held.push is not due.push]
                self._release(overtaken, due.at_ms + OVERTAKEN_BY_MS)
        return posts

    def _release(self, some: list[Due], at_ms: int) -> None:
        """Let go of callbacks that waited to be overtaken."""
        for held in some:
            self._held.remove(held)
            self._add(at_ms, held.push, overtaken=True)

    def _write(self, due: Due) -> CallbackPost:
        push = due.push
        others = tuple(receipt for receipt in self._receipts if receipt != push.receipt)[-1:]
        body = write_body(push, others[0] if others else push.receipt)
        if push.paid:
            self._receipts = (*others, push.receipt)
        headers = {**JSON_HEADERS, "Businessshortcode": push.account.shortcode}
        return CallbackPost(push.callback_url, headers, body, due.at_ms, push.checkout_request_id)


def write_body(push: Push, other_receipt: str) -> bytes:
    """Write a callback as Daraja does."""
    contradicted = push.faults.get("callback_contradicts")
    code = contradicted.text("says") if contradicted else push.code
    callback: dict[str, Any] = {
        "MerchantRequestID": push.merchant_request_id,
        "CheckoutRequestID": push.checkout_request_id,
        "ResultCode": callback_code(code),
        "ResultDesc": callback_text(code),
    }
    if code == PAID:
        callback["CallbackMetadata"] = {"Item": write_items(push, other_receipt)}
    return msgspec.json.encode({"Body": {"stkCallback": callback}})


def write_items(push: Push, other_receipt: str) -> list[dict[str, Any]]:
    """Write what was paid; `Balance` has no value, as in Daraja."""
    altered = push.faults.get("callback_amount")
    amount = altered.number("amount") if altered else push.amount
    masked = "callback_phone_masked" in push.faults
    repeated = "callback_receipt_repeated" in push.faults
    return [
        {"Name": "Amount", "Value": msgspec.Raw(f"{amount}.00".encode())},
        {"Name": "MpesaReceiptNumber", "Value": other_receipt if repeated else push.receipt},
        {"Name": "Balance"},
        {"Name": "TransactionDate", "Value": transaction_date(push.settled_ms)},
        {"Name": "PhoneNumber", "Value": f"0{push.msisdn[3:9]}***" if masked else int(push.msisdn)},
    ]
