"""A server in a thread of its own, whose time and Daraja a test holds, for a real browser to visit."""

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select

from hakika.engine.accounts import NewAccount
from hakika.store.payments import PaymentRow, find_payment
from hakika.store.tables import payments
from tests.api.house import Open, open_house, result, settings_for
from tests.api.serving import listening

T = TypeVar("T")
MERCHANT = "Wanjiru's Westlands"


class Shopfront:
    """Opens at the beginning of a block and closes at its end."""

    def __init__(self, database_url: str, folder: Path) -> None:
        settings = {"return_hosts": ("127.0.0.1",), "display_name": MERCHANT}
        self._settings = settings_for(database_url, folder, **settings)
        self._open, self._loop = threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.hakika: Open
        self.url, self._receipts = "", 0

    def __enter__(self) -> "Shopfront":
        self._thread.start()
        assert self._open.wait(20), "it did not open"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(20)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._closing = asyncio.Event()
        async with open_house(self._settings) as self.hakika, listening(self.hakika.asgi) as self.url:
            self._open.set()
            await self._closing.wait()
            self.hakika.house.ledger.notices.end()

    def do(self, act: Coroutine[Any, Any, T]) -> T:
        """Do something where the server runs."""
        return asyncio.run_coroutine_threadsafe(act, self._loop).result(20)

    # ── a merchant's acts ──────────────────────────────

    def begin(self, **fields: Any) -> str:
        """Make a checkout. → its page."""
        return self._make("/v1/checkouts", {"reference": f"order-{self.hakika.clock()}", "amount": 1500} | fields)

    def link(self, **fields: Any) -> str:
        """Make a link. → its page."""
        return self._make("/v1/links", {"reference": "harambee"} | fields)

    def _make(self, path: str, body: dict[str, Any]) -> str:
        self.pass_s(1)
        answer = self.do(self.hakika.api.post(path, json=body))
        assert answer.status_code == 201, answer.text
        return self.url + str(answer.json()["url"]).removeprefix("https://pay.example.com")

    def read(self, page: str) -> dict[str, Any]:
        """Read a checkout by its page."""
        return dict(self.do(self.hakika.api.get(f"/v1/checkouts/{page.rpartition('/')[2]}")).json())

    def add_account(self, new: NewAccount) -> None:
        """Add an account."""
        house = self.hakika.house
        self.do(house.store.write(lambda tx: house.accounts.add(tx, new)))
        self.do(house.store.read(house.accounts.load))

    # ── M-Pesa's acts ──────────────────────────────

    def ring(self) -> PaymentRow:
        """Let the worker push what waits. → the payment of the latest push."""
        self.do(self.hakika.worker.run_once())
        token = self.hakika.daraja.pushes[-1].callback_url.rpartition("/")[2]
        return self._find(token)

    def _find(self, token: str) -> PaymentRow:
        store = self.hakika.house.store
        found = self.do(store.read(lambda tx: tx.one(select(payments.c.id).where(payments.c.token == token))))
        assert found is not None
        return self.read_payment(str(found[0]))

    def read_payment(self, payment_id: str) -> PaymentRow:
        """The payment as it now is."""
        row = self.do(self.hakika.house.store.read(lambda tx: find_payment(tx, payment_id)))
        assert row is not None
        return row

    def answer(self, code: int | str = 0, **changes: Any) -> PaymentRow:
        """Ring, and let the payer do something. → the payment."""
        row = self.ring()
        self._receipts += 1
        told: dict[str, Any] = {"amount": row.amount, "receipt": f"NLJ7RT{self._receipts:04}"} | changes
        self.do(self.hakika.post(f"/c/{row.token}", result(str(row.checkout_request_id), code=code, **told)))
        return row

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""

        async def pass_it() -> None:
            self.hakika.clock.pass_s(seconds)

        self.do(pass_it())
