"""The agent of examples/agent, as ADK finds it, against Hakika on the simulator."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.examples.world import World

SAID = ("Send 500 to 0712345678 for lunch", "Send 500 to 0799999999 for lunch", "recent payments", "hello")
AGENTS = Path(__file__).parents[2] / "examples/agent"


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
def test_the_seeds_dialogue_on_the_simulator(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """“Send 500 to 0712345678 for lunch” rings that phone, and is said to be paid when its owner paid."""
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
        return [await say(session, text) for text in SAID]

    paid, refused, listed, helped = asyncio.run(talk())
    assert "0712345678 was charged KES 500" in paid
    assert "0799999999 is not among the phones" in refused
    assert "payments, newest first" in listed
    assert "Send 500 to" in helped
