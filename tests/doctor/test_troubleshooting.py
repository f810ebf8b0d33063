"""The table of pains leads somewhere: each cause names checks that exist, and stands on the page under its own name."""

import re
from pathlib import Path

import pytest

from hakika.doctor.registry import CHECKS
from hakika.engine.explaining.causes import CAUSES
from hakika.engine.explaining.pains import PAINS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
NAMES = {check.name for check in CHECKS}


@pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda cause: cause.name)
def test_a_cause_names_checks_that_exist_and_stands_on_the_page(cause: object) -> None:
    """What `hakika explain` tells a person to run can be run, and where it sends them to read is there."""
    known = CAUSES[cause.name]  # type: ignore[attr-defined]
    assert set(known.checks) <= NAMES
    assert len(re.findall(rf"^### {known.name}$", PAGE, re.MULTILINE)) == 1


def test_the_table_has_all_twenty_pains_in_their_order() -> None:
    """By number; a pain with several causes has several rows."""
    rows = [int(number) for number in re.findall(r"^\| (\d+) \| \[", PAGE, re.MULTILINE)]
    assert rows == sorted(rows) == [cause.pain for cause in PAINS]
    assert set(rows) == set(range(1, 21))


def test_links_of_the_page_lead_to_checks() -> None:
    """Each address in docs/checks.md exists."""
    checks = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    headings = {re.sub(r"[`.]", "", heading) for heading in re.findall(r"^#+ (.+)$", checks, re.MULTILINE)}
    for page in ("troubleshooting.md", "going-live.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        assert set(re.findall(r"checks\.md#([\w-]+)", text)) <= headings
