"""The rules by themselves: each has its section in the docs; hours are Nairobi's; figures are what opens and closes."""

from pathlib import Path
from typing import Any

import pytest

from hakika.domain.budget import open_budget
from hakika.engine.alerts.hours import is_open, spell
from hakika.engine.alerts.judging import Key, judge
from hakika.engine.alerts.rule import Certificate, Disk, Figures, State
from hakika.engine.alerts.rulebook import RULES, Setting, Settings
from hakika.engine.messages.apprise_urls import SERVICES
from hakika.store.alerts.figures import FailingEndpoint, Tally, Trouble
from tests.engine.till import START_MS

PAGE = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
HOUR_MS = 3_600_000
TEN_MS = START_MS - 7 * HOUR_MS  # 10:13 in Nairobi
TROUBLE = {"acc_1": Trouble(1, TEN_MS, ("pay_1",))}
FAILING = FailingEndpoint("ep_1", "live", "https://shop.example", 4, TEN_MS - 6 * 60_000, "")
SLOW = (
    '{"full_rate":100.0,"query_limit":60.0,"rate":20.0,"pushes":0.0,"queries":0.0,"query_room":1.0,"refilled_at_ms":%d}'
)


def shipped() -> Settings:
    """Every rule on, with the thresholds that it is shipped with."""
    return {
        name: Setting(active=True, thresholds={one: bounds.default for one, bounds in rule.thresholds.items()})
        for name, rule in RULES.items()
    }


HOLDING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "pending-long": ({"pending": TROUBLE}, {}),
    "unresolved": ({"unresolved": TROUBLE}, {}),
    "mispaid": ({"mispaid": TROUBLE}, {}),
    "callbacks-silent": ({"called": {"acc_1": Tally(prompted=3)}}, {"called": {"acc_1": Tally(called_back=1)}}),
    "callback-errors": (
        {"unread": 6, "reading": {"acc_1": Tally(called_back=94)}},
        {"unread": 5, "reading": {"acc_1": Tally(called_back=95)}},
    ),
    "success-rate": (
        {"lately": {"acc_1": Tally(40, 40, 20)}, "before": {"acc_1": Tally(40, 40, 30)}},
        {"lately": {"acc_1": Tally(40, 40, 21)}, "before": {"acc_1": Tally(40, 40, 30)}},
    ),
    "successes-few": ({"succeeding": {"acc_1": Tally(10)}}, {"succeeding": {"acc_1": Tally(10, 1, 1)}}),
    "spike-arrests": ({"budgets": {"acc_1": SLOW % TEN_MS}}, {"budgets": {"acc_1": SLOW % (TEN_MS - 4 * 60_000)}}),
    "endpoint-failing": ({"endpoints": (FAILING,)}, {}),
    "certificate": (
        {"certificate": Certificate("pay.example", 13.9)},
        {"certificate": Certificate("pay.example", 14)},
    ),
    "disk": ({"disk": Disk("/", 2**30, 100 * 2**30)}, {"disk": Disk("/", 2**30, 5 * 2**30)}),
    "invariant-broken": ({"frozen": TROUBLE}, {}),
}
"""Rule → figures for which it holds, and figures that are just well."""


def look(**given: Any) -> dict[Key, State]:
    """What all rules say."""
    figures = Figures(now_ms=TEN_MS, mode="live", accounts={"acc_1": "shop"}, **given)
    return {key: sign.state for key, sign in judge(figures, shipped(), (), ()).items()}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_holds_for_its_figures_and_no_other_does(rule: str) -> None:
    """At its threshold it holds, and just beside it does not: of what a rule says nothing is well."""
    holding, well = HOLDING[rule]
    assert [key.rule for key, state in look(**holding).items() if state is State.HOLDS] == [rule]
    assert [key for key, state in look(**well).items() if state is State.HOLDS] == []
    assert all(state is State.WELL for key, state in look(**well).items() if key.rule == rule)


def test_with_too_little_to_say_nothing_is_said() -> None:
    """No pushes, few payments, nothing measured: neither opens nor closes."""
    unknown = {key.rule for key, state in look().items() if state is State.UNKNOWN}
    assert unknown == {"callbacks-silent", "success-rate", "successes-few", "certificate", "disk"}


def test_an_endpoint_that_answered_410_is_told_at_once() -> None:
    """It is off, and its events wait; one that only just fails is not told yet."""
    gone = FAILING._replace(failures=0, failing_since_ms=0, off_reason="It answered 410 Gone.")
    assert look(endpoints=(gone,))[Key("endpoint-failing", "ep_1")] is State.HOLDS
    just = FAILING._replace(failing_since_ms=TEN_MS - 60_000)
    assert look(endpoints=(just,))[Key("endpoint-failing", "ep_1")] is State.UNKNOWN


def test_a_budget_that_was_never_pressed_is_well() -> None:
    """The full rate is no spike arrest."""
    assert open_budget(100, 60, TEN_MS).rate == 100


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_has_its_section_in_the_docs(rule: str) -> None:
    """With what it means for the money, what to do first, and every threshold."""
    section = PAGE.partition(f"### `{rule}`\n")[2].partition("\n#")[0]
    told = RULES[rule]
    for words in (told.title, told.meaning, told.cure, told.hint, *(f"| `{name}` |" for name in told.thresholds)):
        assert words in section, words


def test_each_service_stands_in_the_docs() -> None:
    """And the page names no rule that does not exist."""
    assert all(f"`{scheme}://`" in PAGE for scheme in SERVICES)
    assert PAGE.count("\n### `") == len(RULES)
    assert "Twelve rules" in PAGE
    assert len(RULES) == 12


@pytest.mark.parametrize(
    ("hour", "hours", "is_so"),
    [
        (7.99, (8, 20), False), (8.0, (8, 20), True), (19.99, (8, 20), True), (20.0, (8, 20), False),
        (23.0, (22, 6), True), (5.99, (22, 6), True), (12.0, (22, 6), False), (3.0, (0, 24), True), (3.0, (0, 0), True),
    ],
)  # fmt: skip
def test_hours_are_those_of_nairobi(hour: float, hours: tuple[int, int], is_so: bool) -> None:
    """Also over midnight."""
    midnight_utc_ms = START_MS - START_MS % (24 * HOUR_MS)
    assert is_open(round(midnight_utc_ms + (hour - 3) * HOUR_MS), *hours) is is_so


def test_moments_are_spelled_as_in_nairobi() -> None:
    """With the zone's name: half past two in London is half past five here."""
    assert spell(START_MS) == "21 Sep 17:13 EAT"
