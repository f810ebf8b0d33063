"""The agent of examples/agent, as ADK finds it, against Hakika on the simulator."""

import asyncio
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from hakika.cli.connection import data_dir_for
from hakika.config import parse_settings
from hakika.serving.presence import Presence, announce
from tests.examples.world import World

SAID = (
    "Send 500 to 0712345678 for lunch",
    "Send 500 to 0799999999 for lunch",
    "recent payments",
    "status of {receipt}",
    "explain {receipt}",
    "hello",
)
AGENTS = Path(__file__).parents[2] / "examples/agent"


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
def test_the_seeds_dialogue_on_the_simulator(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """“Send 500 to 0712345678 for lunch” rings that phone; when its owner paid, its receipt is said, and names it."""
    from google.adk.cli.utils.agent_loader import AgentLoader  # noqa: PLC0415
    from google.adk.runners import InMemoryRunner  # noqa: PLC0415
    from google.genai import types  # noqa: PLC0415

    monkeypatch.setenv("HAKIKA_SERVER", world.url)
    monkeypatch.setenv("HAKIKA_API_KEY", world.key)
    monkeypatch.setenv("HAKIKA_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "path", [*sys.path])
    world.let_answer("254712345678")
    loader = AgentLoader(str(AGENTS))
    assert loader.list_agents() == ["cashier"]
    agent: Any = loader.load_agent("cashier")
    runner = InMemoryRunner(agent=agent, app_name="cashier")

    async def say(session: str, text: str) -> str:
        message, said = types.Content(role="user", parts=[types.Part(text=text)]), ""
        async for event in runner.run_async(user_id="u", session_id=session, new_message=message):
            said = "".join(part.text or "" for part in (event.content.parts if event.content else None) or []) or said
        return said

    async def talk() -> list[str]:
        session = (await runner.session_service.create_session(app_name="cashier", user_id="u")).id
        said = [await say(session, SAID[0])]
        receipt = said[0].split()[-1].strip(".")
        return said + [await say(session, text.format(receipt=receipt)) for text in SAID[1:]]

    paid, refused, listed, known, explained, helped = asyncio.run(talk())
    receipt = world.client.payments.list(limit=1).data[0].receipt
    assert paid == f"Paid: 0712345678 was charged KES 500. M-Pesa receipt {receipt}."
    assert "0799999999 is not among the phones" in refused
    assert listed.startswith("1 payment, newest first.")
    assert f"KES 500 from 0712***678, completed {receipt}" in listed
    assert known == paid
    assert explained.startswith(paid)
    assert "was published as payment.completed" in explained
    assert "Send 500 to" in helped


@pytest.mark.parametrize("name", ["UKLODFWYYX", "UKLM6BSJQ5", "pay_01m7zekwvgqh3nmyfqe1h95gm8", "order-7"])
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
def test_a_payment_is_known_by_every_name_that_it_has(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receipt without a digit, one receipt in ten, names a payment as one with a digit does; plain words do not."""
    monkeypatch.syspath_prepend(str(AGENTS))
    understand = importlib.import_module("cashier.offline").OfflineModel(model="offline")._understand
    assert understand(f"status of {name}").function_call.args == {"checkout_request_id": name}
    assert understand(f"explain {name}, please").function_call.args == {"payment": name}
    assert understand("recent payments").function_call.name == "list_recent_payments"


def test_what_was_asked_of_a_demo_is_kept_with_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next demo empties its folder: else the agent would speak of payments that it does not know."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HAKIKA_DATA_DIR", raising=False)
    demo, url = Path(".hakika/demo/9000"), "http://localhost:9000"
    with announce(demo, Presence(url, 1, "2026-11-21T06:00:00Z", "sqlite", "local_1")):
        assert data_dir_for(parse_settings(), url) == demo
        assert data_dir_for(parse_settings(), "http://localhost:9001") == Path(".hakika")
        monkeypatch.setenv("HAKIKA_DATA_DIR", "elsewhere")
        assert data_dir_for(parse_settings(), url) == Path("elsewhere")


def test_what_was_asked_of_a_server_is_not_kept_with_a_demo_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server at the address of a demo that left its word behind has its own folder, which no demo empties."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HAKIKA_DATA_DIR", raising=False)
    demo, own, url = Path(".hakika/demo/9000"), Path(".hakika"), "http://localhost:9000"
    killed = Presence(url, 1, "2026-11-21T06:00:00Z", "sqlite", "local_1")
    serving = Presence(url, 2, "2026-11-21T07:00:00Z", "sqlite", "local_2")
    with announce(demo, killed), announce(own, serving):
        assert data_dir_for(parse_settings(), url) == own
    with announce(own, killed), announce(demo, serving):
        assert data_dir_for(parse_settings(), url) == demo
