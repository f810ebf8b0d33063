"""examples/retail as it stands there, before and after: on a database of its own, served on a loopback port."""

import asyncio
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
from sqlalchemy.exc import DBAPIError
from starlette.responses import Response

from hakika.simulator import SANDBOX_PASSKEY
from tests.api.serving import listening
from tests.client.test_webhooks import SECRET, signed
from tests.client.wire import PAYMENT
from tests.examples.shop import load
from tests.examples.world import DEADLINE_S, World

RETAIL = Path(__file__).parents[2] / "examples/retail"
HOOK = "/api/v1/payments/mpesa/callback"
HAKIKA = {"HAKIKA_SERVER": "http://127.0.0.1:9", "HAKIKA_API_KEY": "hk_test_of_nobody", "HAKIKA_WEBHOOK_SECRET": SECRET}


class Service:
    """The order service: what its clients, Hakika and fate do to it."""

    def __init__(self, engine: Any) -> None:
        self._engine, self.deliveries = engine, list[str]()
        self.lose_answers = 0
        self.http = httpx2.Client(timeout=DEADLINE_S, trust_env=False)

    def sell(self, phone: str = "", left: int = 5) -> str:
        """Put a product on the shelf, and order it; with a phone, ask for the money. → the order."""
        assert self.http.put("/api/v1/stock/unga", json={"price": 210, "left": left}).status_code == 200
        order = str(self.http.post("/api/v1/orders", json={"product": "unga"}).json()["order_id"])
        if phone:
            self.initiate(order, phone)
        return order

    def initiate(self, order: str, phone: str) -> None:
        """Ask for the money."""
        answer = self.http.post("/api/v1/payments/mpesa/initiate", json={"order_id": order, "phone": phone})
        assert answer.json() == {"order_id": order, "status": "pending"}, answer.text

    def status(self, order: str) -> tuple[str, str]:
        """How an order stands, as its clients read it: the status, and the receipt."""
        answer = self.http.get(f"/api/v1/payments/{order}/status").json()
        return answer["status"], answer["transactionId"]

    def left(self) -> int:
        """What is left on the shelf."""
        return int(self.http.get("/api/v1/stock/unga").json()["left"])

    def deliver(self, order: str, status: str, *, payment: str = "pay_1", sequence: int = 1, number: int = 0) -> int:
        """Deliver an event, properly signed, as Hakika does. → the status of the answer."""
        now, event_id = int(time.time()), f"evt_{number or f'{payment}_{sequence}'}"
        data = PAYMENT | {"id": payment, "status": status, "reference": order, "receipt": "NLJ7RT61SV"}
        told = {"id": event_id, "type": f"payment.{status}", "payment": payment, "sequence": sequence, "data": data}
        body = json.dumps(told).encode()
        return self.http.post(HOOK, content=body, headers=signed(body, at=now, message_id=event_id)).status_code

    def break_commits(self, times: int) -> None:
        """Let the database fail at the next commits."""
        dialect, left = self._engine.dialect, iter(range(times))
        commit = dialect.do_commit

        def fail(connection: Any) -> None:
            if next(left, None) is not None:
                connection.rollback()  # a database that cannot commit has not
                raise dialect.loaded_dbapi.OperationalError("the disk is full")
            commit(connection)

        dialect.do_commit = fail

    async def pass_on(self, app: Any, scope: Any, receive: Any, send: Any) -> None:
        """Let the service answer, unless its answer gets lost after its work."""
        lost = scope["path"] == HOOK and self.lose_answers > 0
        if scope["path"] == HOOK:
            self.deliveries.append(dict(scope["headers"]).get(b"webhook-id", b"").decode())
        self.lose_answers -= lost
        with suppress(DBAPIError):  # of break_commits: it was answered 500
            await app(scope, receive, _say_nothing if lost else send)
        if lost:
            await Response(status_code=502)(scope, receive, send)


async def _say_nothing(_: object) -> None:
    """Send no answer."""


@contextmanager
def open_service(version: str, database_url: str, **environment: str) -> Iterator[Service]:
    """Serve `before` or `after` until the block ends."""
    told = HAKIKA | {"DATABASE_URL": database_url} | environment
    with mock.patch.dict(os.environ, told):
        module = load(RETAIL / version / "orders.py", f"examples_retail_{version}")
        service = Service(module.engine)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await service.pass_on(module.app, scope, receive, send)

        with _serving(app) as url, service.http:
            service.http.base_url = httpx2.URL(url)
            os.environ["MPESA_CALLBACK_URL"] = url + HOOK
            yield service
        module.engine.dispose()
        if version == "after":
            module.hakika.close()


@contextmanager
def adopted(world: World, database_url: str) -> Iterator[Service]:
    """Serve the service as it is after the change, with its webhook at Hakika."""
    told = {"HAKIKA_SERVER": world.url, "HAKIKA_API_KEY": world.key}
    with open_service("after", database_url, **told) as service:
        endpoint = world.listen(str(service.http.base_url).rstrip("/") + HOOK)
        os.environ["HAKIKA_WEBHOOK_SECRET"] = str(endpoint.secret)
        yield service
        world.client.endpoints.delete(endpoint)


def daraja(world: World) -> dict[str, str]:
    """The settings of the service as it was before, for the simulator."""
    return {
        "MPESA_BASE_URL": world.simulator_url,
        "MPESA_CONSUMER_KEY": "sim-key",
        "MPESA_CONSUMER_SECRET": "sim-secret",
        "MPESA_SHORTCODE": "174379",
        "MPESA_PASSKEY": SANDBOX_PASSKEY,
    }


@contextmanager
def _serving(app: Any) -> Iterator[str]:
    """Serve an application in a thread. → its URL."""
    loop, is_open, closing = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    urls: list[str] = []

    async def serve() -> None:
        async with listening(app) as url:
            urls.append(url)
            is_open.set()
            await closing.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert is_open.wait(DEADLINE_S)
    yield urls[0]
    loop.call_soon_threadsafe(closing.set)
    thread.join(DEADLINE_S)
    loop.close()
