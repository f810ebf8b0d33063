"""The phones: which answer by themselves, and what each shows to the person who holds it."""

from random import Random
from typing import Any

from hakika.simulator.outcomes import callback_text
from hakika.simulator.pushes import Push, Pushes
from hakika.simulator.rules import Reply, Rule

FIXED_CODES = {"254708374149": "0", "254708374150": "1", "254708374151": "11"}
"""Numbers that always end in the same way: pays, has no funds, has no valid account."""
MOST_RULES = 100_000
MOST_SHOWN = 12
SHOWN_FOR_MS = 600_000


class Phones:
    """Who answers for a phone that nobody holds."""

    def __init__(self, default_rule: Rule | None, think_ms: int) -> None:
        self.default_rule = default_rule
        self._think_ms = think_ms
        self._rules: dict[str, Rule] = {}

    def set_rule(self, msisdn: str, rule: Rule) -> None:
        """Let a rule answer for a phone; the phone that has waited longest for its use gives way."""
        self._rules.pop(msisdn, None)
        self._rules[msisdn] = rule
        if len(self._rules) > MOST_RULES:
            del self._rules[next(iter(self._rules))]

    def remove_rule(self, msisdn: str) -> None:
        """Hand a phone back to people."""
        self._rules.pop(msisdn, None)

    def rule_of(self, msisdn: str) -> Rule | None:
        """Say which rule would answer for a phone."""
        rule = self._rules.get(msisdn)
        if rule is None and msisdn in FIXED_CODES:
            return Rule({FIXED_CODES[msisdn]: 1}, self._think_ms, 0.0)
        return rule or self.default_rule

    def reply(self, msisdn: str, chance: Random) -> Reply | None:
        """Answer a prompt by rule, or leave it to a person."""
        rule = self.rule_of(msisdn)
        return rule.draw(chance) if rule else None


def show_phones(pushes: Pushes, now_ms: int) -> list[dict[str, Any]]:
    """Show the phones that ring or did so lately, last used first."""
    shown: list[dict[str, Any]] = []
    for push in pushes.last_per_phone():
        if len(shown) == MOST_SHOWN or now_ms - push.asked_ms > SHOWN_FOR_MS:
            break
        shown.append(show_phone(push, now_ms))
    return shown


def show_phone(push: Push, now_ms: int) -> dict[str, Any]:
    """Show the screen of one phone: the prompt while it is there, then the message that came of it."""
    screen: dict[str, Any] = {
        "msisdn": push.msisdn,
        "checkout_request_id": push.checkout_request_id,
        "amount": push.amount,
        "to": push.account.name,
        "till": push.account.till,
        "reference": push.reference,
        "rings": push.is_open(now_ms),
        "ignored": push.ignored,
        "answered_by": push.answered_by,
    }
    if push.is_open(now_ms):
        left_ms = push.expires_ms - now_ms
        return screen | {"prompt": push.prompt, "left_ms": max(left_ms, 0), "life_ms": push.expires_ms - push.asked_ms}
    if not push.is_settled(now_ms):
        return screen | {"settling": True}
    receipt = push.receipt if push.paid else None
    return screen | {"result_code": push.code, "result_text": callback_text(push.code), "receipt": receipt}
