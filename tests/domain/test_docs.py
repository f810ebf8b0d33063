"""The docs of the machine say what the code does."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

from docs import generate
from hakika.domain.payment import DECLINED, KNOWN_FINAL, TRANSITIONS, Stage, Status

ROOT = Path(__file__).parents[2]
PAYMENT = (ROOT / "docs" / "payment.md").read_text(encoding="utf-8")
CODES = (ROOT / "docs" / "result-codes.md").read_text(encoding="utf-8")


def _words(nodes: Iterable[ast.expr]) -> set[str]:
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _is_flags(node: ast.expr) -> bool:
    return "flags" in {getattr(node, "id", ""), getattr(node, "attr", "")}


def _flags_in(source: str) -> set[str]:
    """Find the flags that a module can set: added to `flags`, beside `*flags`, or given as `flags=(…)`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=target, attr="add" | "append"), args=words) if _is_flags(target):
                found |= _words(words)
            case ast.Tuple(elts=items) | ast.Set(elts=items):
                if any(isinstance(item, ast.Starred) and _is_flags(item.value) for item in items):
                    found |= _words(items)
            case ast.keyword(arg="flags", value=ast.Tuple(elts=items)):
                found |= _words(items)
            case _:
                pass
    return found


def test_docs_are_what_the_generator_gives() -> None:
    """The committed pages are up to date: run docs/generate.py after a change of the table or the codes."""
    assert [path.name for path, _ in generate.find_stale()] == []
    assert generate.main(["--check"]) == 0


def test_every_block_is_used() -> None:
    """Each thing that the generator can write stands on some page."""
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    marked = re.findall(r"<!-- generated: ([\w-]+) -->", pages)
    assert sorted(marked) == sorted(generate.BLOCKS)


def test_a_stale_block_is_written_anew() -> None:
    """Whatever stands between the marks is replaced, and nothing else is."""
    stale = "before\n<!-- generated: final-codes -->\nold\n<!-- end: final-codes -->\nafter\n"
    fresh = generate.regenerate(stale)
    assert "old" not in fresh
    assert fresh.startswith("before\n<!-- generated")
    assert fresh.endswith("-->\nafter\n")
    assert generate.regenerate(fresh) == fresh


def test_the_diagram_is_the_table() -> None:
    """Read back, with the box of declines opened, the drawn arrows are TRANSITIONS."""
    boxes = {str(status): {status} for status in Status} | {"declined": set(DECLINED)}
    drawn = re.findall(r"^ +(\w+) --> (\w+):", generate.draw_transitions(), re.MULTILINE)
    arrows = {(a, b) for before, after in drawn for a in boxes[before] for b in boxes[after] if a is not b}
    assert arrows == {(before, after) for before, afters in TRANSITIONS.items() for after in afters}


def test_every_final_code_is_listed_and_explained() -> None:
    """Each code of the closed list stands in both pages."""
    for code in KNOWN_FINAL:
        assert f"`{code}`" in generate.list_final_codes()
        assert f"| `{code}` |" in CODES


def test_every_status_and_stage_is_explained() -> None:
    """Each status and each stage has a row of its own."""
    for word in (*Status, *Stage):
        assert re.search(rf"^\| `{word}` \| \w", PAYMENT, re.MULTILINE)


def test_every_flag_is_explained() -> None:
    """Each flag that the code can set has a row of its own, and no row explains a flag that nothing sets."""
    sources = (ROOT / "src" / "hakika").rglob("*.py")
    settable = set().union(*(_flags_in(path.read_text(encoding="utf-8")) for path in sources))
    explained = set(re.findall(r"^\| `(\w+)` \|", PAYMENT.partition("## Flags")[2], re.MULTILINE))
    assert {"late", "contradicted", "callback_unreadable", "checkout_mismatch"} <= settable
    assert explained == settable
