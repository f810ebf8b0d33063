"""The round trip: a callback that the doctor posts arrives, is published, and leaves nothing else behind."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import func, select

from hakika.doctor.check import Outcome
from hakika.doctor.checks.callback_url_round_trip import spell_callback
from hakika.doctor.registry import find_checks
from hakika.domain.events import KNOWN_TYPES, PROBES, TRIAL
from hakika.engine.vault import Vault, make_key
from hakika.engine.watching.nonces import Nonces
from hakika.engine.watching.trial import Trials
from hakika.store.events import EventSearch, search_events
from hakika.store.tables import deliveries, evidence, payments, quarantine, receipts
from hakika.store.transaction import Transaction
from tests.api.house import Open, unused_phone
from tests.doctor.street import PUBLIC_ADDRESS, Asked, Authority, Street, open_street

pytestmark = pytest.mark.anyio

NAME = "callback-url.round-trip"


@pytest.fixture
async def both(migrated_database_url: str, tmp_path: Path, authority: Authority) -> AsyncIterator[Street]:
    """Open a street in which all is well, on each kind of database."""
    async with open_street(migrated_database_url, tmp_path, authority) as opened:
        yield opened


@asynccontextmanager
async def streaming(street: Street) -> AsyncIterator[None]:
    """Have the server's feed run, and the doctor know it."""
    running = asyncio.create_task(street.house.house.feed.run())
    street.change(live={"feed": street.house.house.feed})
    try:
        yield
    finally:
        running.cancel()


def count_rows(tx: Transaction) -> dict[str, int]:
    """How much there is of all that a payment leaves."""
    tables = (payments, evidence, quarantine, receipts, deliveries)
    return {table.name: int(tx.all(select(func.count()).select_from(table))[0][0]) for table in tables}


async def test_it_arrives_in_the_database_and_in_the_stream(both: Street) -> None:
    """The callback goes through the public URL into the database, and out as one `test.callback` event."""
    async with streaming(both):
        found = await both.look(NAME)
    assert found.outcome is Outcome.OK, found.evidence
    assert "HTTP 200 in " in found.evidence
    assert "in the stream within" in found.evidence
    assert f"came from {PUBLIC_ADDRESS}" in found.evidence
    (event,) = await both.house.house.store.read(lambda tx: search_events(tx, EventSearch(0, types=(TRIAL,))))
    assert msgspec.json.decode(event.snapshot)["receipt"] == "TRIAL00000"


async def test_nothing_counts_it(both: Street) -> None:
    """No payment, evidence, receipt, quarantined piece or delivery comes of it, and no list or event of real ones."""
    await both.house.ask(phone=unused_phone())
    before = await both.house.house.store.read(count_rows)
    counted = dict(both.house.house.ledger.tally.callbacks)
    events_before = (await both.house.api.get("/v1/events")).json()["data"]
    assert (await both.look(NAME)).outcome is Outcome.OK
    assert await both.house.house.store.read(count_rows) == before
    assert dict(both.house.house.ledger.tally.callbacks) == counted
    assert (await both.house.api.get("/v1/events")).json()["data"] == events_before
    assert len((await both.house.api.get("/v1/payments")).json()["data"]) == 1


async def test_no_endpoint_gets_it(street: Street) -> None:
    """An endpoint for all events is owed nothing of it, and none can ask for it by name."""
    everything = {"url": "https://shop.example.com/hook"}
    assert (await street.house.api.post("/v1/endpoints", json=everything)).status_code == 201
    by_name = await street.house.api.post("/v1/endpoints", json=everything | {"event_types": [TRIAL]})
    assert by_name.status_code == 422, by_name.text
    assert (await street.look(NAME)).outcome is Outcome.OK
    assert (await street.house.house.store.read(count_rows))["deliveries"] == 0
    assert TRIAL not in KNOWN_TYPES | PROBES


async def test_it_runs_only_when_it_is_asked_for(street: Street) -> None:
    """The round trip writes, so neither the doctor nor its area runs it unless `--callback` says so."""
    assert NAME not in {check.name for check in find_checks()}
    assert NAME in {check.name for check in find_checks(callback=True)}
    await street.examine()
    events = await street.house.house.store.read(lambda tx: search_events(tx, EventSearch(0, types=(TRIAL,))))
    assert events == []


async def test_without_a_running_server_the_database_is_looked_into(street: Street) -> None:
    """A doctor beside the server follows the callback as far as the database."""
    found = await street.look(NAME)
    assert found.outcome is Outcome.OK
    assert "stream" not in found.evidence


async def test_a_stream_that_stands_still_is_found(street: Street) -> None:
    """What is stored but does not come out is a failure of its own."""
    street.change(live={"feed": DeafFeed(street.house)})
    found = await street.look(NAME)
    assert found.outcome is Outcome.FAILED
    assert "did not come out of the stream" in found.evidence


class DeafFeed:
    """A feed that hears nothing of what is committed."""

    def __init__(self, house: Open) -> None:
        self._feed = house.house.feed

    async def head(self) -> object:
        """Say where the log ends."""
        return await self._feed.head()

    def subscribe(self, cursor: int, wanted: object) -> object:
        """Follow from far in the future on."""
        return self._feed.subscribe(cursor + 1_000, wanted)  # type: ignore[arg-type]


async def test_one_that_does_not_arrive_is_quoted(street: Street) -> None:
    """Where somebody else answers, what was said is quoted, and nothing is in the database."""
    street.front.say(404, b"<html><title>404 Not Found</title></html>", "Server: nginx")
    found = await street.look(NAME)
    assert (found.outcome, "404 Not Found" in found.evidence) == (Outcome.FAILED, True)


async def test_another_servers_acceptance_is_no_arrival(street: Street) -> None:
    """A server that says “accepted” as we do, but has another database, is found out."""
    street.front.say(200, b'{"ResultCode":0,"ResultDesc":"Accepted"}')
    found = await street.look(NAME)
    assert (found.outcome, "not in this database" in found.evidence) == (Outcome.FAILED, True)


async def test_a_changed_body_is_found(street: Street) -> None:
    """A firewall that rewrites what is posted is found by what arrived."""

    async def answer(asked: Asked) -> bytes | None:
        body = asked.body.replace(b"TRIAL00000", b"XXXXX00000")
        return await street.front.hand_on(asked._replace(body=body))

    street.front.answer = answer
    found = await street.look(NAME)
    assert (found.outcome, "byte by byte" in found.cure) == (Outcome.FAILED, True)


async def test_refusing_foreign_addresses_does_not_hide_it(
    sqlite_url: str, tmp_path: Path, authority: Authority
) -> None:
    """Where foreign addresses are refused the doctor is refused as one, and says that this is right."""
    async with open_street(sqlite_url, tmp_path, authority, refuse_foreign_ips=True) as street:
        found = await street.look(NAME)
    assert (found.outcome, "403, because HAKIKA_REFUSE_FOREIGN_IPS" in found.evidence) == (Outcome.OK, True), (
        found.evidence
    )


async def test_a_strangers_or_an_old_trial_is_a_callback_like_any_other(street: Street) -> None:
    """A trial token that this server did not make within the minute publishes nothing: what came is quarantined."""
    clock = street.clock
    old = Trials(Nonces(street.house.house.vault, clock)).make_token()
    forged = Trials(Nonces(Vault(make_key()), clock)).make_token()
    clock.pass_s(61)
    for token in (old, forged):
        assert (await street.house.post(f"/c/{token}", spell_callback(token))).status_code == 200
    events = await street.house.house.store.read(lambda tx: search_events(tx, EventSearch(0, types=(TRIAL,))))
    rows = await street.house.house.store.read(count_rows)
    assert (events, rows["quarantine"]) == ([], 2)


async def test_the_echo_answers_only_its_own_nonces_for_a_minute(street: Street) -> None:
    """The public echo tells nothing to a stranger, to an old nonce, or to one made for another purpose."""
    visitor = street.house.visit(PUBLIC_ADDRESS)
    nonces = Nonces(street.house.house.vault, street.clock)
    nonce = nonces.make("echo")
    answer = await visitor.get(f"/doctor/echo/{nonce}")
    assert (answer.status_code, answer.json()["answer"]) == (200, nonces.answer(nonce))
    assert answer.headers["cache-control"] == "no-store"
    strangers = [Nonces(Vault(make_key()), street.clock).make("echo"), nonces.make("trial"), "0" * 51, "a", f"{nonce}0"]
    for other in strangers:
        refused = await visitor.post(f"/doctor/echo/{other}", content=b"{}")
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown_nonce")
    street.clock.pass_s(61)
    assert (await visitor.get(f"/doctor/echo/{nonce}")).status_code == 404


async def test_without_the_secret_key_it_says_that_it_cannot_tell(street: Street) -> None:
    """Without the key nothing can be known as ours, which is no failure of the URL."""
    street.ground = dataclasses.replace(street.ground, vault=None)
    found = [await street.look(name) for name in (NAME, "callback-url.reaches-us")]
    assert {one.outcome for one in found} == {Outcome.UNKNOWN}
