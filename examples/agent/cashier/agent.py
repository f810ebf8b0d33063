"""An agent that is paid by M-Pesa. `adk web` and `adk run` find `root_agent` here.

All that decides about money is in grant.toml, which a person writes and no model reads.
"""

import os
from pathlib import Path

from google.adk.agents import LlmAgent

from hakika.agent.adk import INSTRUCTION, build_tools
from hakika.agent.assembly import open_toolbox
from hakika.agent.grants import read_grant

from .offline import OfflineModel

HERE = Path(__file__).parent
# Any model that ADK knows ("gemini-2.5-flash", with GOOGLE_API_KEY); without one, a few rules that need no internet.
MODEL = os.environ.get("HAKIKA_AGENT_MODEL", "")

toolbox = open_toolbox(read_grant(HERE.parent / "grant.toml"))  # HAKIKA_SERVER, HAKIKA_API_KEY

root_agent = LlmAgent(
    name="cashier",
    model=MODEL or OfflineModel(model="offline"),
    description="Asks phones for M-Pesa payments, and says what became of them.",
    instruction=INSTRUCTION,
    tools=build_tools(toolbox),
)
