"""Accounts: the shortcodes that we charge for, with credentials that are encrypted at rest."""

from collections.abc import Callable, Sequence

import msgspec

from hakika.daraja.protocol import Shortcode, Token
from hakika.domain.errors import AccountExists, InvalidRequest, NotFound
from hakika.engine.ids import Entropy, make_id
from hakika.engine.representation import mode_of
from hakika.engine.vault import Vault
from hakika.store.accounts import (
    AccountRow,
    find_account,
    insert_account,
    lease_token,
    list_accounts,
    read_token,
    release_token,
    update_account,
    write_token,
)
from hakika.store.opening import Store
from hakika.store.transaction import Transaction


class Credentials(msgspec.Struct, frozen=True):
    """What Daraja knows an account by; never shown again once stored."""

    consumer_key: str
    consumer_secret: str
    passkey: str

    def __repr__(self) -> str:
        return "Credentials(…)"


class NewAccount(msgspec.Struct, frozen=True):
    """An account to add. `till` is `""` for a PayBill; `shortcode` is then the store number."""

    name: str
    environment: str
    base_url: str
    shortcode: str
    credentials: Credentials
    till: str = ""
    calls_per_minute: float = 120
    queries_per_minute: float = 120
    active: bool = True


class Account(msgspec.Struct, frozen=True):
    """One account, ready to use."""

    id: str
    name: str
    environment: str
    shortcode: Shortcode
    calls_per_minute: float
    queries_per_minute: float
    active: bool
    created_at_ms: int


class Accounts:
    """The accounts, read from the store and kept at hand for a moment."""

    def __init__(self, store: Store, vault: Vault, clock: Callable[[], int], entropy: Entropy) -> None:
        self._store, self._vault, self._clock, self._entropy = store, vault, clock, entropy
        self._known: dict[str, Account] = {}
        self._shortcodes: dict[str, frozenset[str]] = {}

    def load(self, tx: Transaction) -> Sequence[Account]:
        """Read all accounts anew."""
        accounts = [self._open(row) for row in list_accounts(tx)]
        self._known = {account.id: account for account in accounts}
        self._shortcodes = {
            account.id: frozenset({account.shortcode.shortcode, account.shortcode.till} - {""}) for account in accounts
        }
        return accounts

    def known(self) -> Sequence[Account]:
        """All accounts as last read."""
        return list(self._known.values())

    def get(self, account_id: str) -> Account:
        """The account of that id. Raises NotFound."""
        account = self._known.get(account_id)
        if account is None:
            raise NotFound(f"There is no account {account_id}.")
        return account

    def choose(self, name_or_id: str | None, mode: str = "") -> Account:
        """The account of that name or id; without one, the only one there is, or the one named `default`.

        `mode`: only among the test or the live accounts; `""` among all.

        Raises InvalidRequest when the choice is not clear.
        """
        active = [
            account for account in self._known.values() if account.active and mode in {"", mode_of(account.environment)}
        ]
        if name_or_id:
            named = [account for account in active if name_or_id in {account.id, account.name}]
            if not named:
                raise InvalidRequest(f"There is no active account {name_or_id!r}.", field="account")
            return named[0]
        default = [account for account in active if account.name == "default"] or active
        if len(default) != 1:
            names = ", ".join(sorted(account.name for account in active)) or "none"
            raise InvalidRequest(f"Say which account is to be paid: {names}.", field="account")
        return default[0]

    def shortcodes(self) -> dict[str, frozenset[str]]:
        """Account → the shortcodes that its callbacks may name, as last read."""
        return self._shortcodes

    def add(self, tx: Transaction, new: NewAccount) -> Account:
        """Store a new account. Raises AccountExists."""
        if find_account(tx, new.name) is not None:
            raise AccountExists(f"There is an account named {new.name!r}.")
        now_ms = self._clock()
        row = self._seal(make_id("acc", now_ms, self._entropy), now_ms, new)
        insert_account(tx, row)
        return self._open(row)

    def change(self, tx: Transaction, account_id: str, new: NewAccount) -> Account:
        """Store an account anew under its id. Raises NotFound."""
        row = find_account(tx, account_id)
        if row is None:
            raise NotFound(f"There is no account {account_id!r}.")
        changed = self._seal(row.id, row.created_at_ms, new)
        update_account(tx, changed)
        return self._open(changed)

    def _seal(self, account_id: str, created_at_ms: int, new: NewAccount) -> AccountRow:
        return AccountRow(
            id=account_id,
            name=new.name,
            environment=new.environment,
            base_url=new.base_url,
            shortcode=new.shortcode,
            till=new.till,
            secrets=self._vault.seal(msgspec.json.encode(new.credentials)),
            calls_per_minute=new.calls_per_minute,
            queries_per_minute=new.queries_per_minute,
            active=new.active,
            created_at_ms=created_at_ms,
        )

    def _open(self, row: AccountRow) -> Account:
        credentials = msgspec.json.decode(self._vault.open(row.secrets), type=Credentials)
        return Account(
            id=row.id,
            name=row.name,
            environment=row.environment,
            shortcode=Shortcode(
                base_url=row.base_url,
                consumer_key=credentials.consumer_key,
                consumer_secret=credentials.consumer_secret,
                passkey=credentials.passkey,
                shortcode=row.shortcode,
                till=row.till,
            ),
            calls_per_minute=row.calls_per_minute,
            queries_per_minute=row.queries_per_minute,
            active=bool(row.active),
            created_at_ms=row.created_at_ms,
        )


class StoredTokens:
    """The accounts' access tokens, shared through the store by all nodes (daraja.tokens.TokenVault)."""

    def __init__(self, store: Store, vault: Vault, clock: Callable[[], int]) -> None:
        self._store, self._vault, self._clock = store, vault, clock

    async def read(self, account_id: str) -> Token | None:
        """See TokenVault.read."""
        row = await self._store.read(lambda tx: read_token(tx, account_id))
        if row is None or row.secret is None:
            return None
        return Token(self._vault.open(row.secret).decode(), row.expires_at_ms)

    async def lease(self, account_id: str, until_ms: int) -> bool:
        """See TokenVault.lease."""
        return await self._store.write(lambda tx: lease_token(tx, account_id, self._clock(), until_ms))

    async def write(self, account_id: str, token: Token) -> None:
        """See TokenVault.write."""
        sealed = self._vault.seal(token.access_token.encode())
        await self._store.write(lambda tx: write_token(tx, account_id, sealed, token.expires_at_ms))

    async def release(self, account_id: str) -> None:
        """See TokenVault.release."""
        await self._store.write(lambda tx: release_token(tx, account_id))
