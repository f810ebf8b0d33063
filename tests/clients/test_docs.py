"""The examples of docs/javascript.md are programs that fit the package."""

import json
import re
from pathlib import Path

from tests.clients.javascript import MODULES, PACKAGE, require_tools, run_tool

PAGE = PACKAGE.parents[1] / "docs/javascript.md"
GIVEN = """
declare const server: string, ticket: import("hakika-client").Ticket, signal: AbortSignal;
declare function show(...given: unknown[]): void;
declare function showReceipt(receipt: string | null | undefined): void;
declare function sayThatNobodyKnowsYet(): void;
"""


def test_every_example_has_the_right_types(tmp_path: Path) -> None:
    """Each block of TypeScript on the page passes the compiler, as a user of the package would write it."""
    require_tools()
    blocks = re.findall(r"^```tsx?\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 3
    for number, block in enumerate(blocks):
        (tmp_path / f"example-{number}.tsx").write_text(block)
    (tmp_path / "given.d.ts").write_text(GIVEN)
    types = MODULES / "@types/react"
    paths = {
        "hakika-client": [str(PACKAGE / "src/index.ts")],
        "hakika-client/react": [str(PACKAGE / "src/react.tsx")],
        "react": [str(types / "index.d.ts")],
        "react/*": [str(types / "*")],
    }
    options = {"paths": paths, "noUnusedLocals": False}
    project = {"extends": str(PACKAGE / "tsconfig.json"), "compilerOptions": options, "include": ["*"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(project))
    run_tool("tsc", "--project", str(tmp_path))


def test_the_page_names_what_the_package_exports_and_every_state() -> None:
    """Nothing that a page can use or see is missing from the documentation."""
    text = PAGE.read_text()
    words = (PACKAGE / "src/words.ts").read_text()
    states = ["idle", "asking", "prompted", "confirming", "completed", "cancelled", "expired", "failed", "mispaid"]
    states += ["unresolved", "reversed", "unknown"]
    assert [state for state in states if f"`{state}`" not in text] == []
    assert [state for state in states[1:] if f"  {state}: " not in words] == []
    exports = ["pay", "query", "poll", "watch", "HakikaError", "usePayment", "MpesaPayment"]
    assert [name for name in exports if name not in text] == []
