"""The tools by the Model Context Protocol: the SDK's own client, over both transports and both ages of the protocol."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult
from typer.testing import CliRunner

from hakika.agent.mcp import build_http, build_mcp
from hakika.agent.tools import Toolbox
from hakika.cli.app import registered
from tests.agent.counter import PAYER, SILENT, Counter
from tests.api.house import API_KEY
from tests.api.serving import listening, serving
from tests.cli.conftest import clear_settings

pytestmark = pytest.mark.anyio
SOURCE = Path(__file__).parents[2] / "src"
READING = {
    "check_payment_status_realtime", "wait_for_payment", "list_recent_payments", "explain_payment", "run_doctor",
}  # fmt: skip
SPENDING = {"send_instant_payment_with_tracking", "request_many"}
LUNCH = {"phone_number": PAYER, "amount": 500, "context": "lunch"}
TOKEN = "the-token-of-these-tests"
Age = Literal["auto", "legacy"]


class Person:
    """Who uses the client."""

    def __init__(self, *answers: dict[str, Any] | str) -> None:
        self.answers, self.asked = list(answers), list[str]()

    async def __call__(self, _: Any, params: Any) -> ElicitResult:
        """Answer a question."""
        self.asked.append(params.message)
        answer = self.answers.pop(0)
        if isinstance(answer, dict):
            return ElicitResult(action="accept", content=answer)
        return ElicitResult(action=answer)  # type: ignore[arg-type]


@asynccontextmanager
async def stdio(counter: Counter, *options: str, **client: Any) -> AsyncIterator[Client]:
    """Run `hakika mcp` as a client does, against the house on a real port."""
    async with listening(counter) as url:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "HAKIKA_API_KEY": API_KEY}
        program = StdioServerParameters(
            command=sys.executable, args=["-m", "hakika.cli", "mcp", "--server", url, *options],
            env=environment, cwd=counter.folder.parent,
        )  # fmt: skip
        async with Client(program, **client) as opened:
            yield opened


@asynccontextmanager
async def http(toolbox: Toolbox, token: str = TOKEN, **client: Any) -> AsyncIterator[Client]:
    """Serve on a real port, and come as a client."""
    app = build_http(build_mcp(toolbox), toolbox, "127.0.0.1", TOKEN)
    headers = {"Authorization": f"Bearer {token}"}
    async with serving(lambda _: app, lifespan=True) as url:
        if toolbox.consents is not None:
            toolbox.consents.origin = url
        async with (
            httpx2.AsyncClient(headers=headers, trust_env=False) as wire,
            Client(streamable_http_client(f"{url}/mcp", http_client=wire), **client) as opened,
        ):
            yield opened


async def call(client: Client, name: str, /, **arguments: Any) -> dict[str, Any]:
    """Call a tool. → its answer."""
    done = await client.call_tool(name, arguments)
    assert not done.is_error, done.content
    assert done.structured_content is not None
    return dict(done.structured_content)


async def test_without_a_grant_it_only_reads(counter: Counter) -> None:
    """Over stdio: five tools, each marked as reading, and none that charges even by its name."""
    paid = await counter.hakika.ask(reference="order-1")
    async with stdio(counter) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == READING
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools.values())
        assert (await call(client, "check_payment_status_realtime", checkout_request_id=paid["id"]))[
            "status"
        ] == "pending"
        refused = await client.call_tool("send_instant_payment_with_tracking", LUNCH)
        assert refused.is_error
    assert counter.pushes == 0


async def test_a_grant_spends_over_stdio(counter: Counter) -> None:
    """The seed's payment is followed to its end; the next process knows of it, and has a page for a person's yes."""
    file = counter.folder.parent / "grant.toml"
    lines = {"mode": '"test"', "per_payment": 600, "per_day": 1000, "payers": f'["{PAYER}"]', "code": '"471147"'}
    file.write_text("".join(f"{name} = {value}\n" for name, value in (lines | {"confirm_above": 450}).items()))
    async with stdio(counter, "--grant", str(file)) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == READING | SPENDING
        assert "This CHARGES that phone." in (tools["send_instant_payment_with_tracking"].description or "")
        told = await call(client, "send_instant_payment_with_tracking", **(LUNCH | {"amount": 400}))
        assert told["status"] == "success", told
    async with stdio(counter, "--grant", str(file)) as client:
        told = await call(client, "send_instant_payment_with_tracking", **LUNCH)
        assert told["status"] == "needs_confirmation", told
        async with httpx2.AsyncClient(trust_env=False) as browser:
            await browser.post(told["confirm_at"], data={"code": "471147", "answer": "yes"})
        assert (await call(client, "send_instant_payment_with_tracking", **LUNCH))["status"] == "success"
        told = await call(client, "send_instant_payment_with_tracking", **(LUNCH | {"amount": 101}))
        assert told["reason"] == "over_per_day"
    assert counter.pushes == 2


@pytest.mark.parametrize("age", ["auto", "legacy"])
async def test_a_person_is_asked_by_elicitation(counter: Counter, age: Age) -> None:
    """Over HTTP: a no, an unticked yes and a closed window charge nobody; a yes does, and what it said was asked."""
    person = Person("decline", "cancel", {"approve": False}, {"approve": True})
    async with http(counter.toolbox(confirm_above=100), mode=age, elicitation_callback=person) as client:
        for _ in range(3):
            told = await call(client, "send_instant_payment_with_tracking", **LUNCH)
            assert (told["reason"], counter.pushes) == ("not_confirmed", 0)
        assert (await call(client, "send_instant_payment_with_tracking", **LUNCH))["status"] == "success"
        again = await call(client, "send_instant_payment_with_tracking", **LUNCH)
        assert again["already_asked"]
        assert (await call(client, "send_instant_payment_with_tracking", **(LUNCH | {"amount": 5000})))["reason"]
    assert len(person.asked) == 4
    assert person.asked[0].startswith("Charge 0712345678 KES 500. Stated purpose: “lunch”")


@pytest.mark.parametrize("age", ["auto", "legacy"])
async def test_a_client_that_cannot_ask_gets_a_link(counter: Counter, age: Age) -> None:
    """The page is served beside the tools, without their token; after the yes the same call goes on."""
    async with http(counter.toolbox(confirm_above=100, code="471147"), mode=age) as client:
        told = await call(client, "send_instant_payment_with_tracking", **LUNCH)
        assert (told["status"], counter.pushes) == ("needs_confirmation", 0)
        async with httpx2.AsyncClient(trust_env=False) as browser:
            said = await browser.post(told["confirm_at"], data={"code": "471147", "answer": "yes"})
        assert "You said yes" in said.text
        assert (await call(client, "send_instant_payment_with_tracking", **LUNCH))["status"] == "success"


async def test_many_are_asked_once_with_progress(counter: Counter) -> None:
    """One question for the whole list, and the client hears how far it is."""
    person, heard = Person({"approve": True}), list[tuple[float, float | None]]()

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total))

    payments = [{"phone_number": f"071234567{number}", "amount": 100, "context": "rent"} for number in range(3)]
    async with http(counter.toolbox(payers=["*"], confirm_above=200), elicitation_callback=person) as client:
        done = await client.call_tool("request_many", {"payments": payments}, progress_callback=progress)
        assert done.structured_content is not None
        assert done.structured_content["counts"] == {"success": 3}
    assert sorted(heard) == [(1.0, 3.0), (2.0, 3.0), (3.0, 3.0)]
    assert len(person.asked) == 1
    assert person.asked[0].startswith("3 payments, KES 300 in all:")


async def test_nobody_comes_in_without_the_token(counter: Counter) -> None:
    """Over HTTP with a grant: no token or a wrong one, and a page of another site, are refused."""
    toolbox = counter.toolbox()
    app = build_http(build_mcp(toolbox), toolbox, "127.0.0.1", TOKEN)
    async with serving(lambda _: app, lifespan=True) as url, httpx2.AsyncClient(trust_env=False) as wire:
        for headers in ({}, {"Authorization": "Bearer no"}):
            assert (await wire.post(f"{url}/mcp", json={}, headers=headers)).status_code == 401
        elsewhere = {"Authorization": f"Bearer {TOKEN}", "Origin": "http://evil.example"}
        assert (await wire.post(f"{url}/mcp", json={}, headers=elsewhere)).status_code == 403
        elsewhere = {"Authorization": f"Bearer {TOKEN}", "Host": "evil.example"}
        assert (await wire.post(f"{url}/mcp", json={}, headers=elsewhere)).status_code == 421


async def test_a_wait_that_is_over_says_so(counter: Counter) -> None:
    """Over HTTP the seed's timeout is told as unknown."""
    counter.answers[PAYER] = SILENT
    async with http(counter.toolbox()) as client:
        begun = await call(client, "send_instant_payment_with_tracking", **LUNCH, wait_for_completion=False)
        told = await call(client, "wait_for_payment", payment=begun["payment"]["id"], timeout_seconds=0)
    assert (told["status"], told["may_ask_again"]) == ("timeout", False)


BLOCKED = """
import sys
for name in ("mcp", "mcp_types", "google"):
    sys.modules[name] = None
import hakika, hakika.main, hakika.cli.app, hakika.agent.tools, hakika.agent.assembly
sys.argv = ["hakika", "mcp"]
hakika.cli.app.main()
"""


def test_the_extras_are_extras(tmp_path: Path) -> None:
    """Without them the package, the server and the plain tools are imported; `hakika mcp` names the cure."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", BLOCKED]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "-m pip install 'hakika[mcp]'" in " ".join(done.stderr.split())


def test_without_a_key_or_with_two_grants_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is guessed: no server on this machine and no key, a file and options, a grant without limits."""
    monkeypatch.chdir(tmp_path)
    clear_settings(monkeypatch)
    (tmp_path / "grant.toml").write_text("mode = 'test'")

    def run(*options: str) -> str:
        done = CliRunner().invoke(registered(), ["mcp", *options])
        assert done.exit_code in {1, 2}
        return done.stderr

    whole = ("--mode", "test", "--per-payment", "5", "--per-day", "9", "--payer", PAYER, "--confirm-above", "0")
    assert "There is no API key" in run()
    assert "There is no API key" in run(*whole)
    assert "a file or options" in run("--grant", "grant.toml", "--mode", "test")
    assert "per_payment" in run("--grant", "grant.toml")
    assert "cannot be read" in run("--grant", "nowhere.toml")
    assert "payers" in run(*whole[:6])
