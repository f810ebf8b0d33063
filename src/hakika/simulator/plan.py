"""Which faults come when: by rate, drawn from the seed, or ordered for what comes next.

Each order is for one coming payment or request. Faults of a payment are used up only by a push that is accepted,
so an expired token or a spike arrest before it does not eat what was ordered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from hakika.simulator.faults import Fault, Stage, read_fault
from hakika.simulator.orders import Misused, read_code, read_msisdn, read_number, read_whole

MOST_ORDERS = 1_000


@dataclass(frozen=True, slots=True)
class Target:
    """Whose payments a fault is for: everybody's, or those of one phone or one amount."""

    msisdn: str | None = None
    amount: int | None = None

    def takes(self, msisdn: str, amount: str) -> bool:
        """Tell whether a push of this phone and amount is meant."""
        return self.msisdn in {None, msisdn} and (self.amount is None or str(self.amount) == amount)

    def document(self) -> dict[str, Any]:
        """Show only what limits it."""
        shown = {"msisdn": self.msisdn, "only_amount": self.amount}
        return {name: value for name, value in shown.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Rate:
    """A fault that comes by chance."""

    fault: Fault
    rate: float
    target: Target


@dataclass(frozen=True, slots=True)
class Order:
    """Faults, and for payments perhaps a result, for the next that fits."""

    stage: Stage
    on: str
    target: Target
    faults: tuple[Fault, ...]
    result_code: str | None = None
    after_ms: int | None = None

    def document(self) -> dict[str, Any]:
        """Show the order as it was read."""
        shown: dict[str, Any] = {"stage": self.stage, "on": self.on, **self.target.document()}
        if self.result_code is not None:
            shown["result_code"] = self.result_code
        if self.after_ms is not None:
            shown["after_ms"] = self.after_ms
        return shown | {"faults": [fault.document() for fault in self.faults]}


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn for one payment or request."""

    faults: Mapping[str, Fault]
    result_code: str | None = None
    after_ms: int | None = None


class Plan:
    """The rates and orders of one network."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._rates: tuple[Rate, ...] = ()
        self._orders: list[Order] = []

    def set_rates(self, rates: tuple[Rate, ...]) -> None:
        """Replace all rates."""
        self._rates = rates

    def add_orders(self, orders: list[Order]) -> None:
        """Put orders behind those that wait."""
        if len(self._orders) + len(orders) > MOST_ORDERS:
            raise Misused(f"at most {MOST_ORDERS} orders can wait")
        self._orders.extend(orders)

    def draw(self, stage: Stage, on: str, msisdn: str, amount: str) -> Drawn:
        """Draw what happens to one payment or request, using up the first order that fits."""
        fits = [
            rate
            for rate in self._rates
            if rate.fault.stage == stage and rate.fault.on in {on, "any"} and rate.target.takes(msisdn, amount)
        ]
        faults = {rate.fault.name: rate.fault for rate in fits if self._chance.random() < rate.rate}
        for position, order in enumerate(self._orders):
            if order.stage == stage and order.on in {on, "any"} and order.target.takes(msisdn, amount):
                del self._orders[position]
                faults |= {fault.name: fault for fault in order.faults}
                return Drawn(faults, order.result_code, order.after_ms)
        return Drawn(faults)

    def document(self) -> dict[str, Any]:
        """Show rates and waiting orders."""
        rates = [{**rate.fault.document(), "rate": rate.rate, **rate.target.document()} for rate in self._rates]
        return {"rates": rates, "next": [order.document() for order in self._orders]}


def read_rates(document: object) -> tuple[Rate, ...]:
    """Read `{"callback_lost": 0.2, "callback_late": {"rate": 0.1, "delay_ms": 60000}}`, or lists of such."""
    if not isinstance(document, dict):
        raise Misused('faults are an object: {"callback_lost": 0.2}')
    pairs = [(name, one) for name, some in document.items() for one in (some if isinstance(some, list) else [some])]
    return tuple(read_rate(name, one) for name, one in pairs)


def read_rate(name: str, given: object) -> Rate:
    """Read one rate: a bare number, or an object with parameters and a target."""
    parts = dict(given) if isinstance(given, dict) else {"rate": given}
    rate = read_number(parts.pop("rate", 1.0), "rate", 0.0, 1.0)
    target = read_target(parts)
    return Rate(read_fault(name, parts), rate, target)


def read_orders(document: object) -> list[Order]:
    """Read `{"result_code": 1032}`, `{"fault": "callback_lost"}` or both with several `faults`, `times` over."""
    if not isinstance(document, dict):
        raise Misused('an order is an object: {"fault": "callback_lost"}')
    parts = dict(document)
    target, times = read_target(parts), read_whole(parts.pop("times", 1), "times", 1, MOST_ORDERS)
    code = read_code(parts.pop("result_code")) if "result_code" in parts else None
    after_ms = read_whole(parts.pop("after_ms"), "after_ms", 0) if "after_ms" in parts else None
    if after_ms is not None and code is None:
        raise Misused("after_ms says when a result_code comes: give one")
    faults = read_listed(parts.pop("faults", []))
    if "fault" in parts:
        faults.append(read_fault(parts.pop("fault"), parts))
    elif parts:
        raise Misused(f"unknown in an order: {', '.join(sorted(parts))}")
    payment = tuple(fault for fault in faults if fault.stage == "payment")
    requests = [fault for fault in faults if fault.stage == "request"]
    orders = [
        Order("request", on, target, tuple(fault for fault in requests if fault.on == on))
        for on in dict.fromkeys(fault.on for fault in requests)
    ]
    if payment or code is not None:
        orders.append(Order("payment", "push", target, payment, code, after_ms))
    if not orders:
        raise Misused('an order needs a "result_code", a "fault" or "faults"')
    return orders * times


def read_listed(listed: object) -> list[Fault]:
    """Read a list of faults, by name or as objects."""
    if not isinstance(listed, list):
        raise Misused("faults are a list")
    parts = [dict(each) if isinstance(each, dict) else {"fault": each} for each in listed]
    return [read_fault(each.pop("fault", None), each) for each in parts]


def read_target(parts: dict[str, Any]) -> Target:
    """Take the phone and the amount that limit an order out of its parts."""
    msisdn = read_msisdn(parts.pop("msisdn")) if "msisdn" in parts else None
    on_amount = read_whole(parts.pop("only_amount"), "only_amount", 1) if "only_amount" in parts else None
    return Target(msisdn, on_amount)
