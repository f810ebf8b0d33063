"""What payers read: fields, parts that are left out, and templates that are refused."""

import pytest

from hakika.domain.errors import InvalidRequest
from hakika.domain.wording import FIELDS, LANGUAGES, LATE, LENGTH, SHIPPED, SUBJECTS, TYPES, check_words, render, tidy

EVERYTHING = {
    "name": "Wanjiru's", "amount": "1,250", "amount_received": "1,250", "reference": "A-1042", "receipt": "UKLM6BSJQ5",
    "reason": "The balance is insufficient.", "phone": "2547*****678", "time": "21/11/2026 09:30",
    "opt_out": "Reply STOP.",
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event_type", [*TYPES, LATE])
def test_the_shipped_words_read_well_with_and_without_their_parts(event_type: str, language: str) -> None:
    """In both languages, in plain letters that cost one SMS; no brace, bracket or double space is left."""
    assert set(EVERYTHING) == set(FIELDS)
    for words in (SHIPPED, SUBJECTS):
        template = words[event_type][language]
        bare = {**EVERYTHING, "receipt": "", "opt_out": "", "reason": ""}
        for values in (EVERYTHING, bare):
            text = render(template, values)
            assert text.isascii()
            assert len(text) <= 160
            assert not {"{", "}", "[", "]", "  "} & {*text, *(pair for pair in zip_pairs(text))}
    check_words(SHIPPED, "templates", LENGTH)


def zip_pairs(text: str) -> list[str]:
    """Every two letters that stand beside each other."""
    return [text[place : place + 2] for place in range(len(text) - 1)]


def test_values_stay_values() -> None:
    """A reference that looks like a template is a reference; a part whose field is empty goes with its words."""
    assert render("Paid {reference}.[ {receipt}]", {"reference": "{receipt}[x]", "receipt": ""}) == "Paid {receipt}[x]."
    assert tidy("a\nb\t\u2028 c" + "x" * 500) == ("a b c" + "x" * 500)[:120]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{customer}", "no field 'customer'"),
        ("{reference.__class__}", "no field"),
        ("{0}", "no field"),
        ("{receipt", "no partner"),
        ("[ {receipt}", "no partner"),
        ("[a [b] c]", "no partner"),
        ("   ", "1 to"),
        ("x" * (LENGTH + 1), "1 to"),
        ("a\x00b", "control"),
    ],
)
def test_a_template_that_could_not_be_rendered_is_refused(template: str, words: str) -> None:
    """What is wrong is said, with type and language."""
    with pytest.raises(InvalidRequest, match=r"`templates`, payment\.completed, en") as refused:
        check_words({"payment.completed": {"en": template}}, "templates", LENGTH)
    assert words in refused.value.detail


def test_types_and_languages_are_the_known_ones() -> None:
    """Payers are told of no other, and a subject is one line."""
    with pytest.raises(InvalidRequest, match=r"told of no 'payment\.unresolved'"):
        check_words({"payment.unresolved": {"en": "x"}}, "templates", LENGTH)
    with pytest.raises(InvalidRequest, match="en and sw"):
        check_words({"payment.completed": {"fr": "x"}}, "templates", LENGTH)
    with pytest.raises(InvalidRequest, match="one line"):
        check_words({"payment.completed": {"en": "a\nb"}}, "subjects", 100)
