"""Kenyan mobile numbers in every usual spelling, and clear words for those that are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakika.domain.errors import InvalidPhone
from hakika.domain.phone import mask_phone, read_phone

PUNCTUATION = st.sampled_from(["", " ", "-", ".", "  "])


@pytest.mark.parametrize(
    "spelling",
    [
        "0712345678",
        "712345678",
        "254712345678",
        "+254712345678",
        "00254712345678",
        "0712 345 678",
        "0712-345-678",
        "+254 712 345 678",
        "+254 (712) 345-678",
        "(0712) 345 678",
        "0712.345.678",
        " 0712345678 ",
        "0712345678\n",
        "07 12 34 56 78",
        "254-712-345-678",
    ],
)
def test_usual_spellings_are_one_number(spelling: str) -> None:
    """However people write it, it is kept as 2547XXXXXXXX."""
    assert read_phone(spelling) == "254712345678"


@pytest.mark.parametrize("spelling", ["0112345678", "112345678", "254112345678", "+254 112 345 678"])
def test_numbers_that_begin_with_01(spelling: str) -> None:
    """The newer 01 numbers are mobile numbers, too."""
    assert read_phone(spelling) == "254112345678"


@given(st.sampled_from(["", "0", "254", "+254", "00254"]), st.from_regex(r"[17][0-9]{8}", fullmatch=True), st.data())
def test_any_punctuation_in_any_place(prefix: str, national: str, data: st.DataObject) -> None:
    """Spaces, dashes and dots between digits mean nothing, and every prefix behind 7 and 1 is accepted."""
    spelling = "".join(character + data.draw(PUNCTUATION) for character in prefix + national)
    assert read_phone(spelling) == "254" + national


@pytest.mark.parametrize(
    ("wrong", "because"),
    [
        ("", "it is empty"),
        ("   ", "it is empty"),
        ("071234567", "there are 8"),
        ("07123456789", "there are 10"),
        ("25471234567", "there are 8"),
        ("0201234567", "begin with 07, 01"),
        ("0812345678", "begin with 07, 01"),
        ("+255712345678", "there are 12"),
        ("0712x45678", "no digits"),
        ("0712345678; DROP TABLE", "no digits"),
        ("٠٧١٢٣٤٥٦٧٨", "no digits"),
        ("07123456７8", "no digits"),
        ("++254712345678", "no digits"),
        ("2540712345678", "there are 10"),
        ("9" * 10_000, "there are 10000"),
    ],
)
def test_wrong_numbers_say_what_is_wrong(wrong: str, because: str) -> None:
    """What is no Kenyan mobile number is refused, in words that a payer understands and of bounded length."""
    with pytest.raises(InvalidPhone) as refusal:
        read_phone(wrong)
    assert because in refusal.value.detail
    assert len(refusal.value.detail) < 200


@pytest.mark.parametrize("wrong", ["0812345679", "+255712345679", "07123456789012", "25420123456789"])
def test_a_refusal_never_echoes_the_number(wrong: str) -> None:
    """A number that is refused stands in the message only masked, so that logs hold no phone numbers."""
    with pytest.raises(InvalidPhone) as refusal:
        read_phone(wrong)
    assert mask_phone(wrong) in refusal.value.detail
    assert wrong[4:-3] not in refusal.value.detail


def test_masks() -> None:
    """A mask shows enough to recognise and too little to call; short texts show nothing."""
    assert mask_phone("254712345678") == "2547*****678"
    assert mask_phone("0712345678") == "0712***678"
    assert mask_phone("1234567") == "*******"
    assert mask_phone("") == ""
    assert len(mask_phone("7" * 1_000)) == 20
