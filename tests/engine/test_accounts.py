"""Accounts: found by name, and secret at rest."""

from pathlib import Path

import pytest
from sqlalchemy import text

from hakika.daraja.protocol import Token
from hakika.domain.errors import AccountExists, InvalidRequest, NotFound, SettingError
from hakika.engine.accounts import Accounts, NewAccount, StoredTokens
from hakika.engine.vault import Vault, find_key, make_key
from tests.engine.till import CREDENTIALS, VAULT_KEY, Till

pytestmark = pytest.mark.anyio

SECRETS = (CREDENTIALS.consumer_key, CREDENTIALS.consumer_secret, CREDENTIALS.passkey, "the-access-token")


def new(name: str) -> NewAccount:
    """Make an account to add."""
    return NewAccount(name, "sandbox", "https://x.example", "600000", CREDENTIALS, till="600001")


async def test_no_secret_is_in_the_database(till: Till) -> None:
    """Neither credentials nor access tokens can be read in a copy of the database's bytes."""
    (account,) = till.accounts.known()
    await StoredTokens(till.store, Vault(VAULT_KEY), till.clock).write(account.id, Token("the-access-token", 1))
    if till.url.startswith("sqlite"):
        file = Path(till.url.removeprefix("sqlite:///"))
        stored = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    else:
        dump = text("SELECT string_agg(a::text || encode(a.secrets, 'escape'), ',') FROM accounts a")
        tokens = text("SELECT string_agg(encode(t.secret, 'escape'), ',') FROM tokens t")
        rows = await till.store.read(lambda tx: [tx.execute(dump).scalar(), tx.execute(tokens).scalar()])
        stored = ",".join(map(str, rows)).encode()
    assert account.id.encode() in stored
    assert [secret for secret in SECRETS if secret.encode() in stored] == []
    assert "passkey" not in repr(account)


async def test_what_is_sealed_is_opened_again(till: Till) -> None:
    """Credentials and tokens come back as they were."""
    await till.load()
    (account,) = till.accounts.known()
    assert (account.shortcode.consumer_key, account.shortcode.passkey) == ("the-consumer-key", "the-passkey")
    tokens = StoredTokens(till.store, Vault(VAULT_KEY), till.clock)
    assert await tokens.read(account.id) is None
    await tokens.write(account.id, Token("the-access-token", 99))
    assert await tokens.read(account.id) == Token("the-access-token", 99)


async def test_another_key_is_explained(till: Till) -> None:
    """With another key than the one that sealed them, accounts name the setting and the cure."""
    other = Accounts(till.store, Vault(make_key()), till.clock, till.entropy)
    with pytest.raises(SettingError, match="HAKIKA_SECRET_KEY") as refused:
        await till.store.read(other.load)
    assert "another key" in str(refused.value)
    with pytest.raises(SettingError, match="HAKIKA_SECRET_KEY"):
        Vault("not a key")


async def test_names_are_unique(till: Till) -> None:
    """A second account of one name is refused."""
    await till.store.write(lambda tx: till.accounts.add(tx, new("shop")))
    with pytest.raises(AccountExists):
        await till.store.write(lambda tx: till.accounts.add(tx, new("shop")))


async def test_which_account_is_paid_must_be_clear(till: Till) -> None:
    """By name, by id, else the one called `default`, else the only one; anything else is asked back."""
    await till.load()
    (only,) = till.accounts.known()
    assert till.accounts.choose(None) == till.accounts.choose("default") == till.accounts.choose(only.id) == only
    await till.store.write(lambda tx: till.accounts.change(tx, only.id, new("shop")))
    await till.add_account("other")
    with pytest.raises(InvalidRequest, match="other, shop"):
        till.accounts.choose(None)
    with pytest.raises(NotFound):
        till.accounts.get("acc_none")


async def test_one_node_at_a_time_fetches_a_token(till: Till, second_till: Till) -> None:
    """The lease on a token is one node's until it ends or is given back."""
    (account,) = till.accounts.known()
    first, second = (StoredTokens(node.store, Vault(VAULT_KEY), node.clock) for node in (till, second_till))
    until_ms = till.clock() + 30_000
    assert await first.lease(account.id, until_ms)
    assert not await second.lease(account.id, until_ms)
    await first.release(account.id)
    assert await second.lease(account.id, until_ms)
    till.clock.pass_s(30)
    assert await first.lease(account.id, till.clock() + 1)


async def test_shortcodes_are_those_that_callbacks_may_name(till: Till) -> None:
    """A till's callbacks may name the store number or the till."""
    account = await till.store.write(lambda tx: till.accounts.add(tx, new("shop")))
    await till.load()
    assert till.accounts.shortcodes()[account.id] == {"600000", "600001"}


def test_the_key_file_is_made_once(tmp_path: Path) -> None:
    """Without a setting the key is made at the first start, for its owner alone, and read from then on."""
    file = tmp_path / "data" / "hakika.key"
    key = find_key("", file)
    assert find_key("", file) == key
    assert find_key("from the setting", file) == "from the setting"
    assert file.stat().st_mode & 0o077 == 0
    assert Vault(key).open(Vault(key).seal(b"secret")) == b"secret"
