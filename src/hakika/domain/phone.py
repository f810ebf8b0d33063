"""Kenyan mobile numbers: read in any usual spelling, kept as `2547XXXXXXXX` or `2541XXXXXXXX`."""

import re
from typing import NewType

from hakika.domain.errors import InvalidPhone

Phone = NewType("Phone", str)

# Prefixes are not hard-coded beyond 7 and 1: new 01 ranges keep being opened (daraja.md §1, Phones).
_SPELLING = re.compile(r"(?:\+?254|00254|0)?([17]\d{8})")
_PUNCTUATION = re.compile(r"[\s\-.()]")


def read_phone(text: str) -> Phone:
    """Read `0712345678`, `112345678`, `254…`, `+254 712 345 678` … → `254712345678`.

    Raises InvalidPhone, which says what was wrong in words that a payer understands.
    """
    if not text.isascii():
        raise InvalidPhone("The phone has characters that are no digits.")
    digits = _PUNCTUATION.sub("", text)
    match = _SPELLING.fullmatch(digits)
    if match is None:
        raise InvalidPhone(f"{mask_phone(text)!r} is not a Kenyan mobile number: {_fault_of(digits)}")
    return Phone("254" + match.group(1))


def mask_phone(text: str) -> str:
    """`254712345678` → `2547*****678`: enough to recognise, too little to call."""
    if len(text) < 8:
        return "*" * len(text)
    return f"{text[:4]}{'*' * (min(len(text), 20) - 7)}{text[-3:]}"


def _fault_of(digits: str) -> str:
    if not digits:
        return "it is empty."
    if not digits.removeprefix("+").isdigit():
        return "it has characters that are no digits."
    national = re.sub(r"^(\+?254|00254|0)", "", digits).removeprefix("+")
    if len(national) != 9:
        return f"nine digits must follow 0 or 254, and there are {len(national)}."
    return "mobile numbers begin with 07, 01, 2547 or 2541."
