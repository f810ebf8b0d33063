"""The accounts' budgets of Daraja calls, kept in the store so that all nodes share them."""

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
import structlog

from hakika.domain.budget import Budget, Grant, open_budget, refill, shrink, spend
from hakika.engine.accounts import Account, Accounts
from hakika.store.accounts import lock_budget, write_budget
from hakika.store.opening import Store
from hakika.store.transaction import Transaction

log = structlog.get_logger("hakika.budgets")
_DECODE = msgspec.json.Decoder(Budget).decode
_ENCODE = msgspec.json.Encoder().encode


class Budgets:
    """Grants calls and shrinks budgets."""

    def __init__(self, store: Store, accounts: Accounts, clock: Callable[[], int]) -> None:
        self._store, self._accounts, self._clock = store, accounts, clock
        self.shrinks: Counter[str] = Counter()  # account → how often Daraja told this process that it is too much

    def accounts(self) -> Sequence[Account]:
        """Whose budgets these are."""
        return self._accounts.known()

    def grant(self, tx: Transaction, account_id: str, pushes: int, queries: int, ahead: int = 0) -> Grant:
        """Spend as many of the wanted calls as there is room for."""
        budget, grant = spend(self.read(tx, account_id), pushes, queries, ahead)
        if grant.pushes or grant.queries or grant.ahead:  # a round that was granted nothing costs no write
            write_budget(tx, account_id, _ENCODE(budget).decode())
        return grant

    def read(self, tx: Transaction, account_id: str) -> Budget:
        """The budget as it is now, locked until the transaction ends."""
        account, now_ms = self._accounts.get(account_id), self._clock()
        kept = lock_budget(tx, account_id)
        if kept is None:
            return _open(account, now_ms)
        budget = _DECODE(kept)
        if (budget.full_rate, budget.query_limit) != (account.calls_per_minute, account.queries_per_minute):
            return _open(account, now_ms)  # somebody changed the account
        return refill(budget, now_ms)

    async def shrink(self, account_id: str, said: str = "") -> None:
        """Daraja said that it is too much, or answered 503. `said`: in which words, for who reads the log."""
        self.shrinks[account_id] += 1
        log.warning("spike_arrest", account=account_id, said=said)
        await self._store.write(lambda tx: self._shrink(tx, account_id))

    def _shrink(self, tx: Transaction, account_id: str) -> None:
        budget = shrink(self.read(tx, account_id), self._clock())
        write_budget(tx, account_id, _ENCODE(budget).decode())


def _open(account: Account, now_ms: int) -> Budget:
    return open_budget(account.calls_per_minute, account.queries_per_minute, now_ms)
