"""What one scenario is, and what it acts with: a merchant, its phones, the simulator, and what can be broken."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from hakika.demo.scenarios.backstage import Backstage, Truth
from hakika.demo.scenarios.database import Database
from hakika.demo.scenarios.forger import Forger
from hakika.demo.scenarios.merchant import Entry, Merchant, Payment
from hakika.demo.scenarios.server import Server

AMOUNT = 100
ANSWERS_AFTER_S = 4.0
LOOK_AGAIN_S = 0.1


@dataclass(frozen=True)
class World:
    """What all scenarios share."""

    merchant: Merchant
    backstage: Backstage
    forger: Forger
    server: Server
    database: Database


@dataclass
class Scene:
    """One scenario's own phones and what it found broken; everything else it shares."""

    world: World
    slug: str
    phones: tuple[str, ...]
    asked: dict[str, str] = field(default_factory=dict)
    """Which phone each payment was asked of."""
    broken: list[str] = field(default_factory=list)

    @property
    def phone(self) -> str:
        """The first phone."""
        return self.phones[0]

    async def ask(self, answer: str = "pay", after_s: float = ANSWERS_AFTER_S, *, phone: str = "") -> Payment:
        """Ask a phone for money that will answer so, so many seconds of the scaled clock after its prompt."""
        phone = phone or self.phone
        await self.world.backstage.let_answer(phone, answer, after_s)
        payment = await self.world.merchant.ask(phone, AMOUNT, f"{self.slug}-{len(self.asked) + 1}")
        self.asked[payment.id] = phone
        return payment

    async def order(self, fault: str, *, phone: str = "", **parameters: int | str) -> None:
        """Order that something goes wrong for a phone."""
        await self.world.backstage.order(phone or self.phone, fault=fault, **parameters)

    async def order_both(self, *faults: dict[str, int | str]) -> None:
        """Order that several things go wrong with the same payment."""
        await self.world.backstage.order(self.phone, faults=list(faults))

    async def prompted(self, payment: Payment) -> Payment:
        """Wait until the phone rings."""
        return await self.world.merchant.until_prompted(payment.id)

    async def ended(self, payment: Payment) -> Payment:
        """Wait until the payment has ended."""
        return await self.world.merchant.until_ended(payment.id)

    async def receipted(self, payment: Payment) -> Payment:
        """Wait until the payment has a receipt."""
        return await self.world.merchant.until(payment.id, lambda now: now.receipt)

    async def truth(self, payment: Payment) -> Truth:
        """What really happened to the last prompt of the payment's phone."""
        truths = await self.world.backstage.truths(self.asked[payment.id])
        return truths[-1]

    async def events(self, payment: Payment, kind: str) -> list[Entry]:
        """The payment's events of one kind."""
        return [one for one in await self.world.merchant.timeline(payment.id) if one.kind == kind]

    async def pause(self) -> None:
        """Wait a moment before looking again."""
        await asyncio.sleep(LOOK_AGAIN_S)

    def holds(self, fact: str, holding: object) -> None:
        """Note a fact that must hold and does not."""
        if not holding:
            self.broken.append(f"not so: {fact}")


Play = Callable[[Scene], Awaitable[Payment]]


@dataclass(frozen=True)
class Scenario:
    """One row: what is played, and what must come of it."""

    slug: str
    title: str
    expected: str
    play: Play
    alone: bool = False
    """It harms what the others need, so nothing is played beside it."""
