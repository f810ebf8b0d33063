"""Accounts with their encrypted secrets, their access tokens, and their budgets of Daraja calls."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, insert, or_, select, update

from hakika.store.tables import accounts, budgets, tokens
from hakika.store.transaction import Transaction


class AccountRow(NamedTuple):
    """One shortcode. `till` is `""` for a PayBill; `secrets` is encrypted."""

    id: str
    name: str
    environment: str
    base_url: str
    shortcode: str
    till: str
    secrets: bytes
    calls_per_minute: float
    queries_per_minute: float
    active: bool
    created_at_ms: int
    display_name: str
    return_hosts: str


class TokenRow(NamedTuple):
    """An account's access token, encrypted, and who may fetch the next one until when."""

    account: str
    secret: bytes | None
    expires_at_ms: int
    leased_until_ms: int


def insert_account(tx: Transaction, row: AccountRow) -> None:
    """Store a new account, with room for its token and budget."""
    tx.execute(insert(accounts), row._asdict())
    tx.execute(insert(tokens), {"account": row.id, "secret": None, "expires_at_ms": 0, "leased_until_ms": 0})


def update_account(tx: Transaction, row: AccountRow) -> None:
    """Store an account anew. Its token goes: it may have been got with other credentials."""
    tx.execute(update(accounts).where(accounts.c.id == row.id).values(row._asdict()))
    tx.execute(update(tokens).where(tokens.c.account == row.id).values(secret=None, expires_at_ms=0))


def list_accounts(tx: Transaction) -> Sequence[AccountRow]:
    """All accounts, oldest first."""
    statement = select(*accounts.columns).order_by(accounts.c.created_at_ms, accounts.c.id)
    return [AccountRow._make(row) for row in tx.all(statement)]


def find_account(tx: Transaction, name_or_id: str) -> AccountRow | None:
    """The account of that name or id."""
    row = tx.one(select(*accounts.columns).where(or_(accounts.c.name == name_or_id, accounts.c.id == name_or_id)))
    return None if row is None else AccountRow._make(row)


def read_token(tx: Transaction, account: str) -> TokenRow | None:
    """The account's token row."""
    row = tx.one(select(*tokens.columns).where(tokens.c.account == account))
    return None if row is None else TokenRow._make(row)


def lease_token(tx: Transaction, account: str, now_ms: int, until_ms: int) -> bool:
    """Whether the caller may fetch the account's next token: one at a time, over all nodes."""
    taken = tx.execute(
        update(tokens)
        .where(tokens.c.account == account, tokens.c.leased_until_ms <= now_ms)
        .values(leased_until_ms=until_ms)
    )
    return bool(taken.rowcount)


def write_token(tx: Transaction, account: str, secret: bytes, expires_at_ms: int) -> None:
    """Store a fetched token and end the lease."""
    tx.execute(
        update(tokens)
        .where(tokens.c.account == account)
        .values(secret=secret, expires_at_ms=expires_at_ms, leased_until_ms=0)
    )


def release_token(tx: Transaction, account: str) -> None:
    """End the lease without a token: the fetch failed and the next may try at once."""
    tx.execute(update(tokens).where(tokens.c.account == account).values(leased_until_ms=0))


_BUDGET = select(budgets.c.state).where(budgets.c.account == bindparam("of"))
_WRITE_BUDGET = update(budgets).where(budgets.c.account == bindparam("of")).values(state=bindparam("now"))


def lock_budget(tx: Transaction, account: str) -> str | None:
    """The account's budget as JSON, locked until the transaction ends; None when it has none yet."""
    tx.lock_name(f"budget:{account}")
    found = tx.ask(_BUDGET, of=account)
    return str(found[0][0]) if found else None


def write_budget(tx: Transaction, account: str, state: str) -> None:
    """Store the account's budget. Call it in the transaction that locked it."""
    if not tx.tell(_WRITE_BUDGET, of=account, now=state):
        tx.execute(insert(budgets), {"account": account, "state": state})
