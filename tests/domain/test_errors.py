"""Every error says what happened, what it means for the money and what to do."""

import inspect
import re
from collections import Counter
from collections.abc import Iterable

import pytest

from hakika.domain import errors
from hakika.domain.errors import CallerError, HakikaError, SettingError, Unavailable


def _below(base: type[HakikaError]) -> Iterable[type[HakikaError]]:
    for child in base.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from _below(child)


TREE: list[type[HakikaError]] = [HakikaError, *_below(HakikaError)]
GROUPS = {CallerError}  # never raised themselves: they share the base's code
EACH = pytest.mark.parametrize("error", TREE, ids=lambda error: error.__name__)


@EACH
def test_each_error_has_its_own_docstring(error: type[HakikaError]) -> None:
    """The docstring says what it is, as one or more sentences."""
    assert error.__doc__ is not None
    assert error.__doc__.strip().endswith(".")


@EACH
def test_each_error_says_title_money_and_cure(error: type[HakikaError]) -> None:
    """Title, money and cure are there; money and cure are whole sentences."""
    assert error.title
    for sentence in (error.money, error.cure):
        assert re.fullmatch(r"[A-Z`].+\.", sentence)


@EACH
def test_each_status_fits_its_side(error: type[HakikaError]) -> None:
    """The caller's errors are 4xx; ours are 5xx, or 429 where a budget is spent."""
    if issubclass(error, CallerError):
        assert 400 <= error.http_status < 500
    else:
        assert error.http_status >= 500 or (error.http_status == 429 and issubclass(error, Unavailable))


def test_codes_are_unique_and_stable_words() -> None:
    """No two errors share a code, and a code is lower-case words."""
    counts = Counter(error.code for error in TREE if error not in GROUPS)
    assert counts.most_common(1)[0][1] == 1
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in counts)


def test_every_error_is_in_the_tree() -> None:
    """No exception of the module stands outside the tree."""
    defined = {
        error
        for _, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, BaseException) and error.__module__ == errors.__name__
    }
    assert defined == set(TREE)


def test_the_drawn_tree_is_the_real_one() -> None:
    """The tree in the module's docstring shows each class of the top levels under its parent, with its status."""
    drawn = re.findall(r"^ +(│   )?[├└]── (\w+)(?: +(\d{3}))?", errors.__doc__ or "", re.MULTILINE)
    top = {name for indent, name, _ in drawn if not indent}
    below = {name for indent, name, _ in drawn if indent}
    assert top == {child.__name__ for child in HakikaError.__subclasses__() if child in TREE}
    assert below == {child.__name__ for child in CallerError.__subclasses__() if child in TREE}
    by_name = {error.__name__: error for error in TREE}
    assert all(by_name[name].http_status == int(status) for _, name, status in drawn if status)


def test_detail_defaults_to_the_title_and_extra_is_kept() -> None:
    """An error raised bare still says something; what it carries goes into the problem document."""
    bare, full = errors.PayerBusy(), errors.PayerBusy("Busy until 12:00.", retry_after=7)
    assert (bare.detail, str(bare), bare.extra) == (bare.title, bare.title, {})
    assert (full.detail, str(full), full.extra) == ("Busy until 12:00.", "Busy until 12:00.", {"retry_after": 7})


def test_a_setting_error_names_setting_rule_and_cure() -> None:
    """The server that refuses to start says which setting, which rule and which cure in one sentence."""
    error = SettingError("MPESA_PASSKEY", "is missing.", "Set it.")
    assert str(error) == "MPESA_PASSKEY: is missing. Set it."
    assert (error.setting, error.rule, error.remedy) == ("MPESA_PASSKEY", "is missing.", "Set it.")
