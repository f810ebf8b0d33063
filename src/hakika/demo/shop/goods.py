"""What the shop sells.

Prices move a little from visit to visit: M-Pesa refuses the same amount from the same phone within two minutes,
and whoever tries the shop buys the same thing twice.
"""

from dataclasses import dataclass
from typing import Any

PRICES = 9
STRIDE = 4
"""Coprime to PRICES: a price comes again only when all have been."""


@dataclass(frozen=True)
class Good:
    """One thing on the shelf; its picture has its id."""

    id: str
    name: str
    name_sw: str
    least_price: int

    def price(self, visit: int) -> int:
        """Say its price at a visit, in shillings."""
        return self.least_price + visit * STRIDE % PRICES


GOODS = (
    Good("chai", "Chai", "Chai", 50),
    Good("mandazi", "Four mandazi", "Mandazi nne", 60),
    Good("sukuma", "Sukuma wiki", "Sukuma wiki", 40),
    Good("matatu", "Matatu to town", "Matatu ya mjini", 100),
    Good("kitenge", "Kitenge, a metre", "Kitenge, mita moja", 350),
    Good("kiondo", "Kiondo basket", "Kikapu cha kiondo", 1200),
)


def find_good(good_id: str) -> Good | None:
    """Find a good by its id."""
    return next((good for good in GOODS if good.id == good_id), None)


def list_goods(visit: int) -> list[dict[str, Any]]:
    """Show the shelf at a visit."""
    return [
        {
            "id": good.id,
            "name": good.name,
            "name_sw": good.name_sw,
            "price": good.price(visit),
        }
        for good in GOODS
    ]
