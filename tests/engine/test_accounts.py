"""Accounts: found by name, and secret at rest."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from hakika.daraja.protocol import Token
from hakika.domain.errors import AccountExists, CannotQuery, InvalidRequest, NotFound, SettingError
from hakika.domain.sandbox import PUBLIC_PASSKEY, PUBLIC_SHORTCODE
from hakika.engine.accounts import Accounts, NewAccount, StoredTokens
from hakika.engine.vault import Vault, find_key, make_key
from tests.engine.till import CREDENTIALS, VAULT_KEY, ScriptedDaraja, Till

pytestmark = pytest.mark.anyio

SECRETS = (CREDENTIALS.consumer_key, CREDENTIALS.consumer_secret, CREDENTIALS.passkey, "the-access-token")


def new(name: str, environment: str = "simulator") -> NewAccount:
    """Make an account to add."""
    return NewAccount(name, environment, "https://x.example", "600000", CREDENTIALS, till="600001")


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


async def test_an_accounts_environment_never_changes(till: Till) -> None:
    """What was charged in a test says nothing about real money: neither anew nor in part may it be changed."""
    (account,) = till.accounts.known()
    with pytest.raises(InvalidRequest, match="simulator account and stays one"):
        await till.store.write(lambda tx: till.accounts.change(tx, account.id, new("default", "sandbox")))
    with pytest.raises(InvalidRequest, match="Add another account"):
        await till.store.write(lambda tx: till.accounts.amend(tx, "default", environment="production"))


async def test_what_is_queued_is_not_pushed_in_another_environment(till: Till, daraja: ScriptedDaraja) -> None:
    """After a switch to production a queued test payment ends without money; its reference is free in live."""
    asked = await till.ask(reference="order-1")
    live = new("default", "production")
    await till.store.write(lambda tx: till.accounts.adopt(tx, live))
    await till.load()
    assert await till.work() == {"stopped": 1}
    row = await till.read(asked.id)
    assert (row.status, row.code, daraja.pushes) == ("failed", "not_sent", [])
    real = await till.prompt(reference="order-1")
    assert (real.environment, real.account != row.account, len(daraja.pushes)) == ("production", True, 1)


async def test_a_charged_test_reference_is_free_in_live(till: Till) -> None:
    """A reference that was paid in a test is charged in live: the accounts are two."""
    paid = await till.prompt(reference="order-1")
    await till.call_back(paid)
    await till.store.write(lambda tx: till.accounts.adopt(tx, new("default", "production")))
    await till.load()
    assert (await till.ask(reference="order-1")).status == "pending"


async def test_a_payment_is_never_asked_about_in_another_environment(till: Till, daraja: ScriptedDaraja) -> None:
    """Were an account of another environment under a payment's id, nothing would be pushed or asked through it."""
    queued, prompted = await till.ask(), await till.prompt()
    for row in (queued, prompted):
        await till.spoil(row, environment="production", stage=row.stage, due_at_ms=till.clock())
    pushed, asked = len(daraja.pushes), len(daraja.queries)
    with pytest.raises(CannotQuery, match="simulator"):
        await till.cashier.query(prompted.id)
    await till.work(after_s=30)
    assert (len(daraja.pushes), len(daraja.queries)) == (pushed, asked)


async def test_an_inactive_account_takes_nothing_new_and_follows_what_it_has(
    till: Till, daraja: ScriptedDaraja
) -> None:
    """New payments are refused, queued ones end unsent, prompted ones are queried and their callbacks count."""
    prompted, other = await till.prompt(), await till.prompt()
    queued = await till.ask()
    await till.store.write(lambda tx: till.accounts.amend(tx, "default", active=False))
    await till.load()
    with pytest.raises(InvalidRequest, match="hakika accounts activate default"):
        await till.ask(account="default")
    with pytest.raises(InvalidRequest, match="none"):
        await till.ask()
    await till.work()
    assert (await till.read(queued.id)).code == "not_sent"
    await till.call_back(prompted)
    assert (await till.read(prompted.id)).status == "completed"
    await till.work(after_s=60)
    assert daraja.queries == [other.checkout_request_id]
    await till.store.write(lambda tx: till.accounts.amend(tx, "default", active=True))
    await till.load()
    assert (await till.ask()).status == "pending"


async def test_only_what_is_given_is_changed(till: Till) -> None:
    """The rest stays, secrets too; given all three, those that are stored need not be readable."""
    account = await till.store.write(lambda tx: till.accounts.add(tx, new("shop")))
    changed = await till.store.write(lambda tx: till.accounts.amend(tx, "shop", passkey="another", till=""))
    expected = msgspec.structs.replace(account.shortcode, passkey="another", till="")
    assert changed == msgspec.structs.replace(account, shortcode=expected)
    stranger = Accounts(till.store, Vault(make_key()), till.clock, till.entropy)
    with pytest.raises(SettingError, match="HAKIKA_SECRET_KEY"):
        await till.store.write(lambda tx: stranger.amend(tx, "shop", passkey="p"))
    secrets = {"consumer_key": "k", "consumer_secret": "s", "passkey": "p"}
    assert (await till.store.write(lambda tx: stranger.amend(tx, "shop", **secrets))).shortcode.passkey == "p"
    with pytest.raises(NotFound):
        await till.store.write(lambda tx: till.accounts.amend(tx, "nobody", active=False))


async def test_production_takes_nothing_of_the_public_sandbox(till: Till) -> None:
    """Its passkey and its shortcode are refused, added or changed; in the sandbox they are right."""
    live = new("live", "production")
    public = msgspec.structs.replace(CREDENTIALS, passkey=PUBLIC_PASSKEY)
    wrong: dict[str, dict[str, Any]] = {
        "passkey": {"credentials": public},
        "shortcode": {"shortcode": PUBLIC_SHORTCODE},
    }
    for field, changes in wrong.items():
        account = msgspec.structs.replace(live, **changes)
        with pytest.raises(InvalidRequest, match="public sandbox") as refused:
            await till.store.write(lambda tx, account=account: till.accounts.add(tx, account))  # type: ignore[misc]
        assert refused.value.extra["field"] == field
    await till.store.write(lambda tx: till.accounts.add(tx, live))
    with pytest.raises(InvalidRequest, match="public sandbox"):
        await till.store.write(lambda tx: till.accounts.amend(tx, "live", passkey=PUBLIC_PASSKEY))
    sandbox = msgspec.structs.replace(new("test", "sandbox"), credentials=public)
    assert (await till.store.write(lambda tx: till.accounts.add(tx, sandbox))).name == "test"


async def test_the_names_of_what_steps_aside_are_kept(till: Till) -> None:
    """Nobody else takes the name that the account of the settings gets when its environment is another one."""
    for name in ("default-sandbox", "default-production", "default-simulator"):
        with pytest.raises(InvalidRequest, match="kept for the account of the settings"):
            await till.store.write(lambda tx, name=name: till.accounts.add(tx, new(name)))  # type: ignore[misc]
    with pytest.raises(InvalidRequest, match="kept"):
        await till.store.write(lambda tx: till.accounts.amend(tx, "default", name="default-sandbox"))


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
