"""The simulator over real connections: callbacks posted, connections cut, the control interface, the page."""

import asyncio
from typing import Any

import aiohttp
import msgspec
import pytest

from hakika.simulator import CallbackPost, Clock, Network, Settings, create_app
from tests.simulator.loopback import push, receiving, running, shopping

pytestmark = pytest.mark.anyio
FAST = 200.0
PHONE = "254712345678"


async def call(session: aiohttp.ClientSession, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Ask the control interface."""
    async with session.request(method, path, json=body) as answer:
        return answer.status, await answer.json() if answer.content_length else None


async def test_a_person_answers_and_the_callback_is_posted(network: Network) -> None:
    """Push, answer over REST, and the callback arrives with Safaricom's headers and is noted with its answer."""
    async with receiving() as receiver, running(network, Clock(FAST)) as origin, shopping(origin) as session:
        assert await push(session, receiver.url) == 200
        status, payment = await call(session, "POST", f"/simulator/phones/{PHONE}/answer", {"answer": "pay"})
        assert (status, payment["answered_by"]) == (200, "person")
        body, headers = await receiver.received.get()
        assert msgspec.json.decode(body)["Body"]["stkCallback"]["ResultCode"] == 0
        assert (headers["Businessshortcode"], headers["Content-Type"]) == ("174379", "application/json;charset=UTF-8")


class Watched(Network):
    """A network that tells when a callback has been posted."""

    def __init__(self) -> None:
        super().__init__()
        self.posted = asyncio.Event()

    def callback_posted(self, post: CallbackPost, status: int | None, answer: bytes, now_ms: int) -> None:
        """Note it, and tell."""
        super().callback_posted(post, status, answer, now_ms)
        self.posted.set()


async def test_a_callback_is_posted_once_even_to_nobody() -> None:
    """A receiver that is not there costs the callback: it is noted without a status and not retried."""
    network = Watched()
    async with running(network, Clock(FAST)) as origin, shopping(origin) as session:
        await push(session, msisdn="254708374149")
        await network.posted.wait()
        entry = network.requests()[-1]
        assert entry["status"] is None
        assert "Connect" in entry["answer"]
        assert network.next_due_ms() is None


async def test_a_cut_connection_gives_no_answer_at_all(network: Network) -> None:
    """The client sees its connection reset, and the push goes on."""
    network.order({"fault": "push_cut"})
    async with running(network) as origin, shopping(origin) as session:
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await push(session)
        assert network.phones(0)[0]["rings"]
        assert await push(session, msisdn="254711111111") == 200


async def test_an_early_callback_is_delivered_before_the_push_is_answered(network: Network) -> None:
    """When the push's answer arrives, the callback has been there."""
    network.order({"fault": "callback_early"})
    async with receiving() as receiver, running(network, Clock(FAST)) as origin, shopping(origin) as session:
        await push(session, receiver.url)
        assert receiver.received.qsize() == 1


async def test_the_control_interface_explains_what_it_refuses(network: Network) -> None:
    """Misuse is a 400 with a sentence, and a silent phone a 404."""
    async with running(network) as origin, aiohttp.ClientSession(origin) as session:
        for method, path, body, status, said in (
            ("PUT", "/simulator/faults", {"callback_los": 1}, 400, "no such fault"),
            ("POST", "/simulator/next", {}, 400, "needs"),
            ("PUT", "/simulator/phones/0712/rule", {"answer": "pay"}, 400, "not a phone number"),
            ("PUT", f"/simulator/phones/{PHONE}/rule", [], 400, "a rule is an object"),
            ("POST", f"/simulator/phones/{PHONE}/answer", {"answer": "pay"}, 404, "nothing rings"),
            ("POST", f"/simulator/phones/{PHONE}/answer", {"answer": "dance"}, 400, "no such answer"),
            ("GET", "/simulator/requests?after=x", None, 400, "after must be a number"),
        ):
            answer = await call(session, method, path, body)
            assert answer[0] == status, (path, answer)
            assert said in answer[1]["error"]
        async with session.post("/simulator/next", data=b"{") as response:
            assert response.status == 400


async def test_the_control_interface_orders_rules_shows_and_resets(network: Network) -> None:
    """Faults, orders, rules, requests and payments go in and come out, until a reset."""
    async with running(network, Clock(FAST)) as origin, shopping(origin) as session:
        assert (await call(session, "PUT", "/simulator/faults", {"callback_lost": 0.5}))[0] == 200
        assert (await call(session, "POST", "/simulator/next", {"result_code": 1032}))[0] == 201
        shown = (await call(session, "GET", "/simulator/faults"))[1]
        assert (len(shown["rates"]), len(shown["next"]), shown["known"][0]["fault"]) == (1, 1, "callback_lost")
        rule = {"answers": {"pay": 1.0}, "median_ms": 5, "sigma": 0.0}
        assert (await call(session, "PUT", f"/simulator/phones/{PHONE}/rule", rule))[1] == {"rule": rule}
        assert (await call(session, "DELETE", f"/simulator/phones/{PHONE}/rule"))[0] == 204
        assert (await call(session, "GET", f"/simulator/phones/{PHONE}/rule"))[1] == {"rule": None}
        await push(session)
        assert (await call(session, "GET", "/simulator/phones"))[1]["phones"][0]["msisdn"] == PHONE
        assert [each["kind"] for each in (await call(session, "GET", "/simulator/requests"))[1]["requests"]][:2] == [
            "token",
            "push",
        ]
        assert len((await call(session, "GET", "/simulator/payments"))[1]["payments"]) == 1
        assert (await call(session, "POST", "/simulator/reset"))[0] == 204
        assert (await call(session, "GET", "/simulator/payments"))[1]["payments"] == []


async def test_another_site_s_page_cannot_steer_the_simulator(network: Network) -> None:
    """A browser's request from another origin is refused; the simulator's own page may."""
    async with running(network) as origin, aiohttp.ClientSession(origin) as session:
        for sender, status in (("https://evil.example", 400), (origin, 204)):
            async with session.post("/simulator/reset", headers={"Origin": sender}) as answer:
                assert answer.status == status


async def test_the_page_loads_nothing_from_anywhere_else(network: Network) -> None:
    """The page, for all phones or one, is served with a policy that allows only this server."""
    async with running(network) as origin, aiohttp.ClientSession(origin) as session:
        for path in ("/simulator", f"/simulator/phone/{PHONE}"):
            async with session.get(path) as answer:
                assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
                assert b"://" not in await answer.read()
        for name in ("page.css", "page.js", "icon.svg"):
            async with session.get(f"/simulator/static/{name}") as answer:
                assert answer.status == 200


async def test_an_endless_body_is_cut_short_and_refused(network: Network) -> None:
    """Beyond 64 KiB nothing is kept, and what is left is no JSON."""
    async with running(network) as origin, shopping(origin) as session:
        padded = b'{"Amount": "' + b"1" * 200_000 + b'"}'
        headers = {"Content-Type": "application/json"}
        async with session.post("/mpesa/stkpush/v1/processrequest", data=padded, headers=headers) as answer:
            assert (await answer.json())["errorCode"] == "400.002.05"


def test_a_scaled_clock_keeps_pace_with_others_of_the_same_anchor() -> None:
    """Two clocks of one anchor and speed agree, and a second of theirs is a fraction of the wall's."""
    first, second = Clock(60, anchor_ms=1_795_000_000_000), Clock(60, anchor_ms=1_795_000_000_000)
    assert abs(first.now_ms() - second.now_ms()) < 60_000
    assert first.wall_s(60_000) == 1.0
    with pytest.raises(ValueError, match="speed"):
        Clock(0)


def test_an_app_needs_nothing_but_its_defaults() -> None:
    """create_app() alone is a working simulator with default accounts."""
    assert create_app().routes
    assert Settings().accounts[0].shortcode == "174379"
