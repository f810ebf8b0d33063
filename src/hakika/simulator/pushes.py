"""The pushes that were accepted: each with its one true end, known beforehand or not until a person answers.

A push always has an end: until somebody answers it is "nobody answers, when the prompt's life is over". So what a
push is at any moment follows from its times alone, and nothing needs to run while time passes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hakika.simulator.faults import Fault
from hakika.simulator.outcomes import PAID, callback_text
from hakika.simulator.settings import Account


@dataclass(slots=True, eq=False)
class Push:
    """One accepted push: what was asked, and how and when it ends."""

    number: int
    checkout_request_id: str
    merchant_request_id: str
    account: Account
    msisdn: str
    amount: int
    reference: str
    description: str
    callback_url: str
    asked_ms: int
    expires_ms: int
    settle_ms: int
    latency_ms: int
    receipt: str
    faults: Mapping[str, Fault] = field(default_factory=dict)
    prompted: bool = True
    ignored: bool = False
    answered_by: str = "nobody"
    code: str = ""
    ended_ms: int = 0
    round: int = 0
    """How often the end changed: a callback that was due for an earlier end is void."""

    def end(self, code: str, ended_ms: int, answered_by: str) -> None:
        """Decide how and when the prompt ends, in place of what was decided before."""
        self.code, self.ended_ms, self.answered_by = code, ended_ms, answered_by
        self.round += 1

    @property
    def settled_ms(self) -> int:
        """When M-Pesa itself is certain."""
        return self.ended_ms + self.settle_ms

    @property
    def paid(self) -> bool:
        """Tell whether money moves."""
        return self.code == PAID

    @property
    def prompt(self) -> str:
        """Write what the phone shows."""
        where = f"{self.account.name} till {self.account.till}" if self.account.till else self.account.name
        account = "" if self.account.till else f" Account no. {self.reference}"
        return f"Do you want to pay Ksh. {self.amount} to {where}{account}? Enter M-PESA PIN:"

    def is_open(self, now_ms: int) -> bool:
        """Tell whether the prompt is on the screen."""
        return self.prompted and now_ms < self.ended_ms

    def is_settled(self, now_ms: int) -> bool:
        """Tell whether M-Pesa is certain."""
        return now_ms >= self.settled_ms

    def document(self, now_ms: int) -> dict[str, Any]:
        """Show the truth about it, as far as it has happened."""
        settled = self.is_settled(now_ms)
        return {
            "checkout_request_id": self.checkout_request_id,
            "merchant_request_id": self.merchant_request_id,
            "shortcode": self.account.shortcode,
            "to": self.account.name,
            "msisdn": self.msisdn,
            "amount": self.amount,
            "reference": self.reference,
            "description": self.description,
            "callback_url": self.callback_url,
            "asked_ms": self.asked_ms,
            "prompted": self.prompted,
            "state": "open" if self.is_open(now_ms) else "settled" if settled else "settling",
            "answered_by": None if self.is_open(now_ms) else self.answered_by,
            "result_code": self.code if settled else None,
            "result_text": callback_text(self.code) if settled else None,
            "paid": self.paid if settled else None,
            "receipt": self.receipt if settled and self.paid else None,
            "ended_ms": None if self.is_open(now_ms) else self.ended_ms,
            "settled_ms": self.settled_ms if settled else None,
            "faults": [fault.document() for fault in self.faults.values()],
        }


class Pushes:
    """The latest pushes, found by identity, by phone, and by phone and amount."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._by_id: dict[str, Push] = {}
        self._by_msisdn: dict[str, Push] = {}
        self._by_amount: dict[tuple[str, int], Push] = {}

    def __contains__(self, checkout_request_id: str) -> bool:
        return checkout_request_id in self._by_id

    def add(self, push: Push) -> None:
        """Keep a push, forgetting the oldest when there are too many."""
        self._by_id[push.checkout_request_id] = push
        if push.prompted:
            # Popped first: a phone that is used again moves to the end, so that the last used come last.
            self._by_msisdn.pop(push.msisdn, None)
            self._by_msisdn[push.msisdn] = push
            self._by_amount[push.msisdn, push.amount] = push
        if len(self._by_id) > self._keep:
            self._forget(next(iter(self._by_id.values())))

    def _forget(self, push: Push) -> None:
        del self._by_id[push.checkout_request_id]
        if self._by_msisdn.get(push.msisdn) is push:
            del self._by_msisdn[push.msisdn]
        if self._by_amount.get((push.msisdn, push.amount)) is push:
            del self._by_amount[push.msisdn, push.amount]

    def find(self, checkout_request_id: str) -> Push | None:
        """Find a push by the identity that Daraja gave it."""
        return self._by_id.get(checkout_request_id)

    def open_on(self, msisdn: str, now_ms: int) -> Push | None:
        """Find the prompt that is on the screen of a phone."""
        push = self._by_msisdn.get(msisdn)
        return push if push and push.is_open(now_ms) else None

    def alike(self, msisdn: str, amount: int) -> Push | None:
        """Find the last prompt for the same money from the same phone."""
        return self._by_amount.get((msisdn, amount))

    def last_per_phone(self) -> Iterator[Push]:
        """Walk over the phones, last used first."""
        return reversed(self._by_msisdn.values())

    def documents(self, now_ms: int) -> list[dict[str, Any]]:
        """Show the truth about all, oldest first."""
        return [push.document(now_ms) for push in self._by_id.values()]
