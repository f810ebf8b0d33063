"""Kenyan mobile numbers, as people type them."""

import re

_SPELLING = re.compile(r"(?:\+?254|0)?([17]\d{8})")


def read_phone(text: str) -> str:
    """Read `0712345678`, `+254 712 345 678` … → `254712345678`, or "" where it is none."""
    match = _SPELLING.fullmatch(re.sub(r"[\s\-.()]", "", text)) if text.isascii() else None
    return f"254{match[1]}" if match else ""


def mask_phone(phone: str) -> str:
    """`254712345678` → `0712***678`."""
    return f"0{phone[3:6]}***{phone[-3:]}" if phone.startswith("254") else phone
