"""docs/api.md is true: its lines are run, in order, against a server with the simulator; nothing is missing from it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from hakika.api.app import create_app
from hakika.api.callbacks import OPEN_PATHS
from hakika.api.health import error_kinds
from hakika.domain.events import PING, PROBES, EventType
from hakika.main import build_server
from hakika.simulator import SANDBOX_PASSKEY, Clock, Network, Settings
from tests.api.house import API_KEY, settings_for
from tests.api.serving import serving
from tests.simulator.loopback import running
from tests.spared import own_collector

pytestmark = pytest.mark.anyio
PAGES = Path(__file__).parents[2] / "docs"
PAGE = (PAGES / "api.md").read_text(encoding="utf-8")
EVENTS = (PAGES / "events.md").read_text(encoding="utf-8")
LINE = re.compile(r"^curl (?P<arguments>.*)  # → (?P<status>\d{3})$", re.MULTILINE)
SPEED = 50.0
NAMED = {"endpoint", "checkout", "link", "message_channel", "opt_out"}
"""What is `$ENDPOINT`, … once it is made."""


@pytest.fixture
def _collector() -> Iterator[None]:
    """Let a starting server leave the garbage collector of this process alone."""
    with own_collector():
        yield


def as_request(arguments: str, names: dict[str, str]) -> httpx2.Request:
    """A curl line as a request."""
    for name, value in names.items():
        arguments = arguments.replace(f"${name}", value)
    words = iter(shlex.split(arguments))
    method, url, body, headers = "", "", "", {}
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            header, _, value = next(words).partition(": ")
            headers[header] = value
        elif word == "-N":
            continue
        elif word == "--json":
            body = next(words)
        else:
            url = word
    headers |= {"Content-Type": "application/json"} if body else {}
    return httpx2.Request(method or ("POST" if body else "GET"), url, content=body, headers=headers)


async def run(client: httpx2.AsyncClient, names: dict[str, str], page: str) -> None:
    """Run every line of a page; a payment that is made is `$PAYMENT` from then on. Of a stream the start is enough."""
    for line in LINE.finditer(page):
        answer = await client.send(as_request(line["arguments"], names), stream=line["arguments"].startswith("-N "))
        if not answer.is_closed:
            assert await anext(answer.aiter_lines())
            await answer.aclose()
        assert answer.status_code == int(line["status"]), f"{line[0]}\n{answer.text}"
        if line["status"] == "201" and answer.json()["object"] == "payment" and "register" not in line[0]:
            names |= {"PAYMENT": answer.json()["id"], "SECRET": answer.json()["client_secret"]}
        if line["status"] == "201" and answer.json()["object"] in NAMED:
            names[answer.json()["object"].upper()] = answer.json()["id"]


@pytest.mark.usefixtures("_collector")
async def test_every_line_of_the_page_works(sqlite_url: str, tmp_path: Path) -> None:
    """Each answers with the status that stands behind it."""
    async with running(Network(Settings(seed=7)), Clock(SPEED)) as daraja:
        settings = settings_for(
            sqlite_url, tmp_path / "data", environment="simulator", base_url=daraja, callback_base_url="",
            consumer_key="sim-key", consumer_secret="sim-secret", passkey=SANDBOX_PASSKEY, clock_speed=SPEED,
        )  # fmt: skip
        async with (
            serving(lambda origin: build_server(settings, origin), lifespan=True) as origin,
            httpx2.AsyncClient(timeout=30) as client,
        ):
            names = {"HAKIKA": origin, "KEY": API_KEY}
            await run(client, names, PAGE)
            await run(client, names, EVENTS)


def test_every_endpoint_stands_on_the_page() -> None:
    """As a line that is run."""
    lines = [line["arguments"] for line in LINE.finditer(PAGE)]
    assert len(lines) == PAGE.count("\ncurl "), "a line does not say its status"
    for path, methods in create_app().openapi()["paths"].items():
        pattern = re.compile(r"\$HAKIKA" + re.sub(r"\\?\{\w+\\?\}", r"[\\w$]+", path) + r"(?=[\s?\"]|$)")
        told = [line for line in lines if pattern.search(line)]
        for method in methods:
            assert any(_method(line) == method.upper() for line in told), f"{method} {path}"
    assert all(f"`{path}`" in PAGE for path in OPEN_PATHS)


def _method(line: str) -> str:
    return as_request(line, {}).method


def test_every_type_of_event_stands_on_the_page() -> None:
    """In the table, and none that does not exist."""
    told = set(re.findall(r"^\| `([a-z.]+)`", EVENTS, re.MULTILINE))
    assert told - PROBES == set(EventType)
    assert told & PROBES == {PING}


@pytest.mark.parametrize("page", ["api.md", "errors.md"])
def test_every_error_stands_on_the_pages(page: str) -> None:
    """In the list of the one, with its own section in the other."""
    text = (PAGES / page).read_text(encoding="utf-8")
    assert [kind.code for kind in error_kinds() if f"`{kind.code}`" not in text] == []
