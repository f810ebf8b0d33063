"""A webhook as Standard Webhooks has it: the id of the event, the time of the attempt, a signature for each secret."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from hakika import __version__

USER_AGENT = f"Hakika/{__version__}"
KEPT = 4096


class Signers:
    """Keeps whoever signs at hand: decrypting a secret for each attempt would cost more than the signature."""

    def __init__(self, open_secret: Callable[[bytes], str]) -> None:
        self._open = open_secret
        self._known: dict[bytes, Webhook] = {}

    def find(self, sealed: Sequence[bytes]) -> list[Webhook]:
        """Whoever signs with these secrets."""
        if len(self._known) > KEPT:
            self._known.clear()
        for one in sealed:
            if one not in self._known:
                self._known[one] = Webhook(self._open(one))
        return [self._known[one] for one in sealed]


def build_headers(event_id: str, body: bytes, signers: Sequence[Webhook], now_s: float | None = None) -> dict[str, str]:
    """The headers of an attempt that is made now: by the wall's clock, which is the receiver's."""
    moment = datetime.fromtimestamp(int(time.time() if now_s is None else now_s), UTC)
    text = body.decode()
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "webhook-id": event_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signer.sign(event_id, moment, text) for signer in signers),
    }
