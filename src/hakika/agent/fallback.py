"""Asking Daraja ourselves, while Hakika's server cannot be asked: read only, and only where credentials are at hand.

What it says is told as what it is: a success is proof, a decline from one query is not (docs/payment.md), and
everything else says nothing.
"""

import logging
import sys
from collections.abc import Awaitable, Callable

import structlog

from hakika.agent import wording
from hakika.agent.purse import Charge
from hakika.agent.wording import Answer, spell_amount, spell_phone
from hakika.daraja.client import open_client
from hakika.daraja.codes import look_up
from hakika.daraja.protocol import QueryOutcome, Shortcode, Token
from hakika.domain.evidence import QueryAnswered
from hakika.domain.payment import KNOWN_FINAL, SUCCESS

DOWN = "Hakika's server does not answer."

Query = Callable[[str], Awaitable[QueryOutcome]]
"""CheckoutRequestID → what Daraja says."""


class _Pocket:
    """A token vault for one process."""

    def __init__(self) -> None:
        self._token: Token | None = None

    async def read(self, _: str) -> Token | None:
        """See TokenVault."""
        return self._token

    async def lease(self, _: str, __: int) -> bool:
        """See TokenVault."""
        return True

    async def write(self, _: str, token: Token) -> None:
        """See TokenVault."""
        self._token = token

    async def release(self, _: str) -> None:
        """See TokenVault."""


def query_with(shortcode: Shortcode, clock: Callable[[], int]) -> Query:
    """→ a way to ask Daraja with those credentials."""
    pocket = _Pocket()
    if not structlog.is_configured():
        _quiet_logs()

    async def query(checkout_request_id: str) -> QueryOutcome:
        async with open_client(clock, pocket) as client:
            return await client.query("agent", shortcode, checkout_request_id, last_word=False)

    return query


def _quiet_logs() -> None:
    """Log warnings to standard error: unset, each exchange with Daraja would stand in an MCP client's stream."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


async def tell_without_server(query: Query | None, checkout_request_id: str, charge: Charge | None) -> Answer:
    """Say what Daraja says of a prompt; without Daraja, that it is not known."""
    if query is None or not checkout_request_id:
        return wording.admit_ignorance(DOWN, source="nobody")
    reading = (await query(checkout_request_id)).reading
    if not isinstance(reading, QueryAnswered) or reading.checkout_request_id != checkout_request_id:
        return wording.admit_ignorance(f"{DOWN} M-Pesa, asked directly, could not tell.", source="daraja")
    if reading.code == SUCCESS:
        what = f"{spell_phone(charge.phone)} was charged {spell_amount(charge.amount)}" if charge else "it was paid"
        return {
            "status": "success",
            "payment_status": "completed",
            "message": f"Paid: M-Pesa, asked directly, says that {what}. The receipt follows when Hakika runs again.",
            "may_ask_again": False,
            "source": "daraja",
        }
    if reading.code in KNOWN_FINAL:
        word = look_up(reading.code).english
        said = f"{DOWN} M-Pesa, asked directly, now says: “{word}” One such answer decides nothing."
        return wording.admit_ignorance(said, source="daraja")
    return wording.admit_ignorance(f"{DOWN} M-Pesa, asked directly, says that it is still open.", source="daraja")
