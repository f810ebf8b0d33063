"""Daraja: each thing that can be wrong with it is found by one check, which quotes what it was told."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from hakika.daraja.protocol import Shortcode
from hakika.doctor import visit
from hakika.doctor.check import Outcome
from hakika.doctor.checks import daraja_reachable
from hakika.doctor.registry import find_checks
from hakika.domain.evidence import PushRefused
from hakika.engine.accounts import Credentials, NewAccount
from hakika.engine.budgets import Budgets
from hakika.engine.case import Evidence
from hakika.store.accounts import read_token
from tests.api.house import CONSUMER_KEY, CONSUMER_SECRET, PASSKEY, unused_phone
from tests.daraja.loopback import PUSH_PATH, QUERY_PATH, TOKEN_PATH, spell
from tests.daraja.recordings import load
from tests.doctor.street import Street, failed, find_nothing, tell_time

pytestmark = pytest.mark.anyio

MINUTE_MS = 60_000


def say(status: int, name: str, path: str = QUERY_PATH) -> Callable[[Street], None]:
    """Have Daraja answer with a recording."""
    return lambda street: street.daraja.reply(path, spell(status, load(name)))


def say_of_token(status: int, body: bytes) -> Callable[[Street], None]:
    """Have Daraja answer a request for a token so, at the right time."""
    return lambda street: tell_time(street.daraja, street.clock(), status, body)


def hang_up(street: Street) -> None:
    """Have Daraja close every connection without a word."""
    street.daraja.reply(TOKEN_PATH, None)


def close(street: Street) -> None:
    """Have nobody listen where Daraja was: in the settings, and in the account."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    _lead(street, f"http://127.0.0.1:{port}")


def forget_name(street: Street) -> None:
    """Have Daraja's name lead nowhere."""
    _lead(street, "https://sandbox.safaricom.example")
    street.change(look_up=find_nothing)


def _lead(street: Street, base_url: str) -> None:
    street.set(base_url=base_url)
    accounts = street.house.house.accounts
    street.house.house.store.write_now(lambda tx: accounts.amend(tx, "default", base_url=base_url))


def be_slow(street: Street) -> None:
    """Have Daraja take longer than anybody likes."""
    street.daraja.replies[TOKEN_PATH] = _delayed(street)


def _delayed(street: Street) -> Callable[[], Awaitable[bytes | None]]:
    give = street.daraja.replies[TOKEN_PATH]

    async def reply() -> bytes | None:
        await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=0.06)
        return await give()

    return reply


def shift_clock(street: Street, by_ms: int) -> None:
    """Have Daraja's clock say another time than ours."""
    tell_time(street.daraja, street.clock() + by_ms)


FAULTS: list[tuple[str, Callable[[Street], None], str, str, str]] = [
    ("hang_up", hang_up, "daraja.reachable", "127.0.0.1", ""),
    ("firewall", say_of_token(503, load("incapsula.html")), "daraja.reachable", "Request unsuccessful", ""),
    ("html", say_of_token(200, b"<html><title>Welcome</title></html>"), "daraja.reachable", "“Welcome”", ""),
    ("error", say_of_token(500, load("error_internal.json")), "daraja.reachable", "HTTP 500", ""),
    ("empty_400", say_of_token(400, b""), "daraja.credentials", "An empty 400 is how Daraja says", ""),
    ("401", say_of_token(401, load("error_token_401_002_01.json")), "daraja.credentials", "401.002.01", ""),
    ("product", say(401, "error_no_apiproduct.json"), "daraja.product", "401.003.01 “Invalid API call", ""),
    ("gateway", say(401, "fault_no_apiproduct.json"), "daraja.product", "no apiproduct match found", ""),
    ("passkey", say(500, "error_wrong_credentials.json"), "daraja.passkey", "Wrong credentials", ""),
    ("shortcode", say(500, "error_merchant_unknown.json"), "daraja.passkey", "does not know 600000", "MPESA_TILL"),
    ("ahead", lambda street: shift_clock(street, -6 * MINUTE_MS), "daraja.clock", "ahead of", ""),
    ("behind", lambda street: shift_clock(street, 6 * MINUTE_MS), "daraja.clock", "behind", ""),
]


@pytest.mark.parametrize(("fault", "name", "seen", "cure"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
async def test_a_fault_is_one_checks(
    well: Street, fault: Callable[[Street], None], name: str, seen: str, cure: str
) -> None:
    """One thing broken fails exactly one check, which quotes what it was told; the others do not guess."""
    fault(well)
    found = await well.examine()
    assert failed(found) == {name}, {one: found[one].evidence for one in failed(found)}
    assert seen in found[name].evidence
    assert cure in found[name].cure
    (check,) = find_checks([name])
    assert found[name].cure or check.cure


async def test_a_daraja_that_is_down_is_told(street: Street) -> None:
    """Where nobody listens, Daraja's check says so; what depends on it is unknown and not failed."""
    close(street)
    found = await street.examine()
    assert failed(found) == {"daraja.reachable"}
    assert "Connect call failed" in found["daraja.reachable"].evidence


async def test_a_name_that_leads_nowhere_is_told(street: Street) -> None:
    """Where DNS fails, Daraja's check says so, and what depends on it is unknown."""
    forget_name(street)
    found = await street.examine()
    assert found["daraja.reachable"].outcome is Outcome.FAILED
    assert "Name or service not known" in found["daraja.reachable"].evidence
    assert "DNS" in found["daraja.reachable"].cure
    rest = {found[f"daraja.{name}"].outcome for name in ("credentials", "product", "passkey", "clock")}
    assert rest == {Outcome.UNKNOWN}


async def test_a_slow_daraja_is_a_warning_and_one_that_hangs_a_failure(
    well: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slowness is told; no answer at all is given up before the check itself is."""
    monkeypatch.setattr(daraja_reachable, "SLOW_MS", 50)
    be_slow(well)
    found = await well.examine()
    assert (found["daraja.reachable"].outcome, failed(found)) == (Outcome.WARNING, set())
    monkeypatch.setattr(visit, "WITHIN_S", 0.03)
    well.change(shared=type(well.ground.shared)())
    found = await well.examine()
    assert "daraja.reachable" in failed(found)
    assert "no whole answer" in found["daraja.reachable"].evidence


@pytest.mark.parametrize(("name", "status"), [("query_no_such.json", 500), ("query_invalid_id.json", 400)])
async def test_what_a_query_cannot_tell_is_said(well: Street, name: str, status: int) -> None:
    """Neither of Daraja's answers about an unknown prompt acquits the passkey, and the check says why."""
    say(status, name)(well)
    found = await well.look("daraja.passkey")
    assert found.outcome is Outcome.UNKNOWN
    assert "only a push that is accepted proves them" in found.evidence
    assert ("does not Exist" in found.evidence) == (status == 500)
    assert (await well.look("daraja.product")).outcome is Outcome.OK


async def test_the_simulator_looks_at_the_password_first(street: Street) -> None:
    """Of the simulator it is known that it judges the password before the prompt, so its answer acquits the passkey."""
    accounts, store = street.house.house.accounts, street.house.house.store
    own = Credentials(CONSUMER_KEY, CONSUMER_SECRET, PASSKEY)
    new = NewAccount("played", "simulator", street.ground.settings.base_url, "600001", own)
    await store.write(lambda tx: accounts.add(tx, new))
    outcomes = {one.subject: one.outcome for one in await street.run(find_checks(["daraja.passkey"]))}
    assert outcomes == {"default": Outcome.UNKNOWN, "played": Outcome.OK}


async def test_an_accepted_push_proves_the_passkey(street: Street) -> None:
    """Once Daraja accepted a push of the account, shortcode and passkey are known to be good."""
    await street.house.prompt(phone=unused_phone())
    street.clock.pass_s(600)
    found = await street.look("daraja.passkey")
    assert (found.outcome, "accepted a push 10 min ago" in found.evidence) == (Outcome.OK, True), found.evidence


async def test_a_refused_push_is_a_warning_until_the_next(street: Street) -> None:
    """The latest push was refused for its password: a warning, because it may have been corrected since."""
    payment = await street.house.ask(phone=unused_phone())
    reading = PushRefused(street.clock(), 1, "500.001.1001", "Wrong credentials")
    await street.house.house.ledger.record(Evidence(reading, "push:1:answer", payment=payment["id"]))
    found = await street.look("daraja.passkey")
    assert (found.outcome, "500.001.1001 “Wrong credentials”" in found.evidence) == (Outcome.WARNING, True)
    assert "go-live mail" in found.cure


async def test_the_sandboxs_passkey_is_public(street: Street) -> None:
    """The sandbox's shortcode with another passkey than its public one needs no asking."""
    accounts = street.house.house.accounts
    await street.house.house.store.write(lambda tx: accounts.amend(tx, "default", shortcode="174379"))
    found = await street.look("daraja.passkey")
    assert (found.outcome, street.daraja.count(QUERY_PATH)) == (Outcome.FAILED, 0)


async def test_nobody_is_prompted_and_few_calls_are_made(well: Street) -> None:
    """A whole examination costs an account one token and one query, prompts nobody, and shares the token."""
    await well.examine()
    assert [well.daraja.count(path) for path in (TOKEN_PATH, QUERY_PATH, PUSH_PATH)] == [1, 1, 0]
    account = well.house.house.accounts.choose("default")
    row = await well.house.house.store.read(lambda tx: read_token(tx, account.id))
    assert row is not None
    assert row.expires_at_ms > well.clock()


async def test_a_spent_budget_is_not_overdrawn(street: Street) -> None:
    """Where no query is left in the account's budget none is made: payments that wait come first."""
    account = street.house.house.accounts.choose("default")
    budgets = Budgets(street.house.house.store, street.house.house.accounts, street.clock)
    await street.house.house.store.write(lambda tx: budgets.grant(tx, account.id, 0, 1_000_000))
    found = await street.examine()
    assert street.daraja.count(QUERY_PATH) == 0
    assert (found["daraja.product"].outcome, failed(found)) == (Outcome.UNKNOWN, set())
    assert "no query left" in found["daraja.product"].evidence


async def test_spike_arrests_are_told(street: Street) -> None:
    """A budget that Daraja's complaints have halved is a warning, with when and how often it complained."""
    account = street.house.house.accounts.choose("default")
    payment = await street.house.ask(phone=unused_phone())
    reading = PushRefused(street.clock(), 1, "500.003.02", "Spike Arrest Violation", resend=True)
    await street.house.house.ledger.record(Evidence(reading, "push:1:answer", payment=payment["id"]))
    for _ in range(2):
        await street.house.house.budgets.shrink(account.id)
        street.clock.pass_s(6)
    tell_time(street.daraja, street.clock())
    found = await street.examine()
    assert (found["daraja.budget"].outcome, failed(found)) == (Outcome.WARNING, set())
    assert "last complained 6 s ago" in found["daraja.budget"].evidence
    assert "1 answer said" in found["daraja.budget"].evidence
    said = re.match(r"(\d+) of \d+ calls a minute, at most (\d+) of them queries\.", found["daraja.budget"].evidence)
    assert said is not None
    assert int(said[2]) <= int(said[1])


async def test_too_many_calls_say_nothing_of_the_product(well: Street) -> None:
    """A spike arrest of the doctor's own query condemns neither product nor passkey."""
    say(429, "fault_spike_arrest.json")(well)
    found = await well.examine()
    assert failed(found) == set()
    assert {found[f"daraja.{name}"].outcome for name in ("product", "passkey")} == {Outcome.UNKNOWN}


@pytest.mark.parametrize(("by_ms", "outcome"), [(40_000, Outcome.WARNING), (5_000, Outcome.OK)])
async def test_a_clock_that_is_a_little_off(well: Street, by_ms: int, outcome: Outcome) -> None:
    """Half a minute is a warning, some seconds are nothing."""
    shift_clock(well, by_ms)
    assert (await well.look("daraja.clock")).outcome is outcome


async def test_a_daraja_that_tells_no_time(well: Street) -> None:
    """Without a Date header the clocks cannot be compared, which is said."""
    well.daraja.reply(TOKEN_PATH, spell(200, load("token.json")))
    assert (await well.look("daraja.clock")).outcome is Outcome.UNKNOWN


async def test_every_account_is_looked_at(street: Street) -> None:
    """Of several accounts each has its own finding; one that is not active has none."""
    accounts, store = street.house.house.accounts, street.house.house.store
    own = Credentials(CONSUMER_KEY, CONSUMER_SECRET, PASSKEY)
    url = street.ground.settings.base_url
    for name, active in (("second", True), ("retired", False)):
        new = NewAccount(name, "sandbox", url, "600001", own, active=active)
        await store.write(lambda tx, new=new: accounts.add(tx, new))  # type: ignore[misc]
    found = await street.run(find_checks(["daraja.credentials"]))
    assert {one.subject for one in found} == {"default", "second"}


async def test_without_a_database_the_settings_account_is_asked(well: Street) -> None:
    """Where no database can be opened, what the settings say of the account is looked at."""
    well.change(store=None, accounts=None, store_trouble="gone")
    found = await well.examine()
    assert failed(found) == set()
    assert found["daraja.credentials"].outcome is Outcome.OK
    assert found["daraja.budget"].outcome is Outcome.SKIPPED
    well.set(consumer_key="")
    assert (await well.look("daraja.credentials")).outcome is Outcome.SKIPPED


async def test_no_finding_shows_a_secret(well: Street) -> None:
    """No finding repeats a token, a key, a secret or a passkey, whatever Daraja echoes."""
    echo = f"{CONSUMER_SECRET} {PASSKEY}".encode()
    tell_time(well.daraja, well.clock(), 400, b"<html>" + echo)
    found = await well.examine()
    shown = msgspec.json.encode([(one.evidence, one.cure) for one in found.values()]).decode()
    shortcode = Shortcode("", CONSUMER_KEY, CONSUMER_SECRET, PASSKEY, "600000")
    assert not [secret for secret in (shortcode.consumer_secret, shortcode.passkey) if secret in shown]
