"""Who waits for a payment in this process, and telling them. A notice is a hint to look, never the truth."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hakika.store.payments import PaymentRow

Listener = Callable[[PaymentRow], None]


class Notices:
    """In-process notification after a commit."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._listeners: list[Listener] = []

    @contextmanager
    def watch(self, payment_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the payment changed; the caller clears it."""
        changed = asyncio.Event()
        self._waiting[payment_id].add(changed)
        try:
            yield changed
        finally:
            self._waiting[payment_id].discard(changed)
            if not self._waiting[payment_id]:
                del self._waiting[payment_id]

    def watched(self, payment_id: str) -> bool:
        """Whether somebody waits for that payment."""
        return payment_id in self._waiting

    def listen(self, listener: Listener) -> None:
        """Call `listener` with every payment that changed."""
        self._listeners.append(listener)

    def tell(self, row: PaymentRow) -> None:
        """The payment changed, and that is durable."""
        for changed in self._waiting.get(row.id, ()):
            changed.set()
        for listener in self._listeners:
            listener(row)
