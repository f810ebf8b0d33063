"""The code that pages of docs show, taken out to be run as it stands."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"<!-- run: (?P<name>[\w ]+) -->\n\n```python\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: str) -> dict[str, str]:
    """Return the marked blocks of a page, by name."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = {block["name"]: block["code"] for block in _BLOCK.finditer(text)}
    assert len(found) == text.count("```python"), "a block has no mark, or a mark of another"
    return found
