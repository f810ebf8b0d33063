"""Telling Hakika that somebody stands at the portal: it asks M-Pesa sooner about a payment that somebody waits for.

What comes of the payment is heard by receiver.py, as ever; here nothing is learned.
"""

import asyncio

import structlog

from hakika.client import AsyncHakika, HakikaError

HOLD_S = 30.0  # longer than a page lets pass until it asks again: then the next is held
log = structlog.get_logger()


class Waits:
    """Waits at Hakika, once for each payment that a page is open for."""

    def __init__(self, client: AsyncHakika) -> None:
        self._client = client
        self._held: set[str] = set()
        self._begun: asyncio.Queue[str] = asyncio.Queue()

    def hold(self, payment: str) -> None:
        """A page is open for this payment."""
        if payment not in self._held:
            self._held.add(payment)
            self._begun.put_nowait(payment)

    def holds(self, payment: str) -> bool:
        """Whether it is waited for, or about to be."""
        return payment in self._held

    async def run(self) -> None:
        """Wait for them until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._wait(await self._begun.get()))

    async def _wait(self, payment: str) -> None:
        try:
            await self._client.payments.wait(payment, timeout_s=HOLD_S)
        except HakikaError as error:
            log.info("not_waited_for", payment=payment, why=error.detail)
        except Exception:
            log.exception("waiting_failed", payment=payment)
        finally:
            self._held.discard(payment)
