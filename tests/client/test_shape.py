"""What the package is: light, apart from the server, typed, one in both colours, tolerant of other versions."""

import inspect
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

import httpx2
import msgspec
import pytest
from pydantic import BaseModel

from hakika.api.account_shapes import ACCOUNT_EXAMPLE, AccountShape
from hakika.api.checkout_shapes import CHECKOUT_EXAMPLE, LINK_EXAMPLE, CheckoutShape, LinkShape
from hakika.api.doctor_shapes import EXAMPLE as DOCTOR_EXAMPLE
from hakika.api.doctor_shapes import DoctorShape
from hakika.api.endpoint_shapes import (
    ATTEMPT_EXAMPLE,
    NEW_ENDPOINT_EXAMPLE,
    AttemptShape,
    NewEndpointShape,
    PingShape,
)  # fmt: skip
from hakika.api.event_shapes import EVENT_EXAMPLE, EventShape
from hakika.api.explanation_shapes import EXPLANATION_EXAMPLE, ExplanationShape
from hakika.api.shapes import PAYMENT_EXAMPLE, PaymentShape
from hakika.client import (
    Account,
    AsyncHakika,
    Attempt,
    Checkout,
    Endpoint,
    Event,
    Examination,
    Explanation,
    Hakika,
    Link,
    Page,
    Payment,
    Ping,
    models,
)  # fmt: skip
from tests.client.conftest import Wiring
from tests.client.wire import PAYMENT, ok

PROMISED = {
    "payments": {
        *("create", "retrieve", "list", "wait", "query", "cancel", "register", "timeline", "explain", "resolve"),
    },
    "events": {"list", "retrieve", "stream"},
    "endpoints": {"create", "list", "retrieve", "update", "delete", "rotate", "ping"},
    "checkouts": {"create", "retrieve", "wait", "cancel"},
    "links": {"create"},
    "server": {"accounts", "examine"},
}
HEAVY = {"sqlalchemy", "fastapi", "starlette", "pydantic", "uvicorn", "aiohttp", "cryptography", "asyncio"}
SHAPES: list[tuple[type[Any], type[BaseModel], dict[str, Any]]] = [
    (Payment, PaymentShape, PAYMENT_EXAMPLE),
    (Event, EventShape, EVENT_EXAMPLE),
    (Endpoint, NewEndpointShape, NEW_ENDPOINT_EXAMPLE),
    (Attempt, AttemptShape, ATTEMPT_EXAMPLE),
    (Ping, PingShape, {"delivered": True, "event": "evt_1", "endpoint": "ep_1"}),
    (Checkout, CheckoutShape, CHECKOUT_EXAMPLE),
    (Link, LinkShape, LINK_EXAMPLE),
    (Explanation, ExplanationShape, EXPLANATION_EXAMPLE),
    (Examination, DoctorShape, DOCTOR_EXAMPLE),
    (Account, AccountShape, ACCOUNT_EXAMPLE),
]
IMPORTING = (
    "import json, sys, time; began = time.process_time(); import hakika.client; "
    "print(json.dumps([time.process_time() - began, sorted(sys.modules)]))"
)


async def _types(client: Hakika, awaiting: AsyncHakika) -> None:
    """Be read by mypy, not run: each colour gives what it says."""
    assert_type(client.payments.retrieve("pay_1"), Payment)
    assert_type(await awaiting.payments.retrieve("pay_1"), Payment)
    assert_type(client.payments.list(limit=1), Page[Payment])
    assert_type(client.events.stream(after=1), Iterator[Event])
    assert_type(awaiting.events.stream(after=1), AsyncIterator[Event])
    client.payments.create(amount="100", phone="07", reference="o")  # type: ignore[arg-type]
    await awaiting.payments.create(amount=100, phone="07")  # type: ignore[call-arg]


def test_it_is_light_and_apart_from_the_server() -> None:
    """Importing it takes under 150 ms of processor time (when nothing else runs) and nothing of server or framework."""
    runs = [subprocess.run([sys.executable, "-c", IMPORTING], capture_output=True, check=True) for _ in range(3)]
    took = [json.loads(run.stdout) for run in runs]
    loaded = set(took[0][1])
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()
    assert {name for name in loaded if name.startswith("hakika.")} == {
        name for name in loaded if name.startswith("hakika.client")
    }
    assert min(seconds for seconds, _ in took) < 0.25  # other processes share the processor's caches


@pytest.mark.parametrize("group", PROMISED)
def test_both_colours_have_every_call(group: str) -> None:
    """With the same parameters and the same words: there is only one of each."""
    blocking, awaiting = (getattr(colour("hk_key"), group) for colour in (Hakika, AsyncHakika))
    calls = {name for name in dir(blocking) if not name.startswith("_")}
    assert calls == PROMISED[group]
    for name in calls:
        assert inspect.signature(getattr(blocking, name)) == inspect.signature(getattr(awaiting, name))
        assert getattr(blocking, name).__doc__


@pytest.mark.anyio
async def test_server_and_key_come_from_the_environment(wired: Wiring, monkeypatch: pytest.MonkeyPatch) -> None:
    """HAKIKA_SERVER, with or without a path, and HAKIKA_API_KEY; what is given counts more."""
    colour = type(wired(ok()).client)
    monkeypatch.setenv("HAKIKA_SERVER", "http://pay.example/base/")
    monkeypatch.setenv("HAKIKA_API_KEY", "hk_env")
    seen: list[httpx2.Request] = []

    def see(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return ok()

    for given in ({}, {"api_key": "hk_given", "server": "http://other.example", "language": "sw"}):
        came = colour(transport=httpx2.MockTransport(see), **given).payments.retrieve("pay_1/../x")
        if inspect.isawaitable(came):
            await came
    assert str(seen[0].url) == "http://pay.example/base/v1/payments/pay_1%2F..%2Fx"
    assert seen[0].headers["Authorization"] == "Bearer hk_env"
    assert str(seen[1].url).startswith("http://other.example/v1/")
    assert (seen[1].headers["Authorization"], seen[1].headers["Accept-Language"]) == ("Bearer hk_given", "sw")


@pytest.mark.parametrize(("kind", "shape", "example"), SHAPES, ids=[kind.__name__ for kind, _, _ in SHAPES])
def test_models_have_every_field_of_the_apis(kind: type[Any], shape: type[BaseModel], example: dict[str, Any]) -> None:
    """By the same names, whatever the server adds next; the API's own examples are read in full."""
    fields = {field.encode_name for field in msgspec.structs.fields(kind)}
    assert set(shape.model_fields) - {"object"} - fields == set()
    read = json.loads(msgspec.json.encode(msgspec.json.decode(json.dumps(example), type=kind)))
    shown = {name: value for name, value in example.items() if name in fields}
    assert {name: value for name, value in read.items() if name in shown} == shown


@pytest.mark.parametrize("kind", ["Payment", "Event", "Endpoint", "Checkout", "Link"])
def test_other_versions_are_understood(kind: str) -> None:
    """Fields that are new are passed over, statuses that are new are words, fields that are missing have a default."""
    least = PAYMENT | {"type": "t", "url": "u"}
    read = msgspec.json.decode(json.dumps(least | {"status": "novel", "new": {"a": [1]}}), type=getattr(models, kind))
    assert read.id == "pay_1"
    assert kind == "Event" or getattr(read, "status", "novel") == "novel"
