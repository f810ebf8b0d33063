"""All that one simulated network remembers, each part in its own module."""

from hakika.simulator.callbacks import Outbox
from hakika.simulator.chance import seeded
from hakika.simulator.journal import Journal
from hakika.simulator.oauth import Tokens
from hakika.simulator.phones import Phones
from hakika.simulator.plan import Plan
from hakika.simulator.pushes import Pushes
from hakika.simulator.settings import Settings


class World:
    """A network as it is before anything happened, and then as it became."""

    def __init__(self, settings: Settings, receipts: int = 0) -> None:
        self.settings = settings
        self.receipts = receipts
        """How many were written, in this world or before it: a shop that outlives a world must meet none again."""
        self.tokens = Tokens(seeded(settings.seed, "tokens"), settings.token_life_s)
        self.plan = Plan(seeded(settings.seed, "faults"))
        self.phones = Phones(settings.default_rule, settings.think_ms)
        self.pushes = Pushes(settings.keep_payments)
        self.outbox = Outbox()
        self.journal = Journal(settings.keep_requests)
        self.requests = 0
        self.accepted = 0
        self.query_allowed_ms = 0
        """When the gateway lets the next query through, where queries are limited."""
