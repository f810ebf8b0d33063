"""What tests of checkouts do: make one, press Pay, and see what became of it."""

from typing import Any

import msgspec
from sqlalchemy import select

from hakika.domain.phone import Phone
from hakika.engine.checkout.purchase import read_purchase
from hakika.store.checkouts import CheckoutRow, find_checkout
from hakika.store.payments import PaymentRow
from hakika.store.tables import events
from tests.engine.till import PHONE, Till

HERS, HIS = Phone(PHONE), Phone("254722000002")
DAY_S = 24 * 3600
AGAIN = {"times": 2, "within_s": 900}
"""A rule: twice, within a quarter of an hour."""


async def begin(till: Till, **fields: Any) -> CheckoutRow:
    """Make a checkout."""
    given: dict[str, Any] = {"reference": "order-1", "amount": 100}
    purchase = read_purchase(**given | fields)
    answered = await till.checkouts.create(purchase, "test")
    return await see(till, str(msgspec.json.decode(answered.body)["id"]))


async def see(till: Till, checkout_id: str) -> CheckoutRow:
    """Read a checkout."""
    row = await till.store.read(lambda tx: find_checkout(tx, checkout_id))
    assert row is not None
    return row


async def prompt(till: Till, checkout: CheckoutRow, phone: Phone | None = HERS, **given: Any) -> PaymentRow:
    """Press Pay, and let the worker push. → the attempt."""
    asked = await till.prompting.attempt(checkout.id, phone, **given)
    await till.worker.run_once()
    return await till.read(asked.id)


async def told(till: Till, checkout: CheckoutRow) -> list[str]:
    """The types of the events of a checkout and its payments, in order."""
    found = select(events.c.type).where(events.c.checkout == checkout.id).order_by(events.c.number)
    return [str(row[0]) for row in await till.store.read(lambda tx: tx.all(found))]
