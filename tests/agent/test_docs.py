"""docs/agents.md and examples/agent say what is so."""

import re
import tomllib
from pathlib import Path

from hakika.agent.grants import check_grant, read_grant
from hakika.agent.tools import Toolbox

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/agents.md").read_text()


def test_the_grants_that_are_shown_are_whole() -> None:
    """That of the page and that of the example are read without a complaint, and bound something."""
    shown = re.search(r"<!-- grant -->\n\n```toml\n(.*?)```", PAGE, re.DOTALL)
    assert shown
    for grant in (check_grant(tomllib.loads(shown[1])), read_grant(ROOT / "examples/agent/grant.toml")):
        assert (grant.mode, grant.per_payment, grant.confirm_above) == ("test", 1000, 500)
        assert grant.payers[0] == "254712345678"


def test_the_table_names_the_tools() -> None:
    """Each tool has a row, and each row a tool with a docstring."""
    named = set(re.findall(r"^\| `(\w+_\w+)` \| (?!a guard)", PAGE, re.MULTILINE)) - {"needs_confirmation"}
    tools = {name for name, tool in vars(Toolbox).items() if name in named and tool.__doc__}
    assert named == tools
    assert len(named) == 7
