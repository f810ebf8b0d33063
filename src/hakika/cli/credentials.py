"""Trying an account's credentials on Daraja."""

import asyncio
import time
from typing import Any

from hakika.cli.direct import opened
from hakika.config import parse_settings
from hakika.daraja.client import open_client
from hakika.daraja.protocol import Token
from hakika.domain.errors import NotFound, SettingError
from hakika.engine.accounts import Account, Accounts
from hakika.engine.clock import Clock
from hakika.engine.ids import system_entropy
from hakika.engine.vault import Vault, find_key


class NoVault:
    """Keeps no token: a fresh one is what proves something, and the server's own is left alone."""

    async def read(self, account_id: str) -> Token | None:  # noqa: ARG002
        """See TokenVault.read."""
        return None

    async def lease(self, account_id: str, until_ms: int) -> bool:  # noqa: ARG002
        """See TokenVault.lease."""
        return True

    async def write(self, account_id: str, token: Token) -> None:
        """See TokenVault.write."""

    async def release(self, account_id: str) -> None:
        """See TokenVault.release."""


def fetch_token(name: str) -> dict[str, Any]:
    """Fetch a token for the account of that name. Raises TokenUnavailable, NotFound, SettingError."""
    account = _read_account(name)
    started = time.monotonic()
    asyncio.run(_fetch(account))
    return {
        "account": account.name,
        "environment": account.environment,
        "host": account.shortcode.base_url,
        "took_ms": int((time.monotonic() - started) * 1000),
    }


async def _fetch(account: Account) -> None:
    async with open_client(Clock(), NoVault()) as daraja:
        await daraja.fetch_token(account.id, account.shortcode)


def _read_account(name: str) -> Account:
    settings = parse_settings()
    key_file = settings.data_dir / "secret.key"
    if not settings.secret_key and not key_file.exists():
        raise SettingError("HAKIKA_SECRET_KEY", f"there is none, nor {key_file}.", "Run it where the server runs.")
    with opened(settings) as store:
        vault = Vault(find_key(settings.secret_key, key_file))
        accounts = store.read_now(Accounts(store, vault, Clock(), system_entropy).load)
    for account in accounts:
        if name in {account.name, account.id}:
            return account
    raise NotFound(f"There is no account {name!r}: see `hakika accounts list`.")
