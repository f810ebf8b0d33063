"""A payment followed live, until it has ended."""

import time
from typing import Any

from hakika.cli.connection import Remote
from hakika.cli.voice import console

LOOK_EVERY_S = 0.5
PROMPT_LIFE_S = 60  # on most phones; a prompt's end alone says nothing


class Watch:
    """Knows how long the prompt has been on the phone, as seen from here: clocks of two machines may differ."""

    def __init__(self) -> None:
        self._prompted_at: float | None = None

    def say(self, payment: dict[str, Any]) -> str:
        """Where the payment is, in words."""
        match payment["stage"]:
            case "queued":
                return "queued"
            case "sending":
                return "sending the prompt"
            case "prompted":
                return self._count_down(payment)
            case "unsure":
                return "the push's answer was lost: finding out what became of it (it is never sent twice)"
            case _:
                return str(payment["status"])

    def _count_down(self, payment: dict[str, Any]) -> str:
        now = time.monotonic()
        self._prompted_at = self._prompted_at or now
        left_s = int(PROMPT_LIFE_S - (now - self._prompted_at))
        if left_s <= 0:
            return "the prompt has ended: finding out what became of it"
        return f"prompted: check the phone {payment['phone']}, {left_s} s left"


def follow(remote: Remote, payment: dict[str, Any], timeout_s: float, *, quiet: bool) -> dict[str, Any]:
    """Wait until the payment is no longer pending, or the time is over. → the payment as it then is."""
    until = time.monotonic() + timeout_s
    out, watch = console(), Watch()
    told = ""
    live = out.is_terminal and not quiet
    with out.status("") as status:
        if not live:
            status.stop()
        while payment["status"] == "pending" and time.monotonic() < until:
            words = watch.say(payment)
            if live:
                status.update(words)
            elif not quiet and payment["stage"] != told:
                out.print(words)
            told = payment["stage"]
            payment = remote.wait(payment["id"], LOOK_EVERY_S)
    return payment
