"""The client against a real server with the simulator, in both colours; and docs/python.md, run as it stands."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hakika.client import (
    AlreadyEnded,
    AsyncHakika,
    CheckoutEnded,
    Hakika,
    InvalidCursor,
    InvalidPhone,
    NotAuthenticated,
    NotFound,
    ReferenceInUse,
)
from hakika.main import build_server
from hakika.simulator import SANDBOX_PASSKEY, Clock, Network, Settings
from tests.api.house import API_KEY, settings_for, unused_phone
from tests.api.serving import serving
from tests.client.pages import blocks
from tests.simulator.loopback import running
from tests.spared import own_collector

pytestmark = pytest.mark.anyio
SPEED = 50.0
PAYS = "254708374149"
HAS_NO_FUNDS = "254708374150"


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    """Let a starting server leave the garbage collector of this process alone."""
    with own_collector():
        yield


@pytest.fixture
async def origin(migrated_database_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """Run a server on each database, with a simulator whose time is fast."""
    async with running(Network(Settings(seed=7)), Clock(SPEED)) as daraja:
        settings = settings_for(
            migrated_database_url, tmp_path / "data", environment="simulator", base_url=daraja, callback_base_url="",
            consumer_key="sim-key", consumer_secret="sim-secret", passkey=SANDBOX_PASSKEY, clock_speed=SPEED,
        )  # fmt: skip
        async with serving(lambda origin: build_server(settings, origin), lifespan=True) as served:
            yield served


class Visit:
    """A client of one colour at a real server; the blocking one works in a thread, as it would elsewhere."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def __aenter__(self) -> "Visit":
        return self

    async def __aexit__(self, *_: object) -> None:
        closed = self.client.close()
        if inspect.isawaitable(closed):
            await closed

    async def do(self, ask: Callable[[Any], Any]) -> Any:
        """Carry out a call."""
        if isinstance(self.client, Hakika):
            return await asyncio.to_thread(ask, self.client)
        return await ask(self.client)

    async def take(self, ask: Callable[[Any], Any], number: int) -> list[Any]:
        """Take so many things of a stream, and leave it."""
        things = ask(self.client)
        if isinstance(self.client, Hakika):
            found = [await asyncio.to_thread(next, things) for _ in range(number)]
            things.close()
            return found
        found = [await anext(things) for _ in range(number)]
        await things.aclose()
        return found


@pytest.fixture(params=[Hakika, AsyncHakika], ids=["sync", "async"])
async def visit(request: pytest.FixtureRequest, origin: str) -> AsyncIterator[Visit]:
    """Visit the server in each colour."""
    async with Visit(request.param(API_KEY, origin)) as visit:
        yield visit


class Losing(httpx2.HTTPTransport):
    """Loses the answer of the first request, after the server gave it."""

    lost = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send; the first answer does not arrive."""
        answer = super().handle_request(request)
        if not self.lost:
            self.lost += 1
            answer.read()
            raise httpx2.ReadError("the answer was lost")
        return answer


class AsyncLosing(httpx2.AsyncHTTPTransport):
    """The same."""

    lost = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send; the first answer does not arrive."""
        answer = await super().handle_async_request(request)
        if not self.lost:
            self.lost += 1
            await answer.aread()
            raise httpx2.ReadError("the answer was lost")
        return answer


def _asking(**given: Any) -> Callable[[Any], Any]:
    fields = {"amount": 100, "phone": PAYS, "reference": "order-1"} | given
    return lambda client: client.payments.create(**fields)


async def test_a_payment_from_asking_to_its_end(visit: Visit) -> None:
    """Asked for, waited for, paid; found again, with its story and its events."""
    asked = await visit.do(_asking(metadata={"cart": "c-88"}))
    assert (asked.is_pending, asked.metadata, asked.mode) == (True, {"cart": "c-88"}, "test")
    paid = await visit.do(lambda client: client.payments.wait(asked))
    assert (paid.is_paid, paid.amount_received) == (True, 100)
    page = await visit.do(lambda client: client.payments.list(status="completed", phone=PAYS))
    assert ([payment.id for payment in page.data], page.has_more) == ([paid.id], False)
    story = await visit.do(lambda client: client.payments.timeline(paid))
    assert [entry.kind for entry in story if entry.object == "event"][:2] == ["payment.created", "payment.completed"]
    told = await visit.take(lambda client: client.events.stream(after=0), 2)
    assert [(event.type, event.payment) for event in told] == [
        ("payment.created", paid.id), ("payment.completed", paid.id),
    ]  # fmt: skip
    assert told[1].snapshot.status == "completed"
    assert (await visit.do(lambda client: client.events.retrieve(told[0].id))).number == told[0].number
    rest = await visit.take(lambda client: client.events.stream(after=told[0].cursor), 1)
    assert rest[0].id == told[1].id
    with pytest.raises(InvalidCursor):
        await visit.take(lambda client: client.events.stream(after="00000000-1"), 1)


async def test_a_payment_that_ends_without_money_is_an_answer(visit: Visit) -> None:
    """Nothing is raised; the reason is there."""
    asked = await visit.do(_asking(phone=HAS_NO_FUNDS))
    ended = await visit.do(lambda client: client.payments.wait(asked))
    assert (ended.status, ended.failure.code) == ("failed", "1")


async def test_events_from_now_on_are_heard_as_they_happen(visit: Visit) -> None:
    """What was before is not told."""
    await visit.do(_asking(phone=unused_phone(), reference="before"))
    hearing = asyncio.create_task(visit.take(lambda client: client.events.stream(types=["payment.created"]), 1))
    try:
        async with asyncio.timeout(60):
            number = 0
            while not hearing.done():  # it starts to listen at some moment: whatever is made after that is heard first
                number += 1
                await visit.do(_asking(phone=unused_phone(), reference=f"after-{number}"))
    except TimeoutError:
        visit.client.close()  # a thread that still listens would keep the test run from ending
        raise
    (event,) = await hearing
    assert event.snapshot.reference.startswith("after-")


async def test_errors_are_raised_as_their_classes(visit: Visit, origin: str) -> None:
    """Those of the real server."""
    first = await visit.do(_asking())
    with pytest.raises(ReferenceInUse) as raised:
        await visit.do(_asking(phone=unused_phone()))
    assert raised.value.payment == first.id
    with pytest.raises(InvalidPhone):
        await visit.do(_asking(phone="0522000000", reference="order-2"))
    with pytest.raises(NotFound):
        await visit.do(lambda client: client.payments.retrieve("pay_1/../../accounts"))
    async with Visit(type(visit.client)("hk_unknown", origin)) as stranger:
        with pytest.raises(NotAuthenticated):
            await stranger.do(lambda client: client.payments.list())
    await visit.do(lambda client: client.payments.wait(first))
    with pytest.raises(AlreadyEnded):
        await visit.do(lambda client: client.payments.cancel(first))


async def test_lost_answers_ask_once(visit: Visit, origin: str) -> None:
    """The first answer of each call is lost on its way: there is one payment, one registration, one cancelling."""

    async def lose(ask: Callable[[Any], Any]) -> Any:
        transport: Any = Losing() if isinstance(visit.client, Hakika) else AsyncLosing()
        async with Visit(type(visit.client)(API_KEY, origin, transport=transport)) as unlucky:
            answer = await unlucky.do(ask)
        assert transport.lost
        return answer

    push = {"checkout_request_id": "ws_CO_1", "phone": unused_phone(), "amount": 5, "reference": "elsewhere"}
    paid = await lose(_asking(phone=unused_phone()))
    registered = await lose(lambda client: client.payments.register(**push))
    assert (await visit.do(lambda client: client.payments.register(**push))).id == registered.id
    checkout = await lose(lambda client: client.checkouts.create(reference="order-3", amount=5))
    assert (await lose(lambda client: client.checkouts.cancel(checkout))).status == "cancelled"
    endpoint = await visit.do(lambda client: client.endpoints.create(url="https://shop.example/hook"))
    await lose(lambda client: client.endpoints.delete(endpoint))
    found = await visit.do(lambda client: client.payments.list())
    assert [payment.id for payment in found.data] == [registered.id, paid.id]


async def test_endpoints(visit: Visit) -> None:
    """Made with a secret that is not shown again, changed, renewed, pinged, listed, removed."""
    url = "https://shop.example/hook"
    made = await visit.do(lambda client: client.endpoints.create(url=url, event_types=["payment.completed"]))
    assert made.secret.startswith("whsec_")
    shown = await visit.do(lambda client: client.endpoints.retrieve(made))
    assert (shown.secret, shown.url, shown.event_types) == (None, url, ("payment.completed",))
    paused = await visit.do(lambda client: client.endpoints.update(made, active=False, description="The shop"))
    assert (paused.active, paused.description, paused.event_types) == (False, "The shop", ("payment.completed",))
    renewed = await visit.do(lambda client: client.endpoints.rotate(made, overlap_s=60))
    assert renewed.secret not in {None, made.secret}
    assert [endpoint.id for endpoint in await visit.do(lambda client: client.endpoints.list())] == [made.id]
    assert await visit.do(lambda client: client.endpoints.delete(made)) is None
    with pytest.raises(NotFound):
        await visit.do(lambda client: client.endpoints.ping(made))


async def test_checkouts_and_links(visit: Visit) -> None:
    """Made, read, waited for, closed."""
    made = await visit.do(lambda client: client.checkouts.create(reference="order-9", amount=250, language="sw"))
    assert made.is_open
    assert made.url.endswith(f"/pay/{made.id}")
    assert (await visit.do(lambda client: client.checkouts.wait(made, timeout_s=0))).is_open
    assert (await visit.do(lambda client: client.checkouts.cancel(made))).status == "cancelled"
    with pytest.raises(CheckoutEnded):
        await visit.do(lambda client: client.checkouts.cancel(made.id))
    assert (await visit.do(lambda client: client.checkouts.retrieve(made))).status == "cancelled"
    link = await visit.do(lambda client: client.links.create(reference="harambee", amount_least=50))
    assert link.url.endswith(f"/link/{link.id}")


async def test_the_page_is_run_as_it_stands(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of docs/python.md, in its order, says what the page lets expect."""
    monkeypatch.setenv("HAKIKA_SERVER", origin)
    monkeypatch.setenv("HAKIKA_API_KEY", API_KEY)
    kept: list[Any] = []
    said: list[str] = []
    names: dict[str, Any] = {"save_cursor": kept.append, "save_secret": kept.append}
    names["print"] = lambda *words: said.append(" ".join(map(str, words)))  # the server's log is printed, too
    told = {}
    try:
        for name, code in blocks("python.md").items():
            await asyncio.to_thread(exec, compile(code, f"docs/python.md: {name}", "exec"), names)
            told[name] = "\n".join(said)
            said.clear()
    finally:
        names["client"].close()
    assert told["pay"].startswith("paid ")
    assert told["errors"] == "charged already: completed"
    assert "event payment.completed" in told["follow"]
    assert "payment.completed order-2001" in told["events"]
    assert (kept[0][8], kept[1][:6]) == ("-", "whsec_")
    assert "/pay/chk_" in told["checkout"]
    assert "/link/lnk_" in told["checkout"]
    assert told["async"] == "['completed']"
