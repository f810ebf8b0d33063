"""Messages to payers, put together: what the API works with, and whoever sends."""

from collections.abc import Callable
from functools import partial

from hakika.engine.accounts import Accounts
from hakika.engine.clock import Clock
from hakika.engine.ids import Entropy
from hakika.engine.live.notices import Notices
from hakika.engine.messages.carriers import Carriers
from hakika.engine.messages.channels import Channels
from hakika.engine.messages.follower import Follower
from hakika.engine.messages.opt_outs import OptOuts
from hakika.engine.messages.postman import Postman
from hakika.engine.vault import Vault
from hakika.engine.webhooks.addresses import AddressRule
from hakika.engine.webhooks.outbound import Resolver, Sender
from hakika.store.messages.records import forget_messages
from hakika.store.opening import Store

DAY_MS = 24 * 60 * 60 * 1000
FORGOTTEN_AT_ONCE = 500


class Messaging:
    """Everything about messages but the way out."""

    def __init__(self, store: Store, vault: Vault, accounts: Accounts, clock: Clock, entropy: Entropy) -> None:
        self._store, self._clock = store, clock
        self.channels = Channels(vault, clock, entropy)
        self.opt_outs = OptOuts(clock, entropy)
        self.follower = Follower(store, accounts, clock, entropy)

    def hire(self, sender: Sender, rule: AddressRule, notices: Notices) -> Postman:
        """Give it the way out. → who sends; to be run."""
        return self.employ(Carriers(sender, rule, Resolver()), notices.listen_events)

    def employ(self, carriers: Carriers, listen: Callable[[Callable[..., None]], None]) -> Postman:
        """The same, with carriers that are handed in."""
        postman = Postman(self._store, self.follower, self.channels, carriers, self._clock)
        listen(postman.notice)
        return postman

    async def forget(self, kept_days: int) -> None:
        """Forget the messages that are older: they name payers."""
        before_ms = self._clock() - kept_days * DAY_MS
        forget = partial(forget_messages, before_ms=before_ms, limit=FORGOTTEN_AT_ONCE)
        while await self._store.write(forget) == FORGOTTEN_AT_ONCE:
            pass
