"""Accounts: the shortcodes that we charge for, with credentials that are encrypted at rest."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from hakika.daraja.protocol import Shortcode, Token
from hakika.domain.errors import AccountExists, CannotQuery, InvalidRequest, NotFound
from hakika.domain.sandbox import find_public
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
from hakika.store.payments import PaymentRow
from hakika.store.transaction import Transaction

OWN = "default"
"""The account of the settings; what a payment that names none is charged through."""
_NAMES = "accounts"  # the lock under which names are given: two may not get the same one


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
    display_name: str = ""
    return_hosts: tuple[str, ...] = ()


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
    display_name: str
    return_hosts: tuple[str, ...]

    @property
    def shown_name(self) -> str:
        """Who is paid, as payers read it: never what the account is called among us, if that says nothing."""
        if self.display_name or self.name != OWN:
            return self.display_name or self.name
        return f"Till {self.shortcode.till}" if self.shortcode.till else f"PayBill {self.shortcode.shortcode}"


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

    def find_for(self, row: PaymentRow) -> Account:
        """The account that a payment is asked about. Raises CannotQuery where it is of another environment."""
        account = self.get(row.account)
        if account.environment != row.environment:
            raise CannotQuery(f"{row.id} is a {row.environment} payment, its account is for {account.environment}.")
        return account

    def find_bar(self, row: PaymentRow) -> str:
        """Why a payment may not be sent through its account, or `""`: judged when it is sent, not when it is asked."""
        account = self.get(row.account)
        if account.environment != row.environment:
            return f"It is a {row.environment} payment, and its account is for {account.environment}."
        return "" if account.active else f"The account {account.name!r} is not active."

    def choose(self, name_or_id: str | None, mode: str = "") -> Account:
        """The account of that name or id; without one, the only one there is, or the one named `default`.

        `mode`: only among the test or the live accounts; `""` among all.

        Raises InvalidRequest when the choice is not clear.
        """
        known = [account for account in self._known.values() if mode in {"", mode_of(account.environment)}]
        active = [account for account in known if account.active]
        if name_or_id:
            named = [account for account in known if name_or_id in {account.id, account.name}]
            if named and not named[0].active:
                cure = f"`hakika accounts activate {named[0].name}` lets it take payments again."
                raise InvalidRequest(f"The account {name_or_id!r} is not active. {cure}", field="account")
            if not named:
                raise InvalidRequest(f"There is no active account {name_or_id!r}.", field="account")
            return named[0]
        default = [account for account in active if account.name == OWN] or active
        if len(default) != 1:
            names = ", ".join(sorted(account.name for account in active)) or "none"
            raise InvalidRequest(f"Say which account is to be paid: {names}.", field="account")
        return default[0]

    def shortcodes(self) -> dict[str, frozenset[str]]:
        """Account → the shortcodes that its callbacks may name, as last read."""
        return self._shortcodes

    def add(self, tx: Transaction, new: NewAccount) -> Account:
        """Store a new account. Raises AccountExists, and InvalidRequest for what no such account may have."""
        _refuse_reserved(new.name)
        return self._insert(tx, new)

    def change(self, tx: Transaction, name_or_id: str, new: NewAccount) -> Account:
        """Store an account anew under its id, as active as it was. Raises NotFound, AccountExists, InvalidRequest."""
        row = _find(tx, name_or_id)
        return self._update(tx, row, msgspec.structs.replace(new, active=bool(row.active)))

    def amend(self, tx: Transaction, name_or_id: str, **given: Any) -> Account:
        """Change what is given of an account, a field of NewAccount or of Credentials. Raises as `change` does."""
        row = _find(tx, name_or_id)
        secrets = {name: given.pop(name) for name in Credentials.__struct_fields__ if name in given}
        if len(secrets) == len(Credentials.__struct_fields__):
            credentials = Credentials(**secrets)  # those that are stored may have been sealed with a key that is lost
        else:
            credentials = msgspec.structs.replace(self._read_credentials(row), **secrets)
        kept = {name: getattr(row, name) for name in NewAccount.__struct_fields__ if name != "credentials"}
        kept |= {"active": bool(row.active), "return_hosts": _read_hosts(row.return_hosts)}
        fields = {**kept, **given}
        return self._update(tx, row, NewAccount(credentials=credentials, **fields))

    def adopt(self, tx: Transaction, own: NewAccount) -> None:
        """Store the account of the settings as `default`.

        One of another environment steps aside: it is another account, with references of its own. It takes no new
        payments, those that it has are followed to their end, and it comes back when its environment does.
        """
        tx.lock_name(_NAMES)
        rows = {row.name: row for row in list_accounts(tx)}
        current = rows.get(OWN)
        if current is not None and current.environment != own.environment:
            update_account(tx, current._replace(name=_aside(current.environment), active=False))
            current = None
        if current is not None:
            own = _as_left(own, current)
        current = current or rows.get(_aside(own.environment))
        if current is None:
            self._insert(tx, own)
        elif self._open(current) != self._open(self._seal(current.id, current.created_at_ms, own)):
            self._update(tx, current, own)

    def _insert(self, tx: Transaction, new: NewAccount) -> Account:
        tx.lock_name(_NAMES)
        _refuse_public(new)
        if find_account(tx, new.name) is not None:
            raise AccountExists(f"There is an account named {new.name!r}.")
        now_ms = self._clock()
        row = self._seal(make_id("acc", now_ms, self._entropy), now_ms, new)
        insert_account(tx, row)
        return self._open(row)

    def _update(self, tx: Transaction, row: AccountRow, new: NewAccount) -> Account:
        tx.lock_name(_NAMES)
        if new.environment != row.environment:
            raise InvalidRequest(
                f"{row.name!r} is a {row.environment} account and stays one: what was charged there says nothing about "
                f"{new.environment} payments. Add another account for {new.environment}.",
                field="environment",
            )
        if new.name != row.name:
            _refuse_reserved(new.name)
        _refuse_public(new)
        named = find_account(tx, new.name)
        if named is not None and named.id != row.id:
            raise AccountExists(f"There is another account named {new.name!r}.")
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
            display_name=new.display_name.strip(),
            return_hosts=",".join(host.lower() for host in new.return_hosts),
        )

    def _open(self, row: AccountRow) -> Account:
        credentials = self._read_credentials(row)
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
            display_name=row.display_name,
            return_hosts=_read_hosts(row.return_hosts),
        )

    def _read_credentials(self, row: AccountRow) -> Credentials:
        return msgspec.json.decode(self._vault.open(row.secrets), type=Credentials)


def _find(tx: Transaction, name_or_id: str) -> AccountRow:
    row = find_account(tx, name_or_id)
    if row is None:
        raise NotFound(f"There is no account {name_or_id!r}.")
    return row


def _read_hosts(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def _as_left(own: NewAccount, current: AccountRow) -> NewAccount:
    """The account of the settings, with what they say nothing of as a person left it."""
    return msgspec.structs.replace(
        own,
        active=bool(current.active),
        display_name=own.display_name or current.display_name,
        return_hosts=own.return_hosts or _read_hosts(current.return_hosts),
    )


def _aside(environment: str) -> str:
    """What the account of the settings is called while the settings are for another environment."""
    return f"{OWN}-{environment}"


def _refuse_reserved(name: str) -> None:
    """Raise InvalidRequest for a name that the account of the settings may need."""
    if name in {_aside(environment) for environment in ("simulator", "sandbox", "production")}:
        raise InvalidRequest(f"{name!r} is kept for the account of the settings.", field="name")


def _refuse_public(new: NewAccount) -> None:
    """Raise InvalidRequest for a production account with what the sandbox gives to everybody."""
    field = find_public(new.environment, new.shortcode, new.credentials.passkey)
    if field:
        raise InvalidRequest(
            f"`{field}` is the public sandbox's, and {new.name!r} is for production: use your own, from Safaricom's "
            "go-live mail.",
            field=field,
        )


class StoredTokens:
    """The accounts' access tokens, shared through the store by all nodes (daraja.tokens.TokenVault)."""

    def __init__(self, store: Store, vault: Vault, clock: Callable[[], int]) -> None:
        self._store, self._vault, self._clock = store, vault, clock

    async def read(self, account_id: str) -> Token | None:
        """See TokenVault.read."""
        row = await self._store.glance(lambda tx: read_token(tx, account_id))
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
